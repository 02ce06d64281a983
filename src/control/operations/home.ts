import * as z from "zod/v4";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import { isBound } from "../access.ts";
import { operation } from "../operation.ts";
import type { Address, Operation } from "../operation.ts";
import { limitParameter, textParameter } from "../query.ts";
import { identity, peer } from "../shapes/agent.ts";
import { runtimeStatus } from "../shapes/home.ts";
import type { RuntimeStatus } from "../shapes/home.ts";
import { anyJson, pageOf } from "../shapes/shape.ts";

/** Operations over the home as a whole, and over whom its agents know. */
export const homeOperations: readonly Operation[] = [
  operation({
    id: "getHealth",
    method: "get",
    path: "/healthz",
    scope: "open",
    tag: "Runtime",
    summary: "Says that the server answers",
    answers: {
      200: { description: "It does.", body: z.strictObject({ status: z.literal("ok") }) },
    },
    run: (_call, answer) => answer(200, { status: "ok" }),
  }),
  operation({
    id: "getReadiness",
    method: "get",
    path: "/readyz",
    scope: "open",
    tag: "Runtime",
    summary: "Says whether requests are served",
    answers: {
      200: { description: "They are.", body: z.strictObject({ status: z.literal("ready") }) },
      503: {
        description: "Not yet, or not any more.",
        body: z.strictObject({ status: z.literal("not ready") }),
      },
    },
    run: ({ options }, answer) =>
      (options.ready ?? (() => true))()
        ? answer(200, { status: "ready" })
        : answer(503, { status: "not ready" }),
  }),
  operation({
    id: "getDocument",
    bound: true,
    method: "get",
    path: "/openapi.json",
    scope: "read",
    tag: "Runtime",
    summary: "Gives this document",
    answers: {
      200: { description: "An OpenAPI 3.1 document.", body: z.record(z.string(), anyJson) },
    },
    run: ({ document }, answer) => answer(200, document() as Record<string, Json>),
  }),
  operation({
    id: "getRuntimeStatus",
    bound: true,
    method: "get",
    path: "/runtime/status",
    scope: "read",
    tag: "Runtime",
    summary: "Says what the home is, and what it does now",
    answers: { 200: { description: "Its status.", body: runtimeStatus } },
    run: async (call, answer) => answer(200, await statusOf(call)),
  }),
  operation({
    id: "pauseRuntime",
    method: "post",
    path: "/runtime/pause",
    scope: "admin",
    tag: "Runtime",
    summary: "Stops all ticks of the home, until they are resumed",
    description:
      "Those that run come to their end. Mail is taken in and waits, also over a restart. In a Worker every object hears of it within seconds.",
    answers: { 204: { description: "No tick begins." } },
    async run({ home }, answer) {
      await home.pauseAll();
      return answer(204);
    },
  }),
  operation({
    id: "resumeRuntime",
    method: "post",
    path: "/runtime/resume",
    scope: "admin",
    tag: "Runtime",
    summary: "Takes up all that has waited",
    answers: { 204: { description: "Ticks begin again." } },
    async run({ home }, answer) {
      await home.resumeAll();
      return answer(204);
    },
  }),
  operation({
    id: "resolveName",
    method: "get",
    path: "/runtime/resolve",
    scope: "read",
    tag: "Runtime",
    summary: "Says who is meant by a name",
    query: { name: textParameter("A name here, an npub, a hex key or name@domain (NIP-05).") },
    answers: { 200: { description: "Who it is.", body: identity } },
    async run({ home, query: { name = "" } }, answer) {
      if (name !== "" && name.length <= 400) return answer(200, await home.resolve(name));
      throw new OpenAgentsError("INVALID", 'Cannot read query: "name" must be a name or a key');
    },
  }),
  operation({
    id: "listPeers",
    method: "get",
    path: "/agents/{ref}/peers",
    scope: "read",
    tag: "Agents",
    summary: "Lists whom an agent knows",
    query: { after: textParameter("Those above this npub only."), limit: limitParameter },
    answers: { 200: { description: "A page of peers.", body: pageOf(peer) } },
    run: async ({ runtime, ref, query: { after = "", limit } }, answer) =>
      answer(200, { items: await runtime.peers(ref, after, limit) }),
  }),
];

/** What whoever asks may know of a home. */
export async function statusOf({
  home,
  principal,
  options: { version, types = [] },
}: Pick<Address, "home" | "principal" | "options">): Promise<RuntimeStatus> {
  const paused = await home.paused();
  if (isBound(principal)) return { version, types, paused };
  const { counts: _counts, ...metrics } = home.metrics();
  return { version, types, paused, ...metrics };
}
