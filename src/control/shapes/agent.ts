import * as z from "zod/v4";
import { described } from "../described.ts";
import type { AgentPhase } from "../../core/agent.ts";
import type { Identity } from "../../core/ports/index.ts";
import type { Peer } from "../../core/ports/memory.ts";
import { TRUST } from "../../core/ports/memory.ts";
import type { AgentInfo, AgentReport, KeyInfo } from "../../core/runtime.ts";
import type { Budget } from "../../core/budget.ts";
import { tickRecord } from "./record.ts";
import { count, hex32, npub, shape, time } from "./shape.ts";

const phase: z.ZodType<AgentPhase> = z
  .enum([
    "creating",
    "active",
    "dormant",
    "paused",
    "failed",
    "quarantined",
    "terminated",
    "leaving",
    "moved",
    "arriving",
  ])
  .register(described, {
    description:
      "A living agent is active while it is held in memory, and dormant while it is not.",
  });

const share: z.ZodType<Budget> = shape<Budget>()(
  z
    .strictObject({
      perDay: z.strictObject({ usd: count.optional(), tokens: count.optional() }),
    })
    .register(described, {
      id: "Budget",
      description:
        "The most that it may spend in a day (UTC) of its parent's budget: micro-USD, tokens.",
    }),
);

const info = {
  id: npub,
  publicKey: hex32,
  name: z.string().register(described, { example: "alice" }),
  type: z.string().register(described, { example: "greeter" }),
  status: phase,
  labels: z.array(z.string()),
  revision: z.string().register(described, {
    description: "Another one whenever name or labels changed: what If-Match is for.",
  }),
  createdAt: time,
  parent: npub
    .optional()
    .register(described, { description: "The agent that made it; absent where an operator did." }),
  generation: count
    .optional()
    .register(described, { description: "How many agents are above it, each made by the next." }),
  budget: share.optional(),
  move: z.strictObject({ id: z.string(), url: z.string().optional() }).optional(),
};

export const agentInfo: z.ZodType<AgentInfo> = shape<AgentInfo>()(
  z.strictObject(info).register(described, { id: "Agent", description: "Who an agent is." }),
);

const total = z.strictObject({ usd: count, tokens: count });

export const agentReport: z.ZodType<AgentReport> = shape<AgentReport>()(
  z
    .strictObject({
      ...info,
      ticks: count,
      head: hex32.optional(),
      lastTick: tickRecord.optional(),
      queued: count.register(described, { description: "Envelopes that wait in its inbox." }),
      alarms: z.array(z.strictObject({ id: z.string(), at: time })),
      parked: z
        .array(z.string())
        .register(described, { description: "Triggers whose ticks are parked." }),
      spent: z
        .strictObject({
          day: z.string(),
          today: total,
          given: total.optional(),
          total,
          unpriced: count,
        })
        .register(described, {
          description:
            "What its steps cost: whole micro-USD, and tokens of models. `today` is of `day` (UTC), `given` what children that ended spent on it, `unpriced` the steps of which no price is known.",
        })
        .optional(),
      problem: z.string().optional().register(described, {
        description: "Why its ticks do not run, where its type is not defined any more.",
      }),
    })
    .register(described, { id: "AgentStatus", description: "What an agent is at." }),
);

export const identity: z.ZodType<Identity> = shape<Identity>()(
  z.strictObject({ npub, publicKey: hex32 }).register(described, { id: "Identity" }),
);

export const keyInfo: z.ZodType<KeyInfo> = shape<KeyInfo>()(
  z
    .strictObject({
      npub,
      publicKey: hex32,
      source: z.enum(["derived", "imported"]),
      account: count.optional(),
    })
    .register(described, { id: "KeyInfo", description: "What may be known of an agent's key." }),
);

export const peer: z.ZodType<Peer> = shape<Peer>()(
  z
    .strictObject({
      npub,
      names: z.array(z.string()),
      nip05: z.string().optional(),
      relays: z.array(z.string()),
      trust: z.enum(TRUST),
      note: z.string().optional(),
      metAt: time,
      seenAt: time.optional(),
    })
    .register(described, { id: "Peer", description: "Whom an agent knows." }),
);
