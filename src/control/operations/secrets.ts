import * as z from "zod/v4";
import { OpenAgentsError } from "../../core/errors.ts";
import { described } from "../described.ts";
import { operation } from "../operation.ts";
import type { Operation } from "../operation.ts";
import { limitParameter, textParameter } from "../query.ts";
import { LONGEST_SECRET, SHORTEST_SECRET } from "../secrets.ts";
import type { SecretAdmin, SecretInfo } from "../secrets.ts";
import { pageOf, shape, time } from "../shapes/shape.ts";

const secretInfo: z.ZodType<SecretInfo> = shape<SecretInfo>()(
  z.strictObject({ name: z.string(), setAt: time }).register(described, {
    id: "Secret",
    description: "A stored secret, without its value, which nothing shows again.",
  }),
);

const params = { name: 'Letters, digits and "_", as of a variable; none of `OPENAGENTS_…`.' };

/** Operations over the home's secrets, which are given to models and tools, and shown to nobody. */
export const secretOperations: readonly Operation[] = [
  operation({
    id: "setSecret",
    method: "put",
    path: "/secrets/{name}",
    scope: "admin",
    tag: "Secrets",
    summary: "Stores a secret, sealed, in place of one of that name",
    description:
      "It is given out in place of a variable of that name. In a Worker a change counts everywhere within seconds.",
    params,
    body: z
      .strictObject({ value: z.string().min(SHORTEST_SECRET).max(LONGEST_SECRET) })
      .register(described, { id: "SecretValue", description: "It is never shown again." }),
    // A character may take six in JSON.
    bodyLimit: () => ({ bytes: 6 * LONGEST_SECRET + 1_000, setBy: "fixed for this route" }),
    answers: { 200: { description: "It is stored.", body: secretInfo } },
    async run({ c, params: { name = "" }, body: { value } }, answer) {
      return answer(200, await secretsOf(c.env.secrets).set(name, value));
    },
  }),
  operation({
    id: "listSecrets",
    method: "get",
    path: "/secrets",
    scope: "admin",
    tag: "Secrets",
    summary: "Lists the names of the stored secrets",
    query: { cursor: textParameter("From the page before."), limit: limitParameter },
    answers: { 200: { description: "A page of them.", body: pageOf(secretInfo) } },
    async run({ c, query: { cursor = "", limit } }, answer) {
      const items = await secretsOf(c.env.secrets).list(cursor, limit);
      const last = items.length === limit ? items.at(-1)?.name : undefined;
      return answer(200, { items, ...(last !== undefined && { cursor: last }) });
    },
  }),
  operation({
    id: "removeSecret",
    method: "delete",
    path: "/secrets/{name}",
    scope: "admin",
    tag: "Secrets",
    summary: "Removes a stored secret: it is given to nobody any more",
    params,
    answers: { 204: { description: "It is gone; in a Worker everywhere within seconds." } },
    async run({ c, params: { name = "" } }, answer) {
      await secretsOf(c.env.secrets).remove(name);
      return answer(204);
    },
  }),
];

/** @throws CONFIG where none can be kept */
function secretsOf(secrets: SecretAdmin | undefined): SecretAdmin {
  if (secrets !== undefined) return secrets;
  throw new OpenAgentsError(
    "CONFIG",
    "Cannot keep secrets: this Worker has no object for them: bind one as HOME",
  );
}
