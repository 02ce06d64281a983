import * as z from "zod/v4";
import { described } from "../described.ts";
import type { FileStat, Written } from "../../core/ports/index.ts";
import { count, shape } from "./shape.ts";

export const fileStat: z.ZodType<FileStat> = shape<FileStat>()(
  z
    .strictObject({
      name: z.string(),
      kind: z.enum(["file", "directory", "link"]),
      access: z
        .enum(["", "r", "w", "rw"])
        .register(described, { description: "What whoever asks can do with it." }),
      size: count.optional(),
      modifiedAt: z.number().optional(),
      revision: z.string().optional(),
      target: z
        .string()
        .optional()
        .register(described, { description: "Of a link: where it leads to." }),
      nature: z.enum(["stream", "exchange", "ranged", "commands"]).optional(),
      limit: count
        .optional()
        .register(described, { description: "The most bytes that it may be given." }),
      type: z.string().optional(),
    })
    .register(described, { id: "FileStat", description: "What is known of a file." }),
);

export const written: z.ZodType<Written> = shape<Written>()(
  z.strictObject({ path: z.string() }).register(described, {
    id: "Written",
    description: "Where it is now, from the root of the tree.",
  }),
);
