import * as z from "zod/v4";
import { described } from "../described.ts";
import { checkLabels } from "../../core/agent.ts";
import type { Home } from "../../core/runtime.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { SCOPES } from "../access.ts";
import { operation } from "../operation.ts";
import type { Operation } from "../operation.ts";
import { agentRef, limitParameter, textParameter } from "../query.ts";
import { pageOf, shape, time } from "../shapes/shape.ts";
import type { MadeToken, TokenInfo, Tokens } from "../tokens.ts";

/** Requests in a minute of a token that nothing else was said of. */
const DEFAULT_RATE = 6_000;

const names = z.array(z.string().min(1).max(100)).min(1).max(100).optional();

const wanted = {
  name: z.string().min(1).max(100).register(described, { description: "What it is for." }),
  scope: z.enum(SCOPES),
  agents: names.register(described, {
    description: "The agents that it is bound to, by id or name.",
  }),
  labels: names.register(described, {
    description: "It is bound to agents with one of these labels.",
  }),
  rate: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .register(described, {
      description: `Requests in a minute. Default ${DEFAULT_RATE}.`,
    }),
  expiresAt: time.optional(),
};

const tokenMembers = { id: z.string(), ...wanted, createdAt: time };

const tokenInfo: z.ZodType<TokenInfo> = shape<TokenInfo>()(
  z
    .strictObject(tokenMembers)
    .register(described, { id: "Token", description: "A token, without its secret." }),
);

const madeToken: z.ZodType<MadeToken> = shape<MadeToken>()(
  z
    .strictObject({ ...tokenMembers, token: z.string() })
    .register(described, { id: "MadeToken", description: "A token, shown this once." }),
);

/** Operations over who may use the API. */
export const tokenOperations: readonly Operation[] = [
  operation({
    id: "createToken",
    method: "post",
    path: "/tokens",
    scope: "admin",
    tag: "Tokens",
    summary: "Makes a token, and shows it this once",
    body: z
      .strictObject(wanted)
      .register(described, { id: "NewToken", example: { name: "dashboard", scope: "read" } }),
    secret: true,
    answers: { 201: { description: "It was made.", body: madeToken } },
    async run({ home, c, body }, answer) {
      const { agents, labels, expiresAt } = body;
      if (expiresAt !== undefined && expiresAt <= Date.now()) {
        throw new OpenAgentsError("INVALID", 'Cannot make token: "expiresAt" is over');
      }
      const made = await tokensOf(c.env.tokens).create({
        rate: DEFAULT_RATE,
        ...body,
        ...(labels !== undefined && { labels: checkLabels(labels) }),
        // By key: whoever gets a name later does not get what was meant for another.
        ...(agents !== undefined && { agents: await Promise.all(agents.map(idIn(home))) }),
      });
      return answer(201, made, { "cache-control": "no-store" });
    },
  }),
  operation({
    id: "listTokens",
    method: "get",
    path: "/tokens",
    scope: "admin",
    tag: "Tokens",
    summary: "Lists the tokens",
    query: { cursor: textParameter("From the page before."), limit: limitParameter },
    answers: { 200: { description: "A page of tokens.", body: pageOf(tokenInfo) } },
    async run({ c, query: { cursor = "", limit } }, answer) {
      const items = await tokensOf(c.env.tokens).list(cursor, limit);
      const last = items.length === limit ? items.at(-1)?.id : undefined;
      return answer(200, { items, ...(last !== undefined && { cursor: last }) });
    },
  }),
  operation({
    id: "revokeToken",
    method: "delete",
    path: "/tokens/{id}",
    scope: "admin",
    tag: "Tokens",
    summary: "Revokes a token: it lets nobody in any more",
    params: { id: "The id of the token, which is not the token itself." },
    answers: {
      204: { description: "It is revoked; where it was just used, within five seconds." },
    },
    async run({ c, params }, answer) {
      await tokensOf(c.env.tokens).revoke(params["id"] ?? "");
      return answer(204);
    },
  }),
];

/** The npub of who is meant by a name here, an npub or a hex key. @throws NOT_FOUND, INVALID */
function idIn(home: Home): (ref: string) => Promise<string> {
  return async (ref) => (await home.resolve(agentRef(ref))).npub;
}

/** @throws CONFIG where tokens cannot be kept */
function tokensOf(tokens: Tokens | undefined): Tokens {
  if (tokens !== undefined) return tokens;
  throw new OpenAgentsError(
    "CONFIG",
    "Cannot keep tokens: this Worker has no object for them: bind one as HOME",
  );
}
