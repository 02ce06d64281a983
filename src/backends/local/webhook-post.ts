import { lookup } from "node:dns";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { Post, Posted } from "../../control/webhooks.ts";
import { privateTarget } from "../../control/webhooks.ts";
import { isPublicAddress } from "../../core/public-address.ts";
import { publicLookup } from "../../mounts/public-lookup.ts";

export interface WebhookPostOptions {
  /** Addresses in private networks may be sent to. */
  readonly allowPrivate: boolean;
  /** Looks a name up, as `node:dns` does. Default: that. */
  readonly resolve?: typeof lookup;
}

/** The most of an answer that is read. */
const ANSWER_BYTES = 16_384;
/** How long it may take once it has begun, ms. */
const ANSWER_TIME = 2_000;
/** How much of it is kept. */
const KEPT = 500;

/**
 * Posts by connections of this machine. A name is looked up once for each connection, and what was found
 * is both checked and connected to: who changes the name in between changes nothing.
 */
export function webhookPost(options: WebhookPostOptions): Post & { close(): void } {
  const { allowPrivate, resolve = lookup } = options;
  const find = allowPrivate ? resolve : publicLookup(resolve, privateTarget);
  const pool = { keepAlive: true, maxSockets: 16, maxFreeSockets: 4, timeout: 30_000 };
  const agents = { "http:": new HttpAgent(pool), "https:": new HttpsAgent(pool) };
  const post: Post = ({ url, headers, body, signal }) =>
    new Promise<Posted>((done, fail) => {
      const { protocol, hostname } = new URL(url);
      const host = hostname.replace(/^\[|\]$/g, "");
      // An address is connected to without being looked up.
      if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host)) {
        return fail(privateTarget(hostname));
      }
      const request = (protocol === "https:" ? httpsRequest : httpRequest)(url, {
        method: "POST",
        headers: { ...headers, "content-length": Buffer.byteLength(body) },
        agent: agents[protocol as keyof typeof agents],
        lookup: find,
        maxHeaderSize: ANSWER_BYTES,
        signal,
      });
      request.on("response", (response) => {
        answered(response, done);
      });
      request.on("error", (error) => fail(signal.aborted ? (signal.reason as Error) : error));
      request.end(body);
    });
  return Object.assign(post, {
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  });
}

/** The status counts from the moment it is there; of the rest no more is read than is of use. */
function answered(response: IncomingMessage, done: (posted: Posted) => void): void {
  const { statusCode: status = 0, headers } = response;
  const parts: Buffer[] = [];
  let size = 0;
  const end = (): void => {
    const text = Buffer.concat(parts).toString("utf8").slice(0, KEPT);
    done({ status, retryAfter: headers["retry-after"], body: text });
  };
  const slow = setTimeout(() => response.destroy(), ANSWER_TIME);
  response.on("data", (part: Buffer) => {
    size += part.length;
    if (parts.length < 8) parts.push(part.subarray(0, KEPT));
    if (size > ANSWER_BYTES) response.destroy();
  });
  response.on("error", () => undefined);
  response.on("close", () => {
    clearTimeout(slow);
    end();
  });
  if (status >= 200 && status < 300) end();
}
