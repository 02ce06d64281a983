import * as z from "zod/v4";
import { described } from "../described.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { operation } from "../operation.ts";
import type { Operation } from "../operation.ts";
import { flagParameter, limitParameter, statusParameter, textParameter } from "../query.ts";
import { agentInfo, agentReport } from "../shapes/agent.ts";
import { tickRecord } from "../shapes/record.ts";
import { anyJson, pageOf } from "../shapes/shape.ts";
import { etagOf, revisionsOf } from "../etag.ts";
import { checkScope, isBound, mayTouch } from "../access.ts";

const labels = z.array(z.string()).optional().register(described, {
  description: "At most 32, each of 1 to 63 letters, digits and . _ : / = -",
});

const OK_AGENT = { description: "The agent.", body: agentInfo };

/** Operations over agents and their lives. */
export const agentOperations: readonly Operation[] = [
  operation({
    id: "createAgent",
    method: "post",
    path: "/agents",
    scope: "operate",
    tag: "Agents",
    summary: "Makes an agent",
    body: z
      .strictObject({
        name: z.string().register(described, { example: "alice" }),
        type: z.string().register(described, { example: "greeter" }),
        key: z
          .string()
          .optional()
          .register(described, { description: "An nsec or ncryptsec. Default: a new key." }),
        password: z.string().optional().register(described, { description: "Of an ncryptsec." }),
        labels,
      })
      .register(described, { id: "NewAgent" }),
    answers: { 201: { description: "It was made.", body: agentInfo } },
    async run({ home, body }, answer) {
      const agent = await home.create(body);
      return answer(201, agent, { location: `/agents/${agent.id}`, etag: etagOf(agent) });
    },
  }),
  operation({
    id: "listAgents",
    bound: true,
    method: "get",
    path: "/agents",
    scope: "read",
    tag: "Agents",
    summary: "Lists agents",
    query: {
      limit: limitParameter,
      cursor: textParameter("From the page before."),
      status: statusParameter,
      type: textParameter("Only those of this type."),
      label: textParameter("Only those with this label."),
      parent: textParameter("Only those that this agent made."),
    },
    answers: { 200: { description: "A page of agents.", body: pageOf(agentInfo) } },
    async run({ home, query, principal }, answer) {
      const page = await home.list(query);
      if (!isBound(principal)) return answer(200, page);
      return answer(200, { ...page, items: page.items.filter((one) => mayTouch(principal, one)) });
    },
  }),
  operation({
    id: "getAgent",
    method: "get",
    path: "/agents/{ref}",
    scope: "read",
    tag: "Agents",
    summary: "Says who an agent is",
    answers: { 200: OK_AGENT },
    async run({ runtime, ref }, answer) {
      const agent = await runtime.get(ref);
      return answer(200, agent, { etag: etagOf(agent) });
    },
  }),
  operation({
    id: "updateAgent",
    method: "patch",
    path: "/agents/{ref}",
    scope: "operate",
    tag: "Agents",
    summary: "Gives an agent another name or other labels",
    headers: { "If-Match": "The ETag of the agent as it was: refused (412) when it has changed." },
    body: z
      .strictObject({ name: z.string().optional(), labels })
      .register(described, { id: "AgentUpdate", description: "What is absent stays." }),
    answers: { 200: OK_AGENT },
    async run({ runtime, ref, body, principal, c }, answer) {
      // It could put agents within the bounds of others, or out of its own.
      if (principal.labels !== undefined && body.labels !== undefined) {
        const problem = `"${principal.id}" is bound by labels, and may not change them`;
        throw new OpenAgentsError("DENIED", `Cannot label "${ref}": ${problem}`);
      }
      const ifMatch = revisionsOf(c.req.header("if-match"));
      const agent = await runtime.update(ref, body, { ifMatch });
      return answer(200, agent, { etag: etagOf(agent) });
    },
  }),
  operation({
    id: "deleteAgent",
    method: "delete",
    path: "/agents/{ref}",
    scope: "operate",
    tag: "Agents",
    summary: "Ends an agent for good",
    description: "Its record stays, unless it is purged, which needs the scope `admin`.",
    query: { purge: flagParameter("purge", "Erases its record too.") },
    answers: { 204: { description: "It has ended." } },
    async run({ runtime, ref, query, principal }, answer) {
      if (query.purge) checkScope(principal, "admin");
      if (query.purge) await runtime.purge(ref);
      else await runtime.terminate(ref);
      return answer(204);
    },
  }),
  ...(
    [
      ["tick", "Runs one tick now"],
      ["wake", "Brings an agent into memory, and a failed or quarantined one back to life"],
      ["hibernate", "Lets an agent go of its memory"],
    ] as const
  ).map(([verb, summary]) =>
    operation({
      id: `${verb}Agent`,
      method: "post",
      path: `/agents/{ref}/${verb}`,
      scope: "operate",
      tag: "Agents",
      summary,
      answers: { 200: { description: "The record of its tick.", body: tickRecord } },
      run: async ({ runtime, ref }, answer) => answer(200, await runtime[verb](ref)),
    }),
  ),
  ...(
    [
      ["pause", "Has nothing of an agent run until it is resumed; its mail waits"],
      ["resume", "Takes up what has waited"],
    ] as const
  ).map(([verb, summary]) =>
    operation({
      id: `${verb}Agent`,
      method: "post",
      path: `/agents/{ref}/${verb}`,
      scope: "operate",
      tag: "Agents",
      summary,
      answers: { 200: OK_AGENT },
      run: async ({ runtime, ref }, answer) => answer(200, await runtime[verb](ref)),
    }),
  ),
  operation({
    id: "cancelAgent",
    method: "post",
    path: "/agents/{ref}/cancel",
    scope: "operate",
    tag: "Agents",
    summary: "Ends the tick that runs, or what a trigger has waiting",
    description: "It becomes a dead letter, and can be replayed.",
    body: z.strictObject({
      trigger: z.string().optional().register(described, {
        description: "The id of its envelope. Default: that of the tick that runs.",
      }),
    }),
    answers: {
      200: {
        description: "What was cancelled: nothing when no tick ran.",
        body: z.strictObject({ cancelled: z.string().optional() }),
      },
    },
    run: async ({ runtime, ref, body }, answer) => answer(200, await runtime.cancel(ref, body)),
  }),
  operation({
    id: "getAgentStatus",
    method: "get",
    path: "/agents/{ref}/status",
    scope: "read",
    tag: "Agents",
    summary: "Says what an agent is at",
    answers: { 200: { description: "Its status.", body: agentReport } },
    run: async ({ runtime, ref }, answer) => answer(200, await runtime.status(ref)),
  }),
  operation({
    id: "getAgentState",
    method: "get",
    path: "/agents/{ref}/state",
    scope: "read",
    tag: "Agents",
    summary: "Gives an agent's state",
    answers: {
      200: { description: "The state, by top-level key.", body: z.record(z.string(), anyJson) },
    },
    run: async ({ runtime, ref }, answer) => answer(200, await runtime.state(ref)),
  }),
];
