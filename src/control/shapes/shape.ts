import * as z from "zod/v4";
import { described } from "../described.ts";
import type { Json } from "../../core/json.ts";

/**
 * A type as a schema gives it: as JSON has no difference between a member that is absent and one that is
 * undefined, neither has a schema.
 */
type Loose<T> = Json extends T
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Loose<Item>[]
    : T extends object
      ? { readonly [K in keyof T as undefined extends T[K] ? never : K]: Loose<T[K]> } & {
          readonly [K in keyof T as undefined extends T[K] ? K : never]?: Loose<T[K]> | undefined;
        }
      : T;

/** The schema of `T`, held against it by the compiler: what fits the one fits the other. */
export function shape<T>(): <S extends Loose<T>>(schema: z.ZodType<S>) => z.ZodType<T> {
  return (schema) => schema as unknown as z.ZodType<T>;
}

/** Any JSON value, null included. */
export const anyJson: z.ZodType<Json> = z
  .any()
  .register(described, { description: "Any JSON value." });

/** A time as a whole number of milliseconds since 1970. */
export const time: z.ZodType<number> = z
  .number()
  .int()
  .min(0)
  .register(described, { description: "Milliseconds since 1970.", example: 1_795_824_000_000 });

/** A count, from 0. */
export const count: z.ZodType<number> = z.number().int().min(0);

/** Lower-case hex of 32 bytes: a hash, a public key. */
export const hex32: z.ZodType<string> = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .register(described, { description: "32 bytes in lower-case hex." });

/** An agent's id. */
export const npub: z.ZodType<string> = z
  .string()
  .regex(/^npub1[02-9ac-hj-np-z]{58}$/)
  .register(described, { description: "A public key as NIP-19 writes it." });

/** A page of a listing. */
export function pageOf<T>(item: z.ZodType<T>): z.ZodType<{
  readonly items: readonly T[];
  readonly cursor?: string | undefined;
}> {
  return z.strictObject({
    items: z.array(item),
    cursor: z.string().optional().register(described, {
      description: "What to ask the next page with; absent on the last one.",
    }),
  });
}
