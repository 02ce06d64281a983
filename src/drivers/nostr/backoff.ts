import type { Random } from "../../core/ports/index.ts";

/** Waits between tries: each up to twice as long as the one before, with chance in it. */
export interface Backoff {
  /** How long to wait now, ms: between half and the whole of a time that doubles. */
  next(): number;
  /** The next wait is the shortest one again. */
  reset(): void;
}

export interface BackoffOptions {
  readonly random: Random;
  /** The first wait, ms. */
  readonly first: number;
  /** The longest wait, ms. */
  readonly longest: number;
}

/** A backoff with jitter, so that not all clients of a relay come back in the same moment. */
export function backoff({ random, first, longest }: BackoffOptions): Backoff {
  let wait = first;
  return {
    next() {
      const [high = 0, low = 0] = random.bytes(2);
      const share = (high * 256 + low) / 65_536;
      const now = wait;
      wait = Math.min(wait * 2, longest);
      return Math.round(now / 2 + (now / 2) * share);
    },
    reset() {
      wait = first;
    },
  };
}
