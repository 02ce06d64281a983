import type { Clock, Random } from "./ports/index.ts";

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    // Timers above 2^31 ms fire at once: wake earlier instead, whoever waits looks at the time.
    const timer: unknown = setTimeout(run, Math.min(ms, 0x7fffffff));
    // In Node a timer is an object that can let the process end; elsewhere it is a number.
    if (typeof timer === "object" && timer !== null && "unref" in timer) {
      (timer as { unref(): void }).unref();
    }
    return () => clearTimeout(timer as number);
  },
};

/** The machine's own source of randomness, asked for a page at a time: each call of it is slow. */
export const systemRandom: Random = {
  bytes(length) {
    if (used + length > pool.length) {
      pool = crypto.getRandomValues(new Uint8Array(Math.max(4096, length)));
      used = 0;
    }
    used += length;
    return pool.slice(used - length, used);
  },
};

let pool = new Uint8Array(0);
let used = 0;
