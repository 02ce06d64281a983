import * as z from "zod/v4";
import { described } from "../described.ts";
import type { RuntimeMetrics } from "../../core/runtime.ts";
import { count, shape, time } from "./shape.ts";

/** The runtime as `GET /runtime/status` shows it. */
export interface RuntimeStatus extends Partial<RuntimeMetrics> {
  readonly version: string;
  readonly types: readonly string[];
  /** All ticks are stopped. */
  readonly paused: boolean;
}

export const runtimeStatus: z.ZodType<RuntimeStatus> = shape<RuntimeStatus>()(
  z
    .strictObject({
      version: z.string(),
      types: z
        .array(z.string())
        .register(described, { description: "The types that agents can be of." }),
      paused: z.boolean().register(described, { description: "All ticks are stopped." }),
      startedAt: time.optional(),
      ticks: count.optional(),
      failures: count.optional(),
      running: count.optional(),
      ready: count.optional(),
      cached: count.optional(),
      locked: z.boolean().optional(),
    })
    .register(described, { id: "RuntimeStatus", description: "What is known where it is asked." }),
);
