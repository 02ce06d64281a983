import * as z from "zod/v4";
import { described } from "../described.ts";
import { GOAL_STATUS } from "../../core/ports/memory.ts";
import type { FileText, GoalChange, MemoryHit, NewGoal } from "../../core/ports/memory.ts";
import type { AlarmInfo, GoalInfo } from "../../core/operations.ts";
import { ALL_AREAS } from "../../core/search.ts";
import type { LogLine } from "../../core/trajectory.ts";
import { anyJson, count, shape, time } from "./shape.ts";

const goalId = z.string().regex(/^[\w.:-]{1,100}$/);
const title = z.string().min(1).max(500);
const note = z.string().min(1).max(10_000);
const result = z.string().min(1).max(10_000);
const priority = z.number().int().min(-100).max(100);
const progress = z.number().min(0).max(1);
const status = z.enum(GOAL_STATUS);

export const goal: z.ZodType<GoalInfo> = shape<GoalInfo>()(
  z
    .strictObject({
      id: goalId,
      title,
      status,
      priority,
      progress,
      parent: goalId.optional(),
      note: note.optional(),
      result: result.optional().register(described, { description: "What came of it." }),
      createdAt: time,
      updatedAt: time,
      revision: z.string(),
    })
    .register(described, { id: "Goal", description: "What an agent is to bring about." }),
);

const change = {
  status: status.optional(),
  priority: priority.optional().register(described, { description: "The higher the more urgent." }),
  progress: progress.optional(),
  parent: goalId
    .nullable()
    .optional()
    .register(described, { description: "The goal that it is a part of." }),
  note: note.nullable().optional(),
  result: result.nullable().optional(),
};

export const goalChange: z.ZodType<GoalChange> = z
  .strictObject({ title: title.optional(), ...change })
  .register(described, { id: "GoalChange", description: "What is absent stays; null takes away." });

export const newGoal: z.ZodType<NewGoal> = z
  .strictObject({ id: goalId.optional(), title, ...change })
  .register(described, { id: "NewGoal", example: { title: "Answer every mail", priority: 10 } });

export const fileText: z.ZodType<FileText> = shape<FileText>()(
  z
    .strictObject({ path: z.string(), value: z.string() })
    .register(described, { id: "MemoryFile", description: "A file of an agent's memory." }),
);

export const memoryHit: z.ZodType<MemoryHit> = shape<MemoryHit>()(
  z
    .strictObject({
      in: z.enum(ALL_AREAS),
      id: z.string().register(described, {
        description:
          "The id of the conversation, pattern or goal, the key, the npub of the peer, or the path of the file.",
      }),
      n: count.optional().register(described, { description: "The number of the message." }),
      path: z.string().register(described, { description: "Where it is in the agent's tree." }),
      text: z.string().register(described, { description: "Some of what it says." }),
    })
    .register(described, { id: "MemoryHit", description: "Something that was found." }),
);

export const alarmInfo: z.ZodType<AlarmInfo> = shape<AlarmInfo>()(
  z
    .strictObject({
      id: z.string(),
      at: time.register(described, { description: "When it fires next, milliseconds since 1970." }),
      every: count.optional(),
      cron: z.string().optional(),
      timeZone: z.string().optional(),
      payload: anyJson,
    })
    .register(described, { id: "Alarm" }),
);

/** A line that an agent logged, and in which tick. */
export interface LoggedLine extends LogLine {
  readonly n: number;
}

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

export const loggedLine: z.ZodType<LoggedLine> = shape<LoggedLine>()(
  z
    .strictObject({
      n: count.register(described, { description: "The tick." }),
      at: time,
      level: z.enum(LOG_LEVELS),
      text: z.string(),
      data: anyJson.optional(),
    })
    .register(described, { id: "LogLine", description: "A line that an agent logged." }),
);
