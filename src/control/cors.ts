import type { MiddlewareHandler } from "hono";
import { OpenAgentsError } from "../core/errors.ts";
import { addHeaders } from "./add-headers.ts";
import type { ControlEnv } from "./operation.ts";

/** What pages of other origins may send: the headers that the API reads. */
const ALLOWED = [
  "authorization",
  "content-type",
  "idempotency-key",
  "if-match",
  "if-none-match",
  "if-range",
  "range",
  "last-event-id",
  "x-request-id",
  "traceparent",
  "tracestate",
].join(", ");
/** What they may read of an answer, beside what any page may. */
const EXPOSED = [
  "etag",
  "location",
  "link",
  "content-range",
  "retry-after",
  "ratelimit",
  "ratelimit-policy",
  "x-request-id",
  "idempotency-replayed",
  "openagents-envelope",
].join(", ");
const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE";
/** How long a browser may remember that it may ask, s. */
const REMEMBERED = "600";

/**
 * Lets pages of these origins, and of no others, use the API from a browser (CORS). A browser's question
 * whether it may (a preflight) is answered before anybody is asked for a token, which it does not have.
 * Cookies are never taken, and no answer is for any origin (`*`).
 * @throws CONFIG for what is no origin
 */
export function cors(origins: readonly string[]): MiddlewareHandler<ControlEnv> {
  origins.forEach(checkOrigin);
  const allowed = new Set(origins);
  return async (c, next) => {
    const origin = c.req.header("origin");
    const ours = origin !== undefined && allowed.has(origin);
    if (
      ours &&
      c.req.method === "OPTIONS" &&
      c.req.header("access-control-request-method") !== undefined
    ) {
      return new Response(null, {
        status: 204,
        headers: {
          "access-control-allow-origin": origin,
          "access-control-allow-methods": METHODS,
          "access-control-allow-headers": ALLOWED,
          "access-control-max-age": REMEMBERED,
          vary: "Origin",
        },
      });
    }
    const told = ours
      ? { "access-control-allow-origin": origin, "access-control-expose-headers": EXPOSED }
      : {};
    await addHeaders(c, { vary: "Origin", ...told }, next);
    return undefined;
  };
}

/** True for an origin, as browsers send it. */
export function isOrigin(text: string): boolean {
  if (!URL.canParse(text) || text.includes("*")) return false;
  const { origin, protocol } = new URL(text);
  return origin === text && /^https?:$/.test(protocol);
}

/** @throws CONFIG for what is no origin */
function checkOrigin(text: string): void {
  if (isOrigin(text)) return;
  throw new OpenAgentsError(
    "CONFIG",
    `Cannot let in pages of ${JSON.stringify(text)}: an origin is a scheme and a host, such as "https://app.example.com", with no path and no "*"`,
  );
}
