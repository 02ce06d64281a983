import type { Clock } from "../../core/ports/index.ts";

/** The times between which something that was sent is acted on. */
export interface Floor {
  /** How far ahead of this clock a sender's may be, ms. */
  readonly ahead: number;
  /** A driver starts that was last connected at this time, ms since 1970; -Infinity for never. */
  readonly start: (last: number) => void;
  /** Before this nothing is acted on, ms since 1970. Never in the future. */
  readonly now: () => number;
}

/** How much later than it was connected a driver may have noted that it was, ms. */
const LAG = 60_000;

/**
 * What was sent longer ago than the ids of envelopes are remembered may have been acted on and
 * forgotten, so a relay that replays it would have it acted on twice. But what was sent since the
 * driver was last connected was not seen before, however old it is: for a while after a start, that
 * is what counts. Where ids are remembered for a short time only, senders' clocks may be ahead by no
 * more than a quarter of it: what is dated further ahead would be forgotten before it is old.
 */
export function floorOf({
  clock,
  dedup,
  ahead: wanted,
}: {
  readonly clock: Clock;
  /** How long ids are remembered, ms. */
  readonly dedup: number;
  /** How far ahead of this clock a sender's may be, ms. */
  readonly ahead: number;
}): Floor {
  const ahead = Math.min(wanted, dedup / 4);
  const margin = ahead + Math.min(LAG, dedup / 4);
  let startedAt = clock.now();
  let last = Number.NEGATIVE_INFINITY;
  return {
    ahead,
    start(known) {
      startedAt = clock.now();
      last = known;
    },
    now() {
      const now = clock.now();
      const window = now - dedup + margin;
      // What is taken in in this time is remembered beyond it.
      const fresh = Number.isFinite(last) && now - startedAt < dedup / 2;
      return Math.max(0, fresh ? Math.min(window, last + margin) : window);
    },
  };
}
