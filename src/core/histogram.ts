/** How often what was measured was up to each bound. */
export interface HistogramCounts {
  /** Upper bounds, rising. */
  readonly bounds: readonly number[];
  /** How many were up to the bound at the same index and above the one before; the last: above all. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** Counts what is measured into fixed buckets: keeps no value, and costs a few comparisons for each. */
export class Histogram implements HistogramCounts {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const { bounds } = this;
    let i = 0;
    while (i < bounds.length && value > bounds[i]!) i += 1;
    this.counts[i]! += 1;
    this.sum += value;
    this.count += 1;
  }

  /** As it is now, apart from what is counted later. */
  snapshot(): HistogramCounts {
    const { bounds, counts, sum, count } = this;
    return { bounds, counts: [...counts], sum, count };
  }
}
