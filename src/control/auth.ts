import { HttpError } from "./problem.ts";

/**
 * A check of a request's `Authorization: Bearer …` header against `token`. The time it takes depends
 * on the length of the true token alone.
 */
export function bearerAuth(token: string): (header: string | undefined) => void {
  return (header) => {
    if (header === undefined) throw unauthorized("Cannot let in: the request carries no token");
    const given = /^bearer (.*)$/is.exec(header)?.[1] ?? "";
    if (!sameText(token, given)) throw unauthorized("Cannot let in: the token is wrong");
  };
}

function sameText(secret: string, given: string): boolean {
  let difference = secret.length ^ given.length;
  for (let i = 0; i < secret.length; i += 1) {
    difference |= secret.charCodeAt(i) ^ (given.charCodeAt(i) | 0);
  }
  return difference === 0;
}

function unauthorized(message: string): HttpError {
  return new HttpError(401, "DENIED", `${message}: send "Authorization: Bearer <token>"`, {
    "www-authenticate": 'Bearer realm="openagents"',
  });
}
