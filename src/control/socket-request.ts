import type { Principal } from "./access.ts";
import { HttpError } from "./problem.ts";

/**
 * Makes a WebSocket of the request at hand, for the agent with this id; the answer to it. The socket's
 * client is told how many ticks the agent has had.
 */
export type AcceptSocket = (socket: {
  readonly agent: string;
  readonly ticks: number;
  readonly protocol: string | undefined;
  /** Whose it is. */
  readonly principal: Principal;
}) => Response;

/** The subprotocol by which browsers, which can set no headers, carry the token of a WebSocket. */
const BEARER = "bearer.";

/** What a request says of who sends it: its `Authorization` header, or the subprotocol in its place. */
export function authorizationOf(request: Request): string | undefined {
  const header = request.headers.get("authorization");
  if (header !== null) return header;
  const offered = protocolsOf(request).find((protocol) => protocol.startsWith(BEARER));
  return offered && `Bearer ${offered.slice(BEARER.length)}`;
}

/** The subprotocols that a WebSocket's client offers. */
export function protocolsOf({ headers }: Request): readonly string[] {
  const offered = headers.get("sec-websocket-protocol") ?? "";
  return offered.split(",").map((protocol) => protocol.trim());
}

/**
 * A browser sends a page's requests to WebSockets of any other site, and says only from where.
 * @throws DENIED for a page that is of another origin than the API and none of those that may
 */
export function checkOrigin(request: Request, allowed: readonly string[]): void {
  const origin = request.headers.get("origin");
  if (origin === null || allowed.includes(origin)) return;
  const host = request.headers.get("host") ?? new URL(request.url).host;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new HttpError(
    403,
    "DENIED",
    `Cannot let in: pages of "${origin}" may not connect: name it in "origins" of the API`,
  );
}
