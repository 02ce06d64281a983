import { OpenAgentsError } from "./errors.ts";

/**
 * Agent code names steps, events and alarms, and the record of the tick carries those names.
 * @throws INVALID for a name that it could not carry
 */
export function checkLabel(name: unknown, what: string): asserts name is string {
  if (typeof name === "string" && name.isWellFormed() && name !== "" && name.length <= 500) return;
  const given = typeof name === "string" ? JSON.stringify(name) : typeof name;
  throw new OpenAgentsError(
    "INVALID",
    `Cannot name ${what} ${given}: use text of 1 to 500 characters with no lone surrogate`,
  );
}
