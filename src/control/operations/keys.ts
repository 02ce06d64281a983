import * as z from "zod/v4";
import { operation } from "../operation.ts";
import type { Operation } from "../operation.ts";
import { identity, keyInfo } from "../shapes/agent.ts";

/** Operations over keys, of which the private half is given out under a password alone. */
export const keyOperations: readonly Operation[] = [
  operation({
    id: "getHomeIdentity",
    method: "get",
    path: "/runtime/identity",
    scope: "read",
    tag: "Keys",
    summary: "Gives the public half of the home's own key",
    answers: { 200: { description: "Whom keys of agents are sealed for.", body: identity } },
    run: async ({ home }, answer) => answer(200, await home.identity()),
  }),
  operation({
    id: "unlockKeys",
    method: "post",
    path: "/runtime/unlock",
    scope: "operate",
    tag: "Keys",
    summary: "Opens keys that are sealed with a passphrase",
    body: z.strictObject({ passphrase: z.string().min(1) }),
    answers: { 204: { description: "They are open." } },
    async run({ home, body }, answer) {
      await home.unlock(body.passphrase);
      return answer(204);
    },
  }),
  operation({
    id: "getAgentKey",
    method: "get",
    path: "/agents/{ref}/key",
    scope: "read",
    tag: "Keys",
    summary: "Gives the public half of an agent's key, and where the key is from",
    answers: { 200: { description: "The key.", body: keyInfo } },
    run: async ({ runtime, ref }, answer) => answer(200, await runtime.key(ref)),
  }),
  operation({
    id: "exportAgentKey",
    method: "post",
    path: "/agents/{ref}/key/export",
    scope: "admin",
    tag: "Keys",
    summary: "Gives an agent's private key, sealed with a password (NIP-49)",
    body: z.strictObject({ password: z.string().min(1) }),
    secret: true,
    answers: {
      200: {
        description: "Whoever has this and the password is the agent.",
        body: z.strictObject({ ncryptsec: z.string() }),
      },
    },
    async run({ runtime, ref, body }, answer) {
      const ncryptsec = await runtime.exportKey(ref, body.password);
      return answer(200, { ncryptsec }, { "cache-control": "no-store" });
    },
  }),
];
