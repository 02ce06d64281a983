import * as z from "zod/v4";
import { described } from "../described.ts";
import { isCarried } from "../../core/bundle/rows.ts";
import type { Envelope } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { bearerOf, unauthorized } from "../access.ts";
import { mailLimit } from "../mail.ts";
import { operation } from "../operation.ts";
import type { Operation } from "../operation.ts";
import { agentInfo } from "../shapes/agent.ts";
import { receipt } from "../shapes/mail.ts";
import { departure, forwardPolicy, moveName, stayed } from "../shapes/move.ts";
import { anyJson, time } from "../shapes/shape.ts";

/** Longest that an agent may be left waiting for its departure, ms: a day. */
const LONGEST_WAIT = 86_400_000;

/** Where the old homes of agents deliver mail, and with which header they say how far it has come. */
export const MAIL_PATH = "/agents/{ref}/mail";
export const HOPS_HEADER = "x-openagents-hops";

/** The kinds of mail that a home passes on; the others are commands, and a home's own. */
const PASSED_ON: ReadonlySet<string> = new Set([
  "message",
  "request",
  "response",
  "event",
  "mention",
]);

/** Operations over an agent that moves from or to this home. */
export const moveOperations: readonly Operation[] = [
  operation({
    id: "leaveHome",
    method: "post",
    path: "/agents/{ref}/leave",
    scope: "admin",
    tag: "Moves",
    summary: "Begins a move: the agent does not tick any more",
    body: z.strictObject({
      move: moveName,
      wait: z.number().int().min(1).max(LONGEST_WAIT).optional().register(described, {
        description: "Milliseconds until it stays after all, unless it departs.",
      }),
    }),
    answers: {
      200: { description: "It leaves, until then.", body: z.strictObject({ until: time }) },
    },
    run: async ({ runtime, ref, body }, answer) => answer(200, await runtime.leave(ref, body)),
  }),
  operation({
    id: "stayHome",
    method: "post",
    path: "/agents/{ref}/stay",
    scope: "admin",
    tag: "Moves",
    summary: "Ends a move that is not to be",
    body: z.strictObject({ move: moveName, word: stayed.optional() }),
    answers: {
      200: { description: "The home's word that the agent stayed.", body: stayed },
      204: { description: "It is over, and there is no such word." },
    },
    async run({ runtime, ref, body: { move, word } }, answer) {
      const given = await runtime.stay(ref, move, word);
      return given === undefined ? answer(204) : answer(200, given);
    },
  }),
  operation({
    id: "departFromHome",
    method: "post",
    path: "/agents/{ref}/depart",
    scope: "admin",
    tag: "Moves",
    summary: "Has an agent live elsewhere from now on",
    body: z.strictObject({
      move: moveName,
      url: z.string().min(1).register(described, { description: "The new home." }),
      ticket: z
        .string()
        .optional()
        .register(described, { description: "What the import there gave." }),
      policy: forwardPolicy.optional(),
    }),
    answers: { 200: { description: "The receipt.", body: departure } },
    run: async ({ runtime, ref, body }, answer) => answer(200, await runtime.depart(ref, body)),
  }),
  operation({
    id: "arriveHome",
    method: "post",
    path: "/agents/{ref}/arrive",
    scope: "admin",
    tag: "Moves",
    summary: "Brings an imported agent to life, by its old home's receipt",
    body: departure,
    answers: { 200: { description: "The agent.", body: agentInfo } },
    run: async ({ runtime, ref, body }, answer) => answer(200, await runtime.arrive(ref, body)),
  }),
  operation({
    id: "deliverMail",
    method: "post",
    path: MAIL_PATH,
    scope: "ticket",
    tag: "Moves",
    summary: "Takes in mail from an agent's old home",
    description: "The ticket of a move lets in, to this alone: `Authorization: Bearer <ticket>`.",
    headers: { [HOPS_HEADER]: "How many homes have passed it on." },
    body: z.strictObject({ mail: z.array(anyJson) }),
    // It is sealed, which makes it longer: padded, and written as text.
    bodyLimit: ({ limits }) => mailLimit(3 * limits.envelopeBytes),
    answers: {
      200: {
        description: "What became of each.",
        body: z.strictObject({ receipts: z.array(receipt).readonly() }),
      },
    },
    async run({ runtime, ref, body: { mail }, c }, answer) {
      const { id } = await runtime.get(ref);
      const envelopes = mail.map((one, i) => {
        if (isPassedOn(one, id)) return one;
        const problem = `"mail[${i}]" is no mail for this agent`;
        throw new OpenAgentsError("INVALID", `Cannot read body: ${problem}`);
      });
      const hops = Number(/^\d{1,3}$/.exec(c.req.header(HOPS_HEADER) ?? "")?.[0] ?? 1);
      return answer(200, { receipts: await runtime.deliver(envelopes, hops) });
    },
    async admit({ runtime, ref, c }) {
      if (await runtime.admits(ref, bearerOf(c.req.header("authorization")))) return;
      throw unauthorized("Cannot let in: the ticket is wrong");
    },
  }),
];

function isPassedOn(value: unknown, to: string): value is Envelope {
  return (
    isCarried(value) && value.to === to && PASSED_ON.has(value.type) && value.source !== "control"
  );
}
