import * as z from "zod/v4";
import { described } from "../described.ts";
import { ENVELOPE_TYPES } from "../../core/envelope.ts";
import type { Envelope } from "../../core/envelope.ts";
import type { Json } from "../../core/json.ts";
import type { MailRow, Receipt } from "../../core/ports/index.ts";
import type { Answer, Sent } from "../../core/runtime.ts";
import { errorInfo } from "./record.ts";
import { anyJson, count, shape, time } from "./shape.ts";

/** The types that mail from outside may have; the others are the runtime's own. */
export const MAIL_TYPES = ["message", "request", "event", "mention"] as const;

const headers = z.record(z.string(), z.string());

export const receipt: z.ZodType<Receipt> = z
  .enum([
    "accepted",
    "duplicate",
    "dead-lettered",
    "rejected",
    "unknown",
    "terminated",
    "busy",
    "moved",
    "unreachable",
    "oversized",
    "repetitive",
    "unpublished",
  ])
  .register(described, { id: "Receipt", description: "What became of an envelope at the inbox." });

export const envelope: z.ZodType<Envelope> = shape<Envelope>()(
  z
    .strictObject({
      id: z.string(),
      sentAt: time,
      source: z.string(),
      from: z.string(),
      to: z.string(),
      toName: z.string().optional(),
      type: z.enum(ENVELOPE_TYPES),
      payload: anyJson,
      sealed: z.enum(["sender", "own"]).optional(),
      replyTo: z.string().optional(),
      traceId: z.string().optional(),
      seq: count.optional(),
      expiresAt: time.optional(),
      priority: z.number().int().min(-100).max(100).optional(),
      headers: headers.optional(),
    })
    .register(described, {
      id: "Envelope",
      description: "What reaches an agent from outside of a tick.",
    }),
);

export const mailRow: z.ZodType<MailRow> = shape<MailRow>()(
  z
    .strictObject({
      position: count,
      envelope,
      at: time,
      attempts: count,
      notBefore: time,
      reason: z.string().optional(),
    })
    .register(described, {
      id: "MailRow",
      description: "An envelope in an inbox, or among the dead letters.",
    }),
);

/** The body of a send. */
export interface MailBody {
  readonly payload?: Json | undefined;
  readonly text?: string | undefined;
  readonly id?: string | undefined;
  readonly type?: (typeof MAIL_TYPES)[number] | undefined;
  readonly from?: string | undefined;
  readonly priority?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly traceId?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export const mailBody: z.ZodType<MailBody> = z
  .strictObject({
    payload: anyJson.optional(),
    text: z
      .string()
      .optional()
      .register(described, { description: "In place of a payload that is text." }),
    id: z
      .string()
      .optional()
      .register(described, { description: "Sent twice it has effect once." }),
    type: z.enum(MAIL_TYPES).optional(),
    from: z.string().optional().register(described, { description: 'Default "operator".' }),
    priority: z.number().int().min(-100).max(99).optional(),
    expiresAt: time.optional(),
    traceId: z.string().optional(),
    headers: headers.optional(),
  })
  .register(described, {
    id: "Mail",
    description: "A message to an agent: a payload, or a text.",
    example: { text: "Ada" },
  });

const sentMembers = { id: z.string(), receipt };

export const sent: z.ZodType<Sent> = shape<Sent>()(
  z.strictObject(sentMembers).register(described, { id: "Sent" }),
);

export const answer: z.ZodType<Answer> = shape<Answer>()(
  z
    .strictObject({
      ...sentMembers,
      outcome: z.enum(["done", "failed", "expired", "pending", "dead-lettered"]),
      replies: z.array(anyJson),
      error: errorInfo.optional(),
    })
    .register(described, { id: "Answer", description: "What became of an envelope." }),
);
