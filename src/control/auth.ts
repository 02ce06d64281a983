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
