import { HttpError } from "./problem.ts";

/**
 * A check of a request's `Authorization: Bearer …` header against `token`. The time it takes depends
 * on the length of the true token alone.
 */
export function bearerAuth(token: string): (header: string | undefined) => void {
  return (header) => {
    if (!sameText(token, bearerOf(header))) throw unauthorized("Cannot let in: the token is wrong");
  };
}

/** What a request's `Authorization: Bearer …` header carries. @throws DENIED when it is absent */
export function bearerOf(header: string | undefined): string {
  if (header === undefined) throw unauthorized("Cannot let in: the request carries no token");
  return /^bearer (.*)$/is.exec(header)?.[1] ?? "";
}

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

function sameText(secret: string, given: string): boolean {
  let difference = secret.length ^ given.length;
  for (let i = 0; i < secret.length; i += 1) {
    difference |= secret.charCodeAt(i) ^ (given.charCodeAt(i) | 0);
  }
  return difference === 0;
}

/** The error for a request that nobody is known to have sent. */
export function unauthorized(message: string): HttpError {
  return new HttpError(401, "DENIED", `${message}: send "Authorization: Bearer <token>"`, {
    "www-authenticate": 'Bearer realm="openagents"',
  });
}
