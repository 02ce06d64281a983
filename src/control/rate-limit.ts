import type { Clock } from "../core/ports/index.ts";

/** What is left to somebody in a minute. */
export interface Allowance {
  readonly ok: boolean;
  /** Requests that may be made at once. */
  readonly left: number;
  /** Seconds until there are as many again as ever, or, when there are none, until the next one. */
  readonly reset: number;
}

/** Counts requests: a bucket for each who makes them, that fills up evenly over a minute. */
export interface RateLimit {
  /** Takes one out of the bucket of `id`, which holds `rate`. */
  take(id: string, rate: number): Allowance;
}

const MINUTE = 60_000;
/** Buckets that are kept. One that is dropped was the one not asked for for the longest. */
const KEPT = 10_000;

/** In memory: each process counts for itself. */
export function rateLimit(clock: Pick<Clock, "now">): RateLimit {
  /** When each bucket will be full again, ms since 1970: the generic cell rate algorithm. */
  const full = new Map<string, number>();
  return {
    take(id, rate) {
      const now = clock.now();
      const each = MINUTE / rate;
      const at = Math.max(full.get(id) ?? now, now);
      const ok = at + each - now <= MINUTE;
      const then = ok ? at + each : at;
      full.delete(id);
      full.set(id, then);
      if (full.size > KEPT) full.delete(full.keys().next().value!);
      return {
        ok,
        left: Math.floor((MINUTE - (then - now)) / each),
        reset: Math.ceil((ok ? then - now : at + each - now - MINUTE) / 1000),
      };
    },
  };
}
