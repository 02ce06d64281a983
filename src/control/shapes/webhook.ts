import * as z from "zod/v4";
import { described } from "../described.ts";
import type {
  Attempt,
  CloudEvent,
  DeliveryInfo,
  Webhook,
  WebhookChange,
  WebhookInput,
  WebhookReport,
  WebhookWithSecret,
} from "../webhooks.ts";
import { anyJson, count, shape, time } from "./shape.ts";

const text = z.string().min(1).max(200);
const url = z.string().max(2000).register(described, {
  description: "Where events go to.",
  example: "https://example.com/events",
});
const events = z
  .array(z.string().max(250))
  .min(1)
  .max(50)
  .register(described, {
    description: "Types of events: one, all below one, or all.",
    example: ["agent.tick.failed", "agent.event.*"],
  });
const agents = z
  .array(text)
  .max(1000)
  .register(described, { description: "Names or npubs: the events of these agents only." });
const labels = z
  .array(text)
  .max(1000)
  .register(described, { description: "The events of agents with one of these labels only." });

const input = {
  agents: agents.optional(),
  labels: labels.optional(),
  description: text.optional(),
};

export const webhookInput: z.ZodType<WebhookInput> = shape<WebhookInput>()(
  z.strictObject({ url, events, ...input }).register(described, { id: "WebhookInput" }),
);

export const webhookChange: z.ZodType<WebhookChange> = shape<WebhookChange>()(
  z
    .strictObject({
      url: url.optional(),
      events: events.optional(),
      ...input,
      active: z.boolean().optional(),
    })
    .register(described, { id: "WebhookChange", description: "What is absent stays as it is." }),
);

const shown = {
  id: z.string(),
  url,
  events,
  ...input,
  active: z.boolean(),
  disabled: z
    .string()
    .optional()
    .register(described, { description: "Why it is not active, when nobody asked for that." }),
  createdAt: time,
  activeSince: time.optional().register(described, {
    description: "When it was made active again. Absent where it always was.",
  }),
  revision: z.string(),
};

export const webhook: z.ZodType<Webhook> = shape<Webhook>()(
  z.strictObject(shown).register(described, { id: "Webhook" }),
);

export const webhookReport: z.ZodType<WebhookReport> = shape<WebhookReport>()(
  z
    .strictObject({
      ...shown,
      failingSince: time.optional(),
      failures: count.optional(),
      until: time.optional(),
    })
    .register(described, {
      id: "WebhookReport",
      description: "A webhook; where something is wrong with its receiver, since when.",
    }),
);

export const webhookWithSecret: z.ZodType<WebhookWithSecret> = shape<WebhookWithSecret>()(
  z.strictObject({ ...shown, secret: z.string() }).register(described, {
    id: "WebhookWithSecret",
    description: "The secret is shown this once.",
  }),
);

const tried = z
  .strictObject({
    at: time,
    ms: count,
    status: z.number().int().optional(),
    error: z.string().optional(),
    body: z.string().optional(),
  })
  .register(described, { id: "WebhookAttempt", description: "One try to reach a receiver." });
export const attempt: z.ZodType<Attempt> = shape<Attempt>()(tried);

const event = z
  .strictObject({
    specversion: z.literal("1.0"),
    id: z.string(),
    source: z.string(),
    type: z.string(),
    subject: z.string().optional(),
    time: z.string(),
    datacontenttype: z.literal("application/json").optional(),
    data: anyJson.optional(),
    dataref: z.string().optional(),
  })
  .register(described, {
    id: "CloudEvent",
    description: "An event as it is sent: CloudEvents 1.0.",
  });

export const delivery: z.ZodType<DeliveryInfo> = z
  .strictObject({
    id: z.string(),
    event: event as unknown as z.ZodType<CloudEvent>,
    state: z.enum(["waiting", "delivered", "failed"]),
    notedAt: time,
    dueAt: time.optional(),
    tries: z.array(tried),
  })
  .register(described, { id: "WebhookDelivery" }) as unknown as z.ZodType<DeliveryInfo>;
