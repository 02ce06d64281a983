import { Serial } from "../core/kernel.ts";

/** Runs each piece of work when the one before it is over, however that went. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

/** Turns of which nobody knows yet. What reads a count and writes it again must not overlap. */
export function turns(): Turns {
  const serial = new Serial();
  return (work) => serial.run(work);
}
