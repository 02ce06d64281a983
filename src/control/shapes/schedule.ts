import * as z from "zod/v4";
import { described } from "../described.ts";
import { MISSED_POLICIES, SCHEDULE_TYPES } from "../../drivers/scheduler.ts";
import type { NewSchedule, Schedule, ScheduleChange } from "../../drivers/scheduler.ts";
import { errorCode } from "./problem.ts";
import { anyJson, count, shape, time } from "./shape.ts";

const moment = z.union([z.number(), z.string()]).register(described, {
  description: "Milliseconds since 1970, or ISO 8601 with its zone.",
  example: "2026-03-01T09:00:00Z",
});
const duration = z.union([z.number(), z.string()]).register(described, {
  description: "A number of milliseconds or a duration such as 10s or 1h30m; at least 1s.",
  example: "1h",
});

const timing = {
  cron: z.string().register(described, {
    description: "A cron expression of 5 fields, or of 6 with seconds first, or like @daily.",
    example: "0 9 * * 1-5",
  }),
  timeZone: z.string().register(described, {
    description: "The IANA zone that cron is meant in. Default: UTC.",
    example: "Europe/Berlin",
  }),
  every: duration,
  start: moment.register(described, {
    description: "The first time of every. Default: one interval from now.",
  }),
  at: moment.register(described, { description: "Once, at this time." }),
};

const rest = {
  agent: z
    .string()
    .register(described, { description: "Its name, npub or hex key.", example: "alice" }),
  type: z.enum(SCHEDULE_TYPES).register(described, { description: "Default: alarm." }),
  payload: anyJson,
  missed: z.enum(MISSED_POLICIES).register(described, {
    description:
      "What becomes of times that passed while nothing ran: none fires, one for all, or each. Default: once.",
  }),
  paused: z.boolean(),
};

export const newSchedule: z.ZodType<NewSchedule> = shape<NewSchedule>()(
  z
    .strictObject({
      id: z
        .string()
        .optional()
        .register(described, { description: "Default: a new one.", example: "daily" }),
      agent: rest.agent,
      cron: timing.cron.optional(),
      timeZone: timing.timeZone.optional(),
      every: timing.every.optional(),
      start: timing.start.optional(),
      at: timing.at.optional(),
      type: rest.type.optional(),
      payload: anyJson.optional(),
      missed: rest.missed.optional(),
      paused: rest.paused.optional(),
    })
    .register(described, {
      id: "NewSchedule",
      description: "With exactly one of cron, every and at.",
    }),
);

export const scheduleChange: z.ZodType<ScheduleChange> = shape<ScheduleChange>()(
  z
    .strictObject({
      agent: rest.agent.optional(),
      cron: timing.cron.optional(),
      timeZone: timing.timeZone.optional(),
      every: timing.every.optional(),
      start: timing.start.optional(),
      at: timing.at.optional(),
      type: rest.type.optional(),
      payload: anyJson.optional(),
      missed: rest.missed.optional(),
      paused: rest.paused.optional(),
    })
    .register(described, {
      id: "ScheduleUpdate",
      description:
        "What is absent stays; another of cron, every and at takes the place of the one before.",
    }),
);

export const schedule: z.ZodType<Schedule> = shape<Schedule>()(
  z
    .strictObject({
      id: z.string(),
      agent: z.string(),
      cron: z.string().optional(),
      timeZone: z.string().optional(),
      every: count.optional(),
      start: time.optional(),
      at: time.optional(),
      type: z.enum(SCHEDULE_TYPES),
      payload: anyJson,
      missed: z.enum(MISSED_POLICIES),
      status: z.enum(["active", "paused", "disabled", "done"]),
      createdAt: time,
      revision: z.string(),
      due: time.optional(),
      retryAt: time.optional(),
      asOf: time.optional(),
      tries: count.optional(),
      fired: count,
      lastDue: time.optional(),
      lastError: z.strictObject({ at: time, code: errorCode, message: z.string() }).optional(),
    })
    .register(described, { id: "Schedule", description: "What is sent to an agent by time." }),
);
