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
