import { bearerOf, ROOT, sameText, unauthorized } from "./access.ts";
import type { Access, Principal } from "./access.ts";
import { authorizationOf } from "./socket-request.ts";
import { isToken } from "./tokens.ts";
import type { TokenCheck } from "./tokens.ts";

export interface BearerOptions {
  /** The root token: all may be done with it. */
  readonly token: string;
  /** Of stored tokens; without it there is the root token alone. */
  readonly tokens?: TokenCheck | undefined;
}

/** Lets in whoever has the root token, or a stored one that is still good. */
export function bearerAccess({ token, tokens }: BearerOptions): Access {
  return {
    who(request): Principal | Promise<Principal> {
      const given = bearerOf(authorizationOf(request));
      if (sameText(token, given)) return ROOT;
      if (tokens !== undefined && isToken(given)) return stored(tokens, given);
      throw unauthorized("Cannot let in: the token is wrong");
    },
  };
}

async function stored(tokens: TokenCheck, given: string): Promise<Principal> {
  const principal = await tokens.check(given);
  if (principal !== undefined) return principal;
  throw unauthorized("Cannot let in: the token is wrong, revoked or out of date");
}

/** In which a gateway hands on who makes a request. From outside it means nothing. */
export const PRINCIPAL_HEADER = "x-openagents-principal";

/** For what only a gateway can reach, which has let the request in and says whose it is. */
export const gatewayAccess: Access = {
  who(request) {
    const header = request.headers.get(PRINCIPAL_HEADER);
    if (header === null) throw unauthorized("Cannot let in: the request carries no token");
    return JSON.parse(header) as Principal;
  },
};
