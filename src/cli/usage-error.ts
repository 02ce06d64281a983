import { toMs } from "../core/duration.ts";
import { OpenAgentsError } from "../core/errors.ts";

/** What was typed cannot be meant: the program ends with exit code 2. */
export class UsageError extends OpenAgentsError {
  constructor(message: string) {
    super("INVALID", message);
  }
}

/** The value of an option, when it was given. @throws UsageError naming the option for an empty one */
export function notEmpty(option: string, value: string | undefined): string | undefined {
  if (value === "") throw new UsageError(`Cannot use ${option}: its value is empty`);
  return value;
}

/** The value of an option that is one of a set of words. @throws UsageError naming them */
export function oneOf<T extends string>(
  option: string,
  value: string | undefined,
  words: readonly T[],
): T | undefined {
  if (value === undefined || (words as readonly string[]).includes(value)) return value as T;
  throw new UsageError(`Cannot use ${option} "${value}": it must be one of ${words.join(", ")}`);
}

/** The value of an option that is a whole number from `min` to `max`. @throws UsageError */
export function wholeNumber(
  option: string,
  value: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(
    `Cannot use ${option} "${value}": it must be a whole number from ${min} to ${max}`,
  );
}

/** The value of an option that is a duration, in ms. @throws UsageError */
export function durationMs(option: string, value: string): number {
  try {
    return toMs(value);
  } catch (error) {
    throw new UsageError(`Cannot use ${option} "${value}": ${(error as Error).message}`);
  }
}
