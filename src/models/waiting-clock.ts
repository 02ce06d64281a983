import type { Clock } from "../core/ports/index.ts";

/** Timers above 2^31 ms fire at once. */
const LONGEST = 0x7fffffff;

/**
 * The machine's clock, as a call of a model has it: unlike the runtime's it keeps a process alive, since between
 * two tries nothing else may.
 */
export const waitingClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, LONGEST));
    return () => clearTimeout(timer);
  },
};
