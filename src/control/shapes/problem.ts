import * as z from "zod/v4";
import { described } from "../described.ts";
import type { ErrorCode } from "../../core/errors.ts";
import { HTTP_STATUS } from "../http-status.ts";
import type { Problem } from "../problem.ts";
import { shape } from "./shape.ts";

export const errorCode: z.ZodType<ErrorCode> = z
  .enum(Object.keys(HTTP_STATUS) as [ErrorCode, ...ErrorCode[]])
  .register(described, { id: "ErrorCode", description: "What went wrong, as a closed set." });

export const problem: z.ZodType<Problem> = shape<Problem>()(
  z
    .strictObject({
      type: z.literal("about:blank"),
      title: z.string(),
      status: z.number().int().min(400).max(599),
      detail: z.string(),
      code: errorCode,
      url: z
        .string()
        .optional()
        .register(described, { description: "With MOVED: the agent's new home." }),
      errno: z.string().optional().register(described, {
        description: "Of files: the error's name in POSIX.",
        example: "ENOENT",
      }),
      requestId: z.string().optional(),
    })
    .register(described, { id: "Problem", description: "An error (RFC 9457)." }),
);
