/** The value below which a share of the values lies; 0.5 for the median. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** `value` with three digits that mean something, and with no fraction from 100 on. */
export function round(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

/** The p50 and p99 of a row. */
export function tails(values: readonly number[]): { readonly p50: number; readonly p99: number } {
  return { p50: round(percentile(values, 0.5)), p99: round(percentile(values, 0.99)) };
}

/** How long `work` takes, in ms. */
export async function time(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Runs `work` for 0, 1, 2 … `count` - 1, `inFlight` at a time; how long each took, in ms. */
export async function flight(
  { count, inFlight }: { readonly count: number; readonly inFlight: number },
  work: (i: number) => Promise<unknown>,
): Promise<number[]> {
  const took: number[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const i = next;
      next += 1;
      took.push(await time(() => work(i)));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return took;
}
