import { isKey } from "../core/agent.ts";
import { isHeaderValue } from "../core/draft-envelope.ts";
import type { DraftEnvelope } from "../core/draft-envelope.ts";
import { checkSentId } from "../core/envelope.ts";
import { sha256Hex } from "../core/hash.ts";
import { isKeptBack } from "../core/hooks.ts";
import { checkJson } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { TRACEPARENT, TRACESTATE } from "../core/trace-context.ts";

export { replyResponse } from "./http/reply.ts";

/** Where a request to a hook goes: `/hooks/AGENT/SOURCE/REST`. */
export interface HookAddress {
  /** An agent's npub, hex key or name; undefined for `-`, where rules alone say who gets it. */
  readonly agent: string | undefined;
  readonly source: string;
  /** What follows, as it is written in the address, with a slash before it. */
  readonly path: string;
}

/** Reads the path of an address; undefined for what is none of a hook. */
export function hookAddress(pathname: string): HookAddress | undefined {
  const [, hooks, agentText, sourceText, ...rest] = pathname.split("/");
  if (hooks !== "hooks" || agentText === undefined || sourceText === undefined) return undefined;
  const [agent, source] = [decoded(agentText), decoded(sourceText)];
  if (agent === undefined || source === undefined) return undefined;
  // As of the name of an agent; and a key is never the name of a sender whom nobody made sure of.
  if (!NAME.test(source) || isKey(source)) return undefined;
  if (agent === "-") return { agent: undefined, source, path: `/${rest.join("/")}` };
  return NAME.test(agent) ? { agent, source, path: `/${rest.join("/")}` } : undefined;
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/i;

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** A request that was let in. */
export interface TakenIn {
  readonly request: Pick<Request, "method" | "headers">;
  readonly query: URLSearchParams;
  readonly address: HookAddress;
  readonly body: Uint8Array;
  /** Who sent it, as the API knows them; undefined where a signature let it in. */
  readonly principal: string | undefined;
  readonly type: "event" | "message";
  /** Headers that the agent gets beside the usual ones, in lower case. */
  readonly headers: readonly string[];
  /** The sender's id of the delivery; undefined for none. */
  readonly delivery: string | undefined;
  /** In place of it where there is none. */
  readonly newId: string;
  /** ms since 1970. */
  readonly now: number;
}

/**
 * What a request is as mail. Its payload: `{ method, path, query, headers, body, encoding }`, where `body`
 * is the JSON that the body is (`encoding: "json"`), else its text (`"text"`), else base64 (`"base64"`).
 * Its source is the driver: `webhook` where a signature let it in, else `http`.
 */
export function draftOf(taken: TakenIn): DraftEnvelope {
  const { request, query, address, body, principal, type, delivery, newId, now } = taken;
  const { agent, source, path } = address;
  const headers = headersOf(request.headers, taken.headers);
  const id = delivery === undefined ? newId : deliveryId(delivery, { source, principal });
  checkSentId(id);
  return {
    id,
    sentAt: now,
    source: principal === undefined ? "webhook" : "http",
    from: source,
    ...(agent !== undefined && { to: agent }),
    type,
    payload: {
      method: request.method,
      path,
      query: queryOf(query),
      headers,
      ...bodyOf(body),
    },
    headers: Object.fromEntries(Object.entries(headers).filter(isForRules)),
  };
}

/** What is the kernel's, or says where mail stands in its trace, which the request itself is a part of. */
const KERNELS: ReadonlySet<string> = new Set(["hops", "error", TRACEPARENT, TRACESTATE]);

/** What headers say is said by the envelope's own too, so that rules can go by it. */
function isForRules([name, value]: [string, string]): boolean {
  return !KERNELS.has(name) && isHeaderValue(value);
}

/**
 * The id of an envelope for a sender's id of a delivery. Before it stands the source, and where a token
 * let it in, the driver and whose that is: no sender can take the ids of another one, or those of what
 * fires schedules. What an envelope's id cannot be is there by its hash.
 */
function deliveryId(
  delivery: string,
  { source, principal }: { readonly source: string; readonly principal: string | undefined },
): string {
  const fits = /^[\x21-\x2e\x30-\x7e]{1,96}$/.test(delivery);
  const given = fits ? delivery : `sha256:${sha256Hex(delivery.toWellFormed())}`;
  if (principal === undefined) return `${source}:${given}`;
  const whole = `http:${principal}:${source}:${given}`;
  return whole.length <= LONGEST_ID ? whole : `http:sha256:${sha256Hex(whole)}`;
}

const LONGEST_ID = 200;

/** What in a query is for us and not for the agent. */
const OURS = new Set(["wait", "token", "access_token"]);

function queryOf(query: URLSearchParams): Record<string, Json> {
  const names = [...new Set(query.keys())].filter((name) => !OURS.has(name.toLowerCase()));
  // By entries: a member named "__proto__" is one like any other.
  return Object.fromEntries(
    names.map((name) => {
      const values = query.getAll(name);
      return [name, values.length === 1 ? values[0]! : values];
    }),
  );
}

/** Headers that say what a request is. */
const SHOWN: ReadonlySet<string> = new Set([
  "accept",
  "accept-language",
  "content-language",
  "content-type",
  "user-agent",
  "webhook-id",
  "webhook-timestamp",
  "x-event-key",
  "x-gitea-event",
  "x-github-delivery",
  "x-github-event",
  "x-github-hook-id",
  "x-github-hook-installation-target-id",
  "x-github-hook-installation-target-type",
  "x-gitlab-event",
  "x-request-id",
  "x-shopify-shop-domain",
  "x-shopify-topic",
  "x-slack-request-timestamp",
  "x-slack-retry-num",
  "x-slack-retry-reason",
]);

function headersOf(headers: Headers, more: readonly string[]): Record<string, string> {
  const shown = [...headers].filter(
    ([name]) =>
      (SHOWN.has(name) || name.startsWith("ce-") || more.includes(name)) && !isKeptBack(name),
  );
  return Object.fromEntries(shown.map(([name, value]) => [name, value.toWellFormed()]));
}

/** Whatever its content type says: what is JSON is JSON, as senders often name it wrong. */
function bodyOf(body: Uint8Array): { readonly body: Json; readonly encoding: string } {
  if (body.length === 0) return { body: null, encoding: "none" };
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return { body: base64(body), encoding: "base64" };
  }
  try {
    const value: unknown = JSON.parse(text);
    // JSON that no record can carry (half a surrogate pair, nested 1000 deep) goes as the text it is.
    checkJson(value, "body");
    return { body: value, encoding: "json" };
  } catch {
    return { body: text, encoding: "text" };
  }
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) {
    text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  }
  return btoa(text);
}
