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
