import type { Clock } from "../../core/ports/index.ts";
import { systemClock } from "../../core/system.ts";

/** Timers from this long on are looked at once in this time, ms. */
const ROUND = 1000;

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/**
 * The system's clock with cheap timers: setting and clearing one of Workers' own costs more than all
 * else that is done for a short message, and most are cleared before they go off. Those of a second
 * or more share one, and go off up to a second late.
 */
export function objectClock(): Clock {
  const timers = new Set<Timer>();
  let running = false;

  const look = (): void => {
    const now = systemClock.now();
    for (const timer of timers) {
      if (timer.at > now) continue;
      timers.delete(timer);
      timer.run();
    }
    running = timers.size > 0;
    if (running) systemClock.after(ROUND, look);
  };
  return {
    now: () => systemClock.now(),
    after(ms, run) {
      if (ms < ROUND) return systemClock.after(ms, run);
      const timer = { at: systemClock.now() + ms, run };
      timers.add(timer);
      if (!running) {
        running = true;
        systemClock.after(ROUND, look);
      }
      return () => timers.delete(timer);
    },
  };
}
