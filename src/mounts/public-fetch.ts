import { lookup } from "node:dns";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { Readable } from "node:stream";
import { OpenAgentsError } from "../core/errors.ts";
import { isPublicAddress } from "../core/public-address.ts";
import type { Fetcher } from "../vfs/http-resource.ts";
import { publicLookup } from "./public-lookup.ts";

export interface PublicFetchOptions {
  /** Addresses in private networks may be asked. */
  readonly allowPrivate: boolean;
  /** Looks a name up, as `node:dns` does. Default: that. */
  readonly resolve?: typeof lookup;
}

/** Answers without a body, whatever is sent after them. */
const BODYLESS: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * Fetches by connections of this machine. A name is looked up once for each connection, and what was found
 * is both checked and connected to. Nothing is followed, decoded or kept.
 */
export function publicFetch(options: PublicFetchOptions): Fetcher & { close(): void } {
  const { allowPrivate, resolve = lookup } = options;
  const find = allowPrivate ? resolve : publicLookup(resolve, refused);
  const pool = { keepAlive: true, maxSockets: 16, maxFreeSockets: 4, timeout: 30_000 };
  const agents = { "http:": new HttpAgent(pool), "https:": new HttpsAgent(pool) };
  const fetcher: Fetcher = (url, { method, headers, body, signal }) =>
    new Promise<Response>((done, fail) => {
      const { protocol, hostname } = new URL(url);
      const host = hostname.replace(/^\[|\]$/g, "");
      // An address is connected to without being looked up.
      if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host)) return fail(refused(host));
      const request = (protocol === "https:" ? httpsRequest : httpRequest)(url, {
        method,
        headers: { ...headers, ...(body !== undefined && { "content-length": body.byteLength }) },
        agent: agents[protocol as keyof typeof agents],
        lookup: find,
        maxHeaderSize: 16_384,
        signal,
      });
      request.on("response", (response) => done(answerOf(response, method)));
      request.on("error", fail);
      request.end(body);
    });
  return Object.assign(fetcher, {
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  });
}

function answerOf(message: IncomingMessage, method: string): Response {
  const { statusCode = 0, rawHeaders } = message;
  const headers = new Headers();
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
  const status = statusCode >= 200 && statusCode <= 599 ? statusCode : 502;
  // Whoever lets go of a body aborts what is read, which is an error to nobody.
  message.on("error", () => undefined);
  if (method === "HEAD" || BODYLESS.has(status)) {
    message.resume();
    return new Response(null, { status, headers });
  }
  return new Response(Readable.toWeb(message) as ReadableStream<Uint8Array>, { status, headers });
}

function refused(host: string): OpenAgentsError {
  return new OpenAgentsError(
    "DENIED",
    `Cannot ask ${host}: it is in a private network: allow private addresses to reach it`,
  );
}
