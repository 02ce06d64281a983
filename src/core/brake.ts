import type { Brake, Clock, HomeFiles } from "./ports/index.ts";

/** There while all ticks are stopped: since when. */
export const PAUSED = "runtime/paused";

/** A brake that is let go when its process ends. */
export function memoryBrake(): Brake {
  let pulled = false;
  return {
    on: () => pulled,
    async set(on) {
      pulled = on;
    },
  };
}

/**
 * A brake in a home's files. With `fresh` what was read is good for so many ms, as others may pull it or let
 * it go; without, this one alone does. While the files cannot be read it is as it was, and off at first.
 */
export function fileBrake(options: {
  readonly files: Pick<HomeFiles, "read" | "write">;
  readonly clock: Clock;
  readonly fresh?: number;
  /** How long after it was found on it is looked at again, ms. */
  readonly again?: number;
}): Brake {
  const { files, clock, fresh = Number.POSITIVE_INFINITY, again } = options;
  let known = false;
  let until = Number.NEGATIVE_INFINITY;
  let reading: Promise<boolean> | undefined;
  // What was read before it was set is not what it is.
  let sets = 0;

  const read = async (): Promise<boolean> => {
    const before = sets;
    try {
      const text = await files.read(PAUSED);
      if (before !== sets) return known;
      known = text !== undefined;
      until = clock.now() + fresh;
    } catch {
      if (fresh !== Number.POSITIVE_INFINITY) until = clock.now() + fresh;
    } finally {
      reading = undefined;
    }
    return known;
  };
  return {
    on: () => (clock.now() < until ? known : (reading ??= read())),
    async set(on) {
      await files.write(
        on
          ? { put: [{ path: PAUSED, value: JSON.stringify({ since: clock.now() }) }] }
          : { remove: [PAUSED] },
      );
      sets += 1;
      known = on;
      until = clock.now() + fresh;
    },
    ...(again !== undefined && { again }),
  };
}
