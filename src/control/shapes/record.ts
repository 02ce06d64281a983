import * as z from "zod/v4";
import { described } from "../described.ts";
import type { ErrorInfo } from "../../core/errors.ts";
import type { LogRow } from "../../core/ports/index.ts";
import type { TickOutput, TickRecord, Verdict } from "../../core/trajectory.ts";
import { errorCode } from "./problem.ts";
import { anyJson, count, hex32, shape, time } from "./shape.ts";

/** A tick of the record, parsed. */
export interface TickView {
  readonly hash: string;
  readonly record: TickRecord;
  readonly output?: TickOutput | undefined;
}

export const errorInfo: z.ZodType<ErrorInfo> = shape<ErrorInfo>()(
  z.strictObject({ code: errorCode, message: z.string() }).register(described, { id: "ErrorInfo" }),
);

/** What a tick can be about. */
const TRIGGER_TYPES = ["message", "alarm", "event", "mention", "manual", "initialize"] as const;

const hashes = z.record(z.string(), hex32);

export const tickRecord: z.ZodType<TickRecord> = shape<TickRecord>()(
  z
    .strictObject({
      v: z.literal(1),
      agent: z.string(),
      code: z
        .string()
        .register(described, { description: "The definition that ran: its name and version." }),
      n: count,
      prev: hex32,
      at: time,
      ms: count,
      trigger: z.strictObject({
        type: z.enum(TRIGGER_TYPES),
        id: z.string(),
        from: z.string(),
        source: z.string(),
      }),
      outcome: z.enum(["done", "parked", "retry", "failed", "expired"]),
      attempt: count.optional(),
      resumed: z.literal(true).optional(),
      error: errorInfo.optional(),
      steps: z
        .array(
          z.strictObject({
            key: z.string(),
            ms: count,
            replayed: z.literal(true).optional(),
            used: z
              .strictObject({
                usd: count.optional(),
                tokens: count.optional(),
                by: z.string().optional(),
                kinds: z.record(z.string(), count).optional(),
                estimated: z.literal(true).optional(),
              })
              .optional(),
            error: errorInfo.optional(),
          }),
        )
        .optional(),
      waits: z.array(z.string()).optional(),
      sent: z
        .array(z.strictObject({ id: z.string(), to: z.string(), type: z.string() }))
        .optional(),
      keys: z
        .array(
          z.strictObject({
            use: z.enum(["sign", "encrypt", "decrypt", "export"]),
            for: z.string(),
            at: time,
            count: count.optional(),
          }),
        )
        .optional(),
      journal: hashes.optional(),
      wrote: hashes.optional(),
      removed: z.array(z.string()).optional(),
      output: hex32.optional(),
      status: z.string().optional(),
    })
    .register(described, { id: "TickRecord", description: "One tick as it stands in the record." }),
);

const output: z.ZodType<TickOutput> = shape<TickOutput>()(
  z
    .strictObject({
      replies: z
        .array(z.strictObject({ to: z.string(), replyTo: z.string(), payload: anyJson }))
        .optional(),
      events: z.array(z.strictObject({ name: z.string(), data: anyJson })).optional(),
      logs: z
        .array(
          z.strictObject({
            at: time,
            level: z.enum(["debug", "info", "warn", "error"]),
            text: z.string(),
            data: anyJson.optional(),
          }),
        )
        .optional(),
    })
    .register(described, {
      id: "TickOutput",
      description: "What a tick gave to the outside, and its log lines.",
    }),
);

export const tickView: z.ZodType<TickView> = shape<TickView>()(
  z
    .strictObject({ hash: hex32, record: tickRecord, output: output.optional() })
    .register(described, { id: "Tick" }),
);

export const logRow: z.ZodType<LogRow> = shape<LogRow>()(
  z
    .strictObject({
      n: count,
      hash: hex32,
      record: z
        .string()
        .register(described, { description: "The record, RFC 8785 canonical JSON." }),
      output: z.string().optional(),
    })
    .register(described, {
      id: "TrajectoryRow",
      description: "A row of the trajectory, as its hash is made of.",
    }),
);

export const verdict: z.ZodType<Verdict> = shape<Verdict>()(
  z
    .discriminatedUnion("ok", [
      z.strictObject({
        ok: z.literal(true),
        records: count,
        head: hex32.optional(),
        unrecorded: count.optional(),
      }),
      z.strictObject({
        ok: z.literal(false),
        records: count,
        wrong: count,
        reason: z.string(),
      }),
    ])
    .register(described, { id: "Verdict", description: "The result of checking a trajectory." }),
);
