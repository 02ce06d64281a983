import * as z from "zod/v4";
import { described } from "../described.ts";
import { FORWARD_POLICIES } from "../../core/move.ts";
import type { Departure, Imported, Stayed } from "../../core/move.ts";
import { agentInfo } from "./agent.ts";
import { count, hex32, npub, shape } from "./shape.ts";

const hex64 = z.string().regex(/^[0-9a-f]{128}$/);

/** The name of a move. */
export const moveName: z.ZodType<string> = z
  .string()
  .regex(/^[\w-]{1,64}$/)
  .register(described, { description: "The name of the move." });

export const departure: z.ZodType<Departure> = shape<Departure>()(
  z
    .strictObject({
      agent: npub,
      move: z.string(),
      to: hex32,
      head: z.strictObject({ n: count, hash: hex32 }).nullable(),
      signature: hex64,
    })
    .register(described, {
      id: "Departure",
      description: "An old home's receipt: the agent left it.",
    }),
);

export const stayed: z.ZodType<Stayed> = shape<Stayed>()(
  z.strictObject({ agent: npub, move: z.string(), signature: hex64 }).register(described, {
    id: "Stayed",
    description: "An old home's word: the agent did not leave it.",
  }),
);

export const imported: z.ZodType<Imported> = shape<Imported>()(
  z
    .strictObject({
      agent: agentInfo,
      warnings: z.array(z.string()),
      ticket: z.string().optional(),
    })
    .register(described, { id: "Imported", description: "An agent that was taken in." }),
);

export const forwardPolicy: z.ZodType<(typeof FORWARD_POLICIES)[number]> = z.enum(FORWARD_POLICIES);
