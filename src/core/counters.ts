import { Histogram } from "./histogram.ts";
import type { Receipt } from "./ports/index.ts";
import type { RuntimeCounts } from "./runtime.ts";
import type { TickRecord } from "./trajectory.ts";

/** Bounds of a tick's duration, of lateness and of a commit's way to the disk, ms. */
const TICK = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 60_000, 300_000];
const LAG = [1, 5, 10, 50, 100, 500, 1000, 5000, 10_000, 60_000, 600_000, 3_600_000];
const SYNC = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000];

/** What a runtime counts of what it does, since it was made. Nothing of it is stored. */
export class Counters {
  readonly #outcomes = { done: 0, parked: 0, retry: 0, failed: 0, expired: 0 };
  readonly #mismatches = { failed: 0, restarted: 0 };
  readonly #received = new Map<Receipt, number>();
  readonly #tickMs = new Histogram(TICK);
  readonly #lagMs = new Histogram(LAG);
  readonly #syncMs = new Histogram(SYNC);
  readonly #used = { tokens: 0, usd: 0 };
  #sent = 0;
  #returned = 0;
  #failures = 0;

  get ticks(): number {
    return this.#tickMs.count;
  }

  get failures(): number {
    return this.#failures;
  }

  /** A tick is durable: `lag` ms after it was due it began, and `sync` ms after its commit it was that. */
  ticked({ outcome, ms, error, steps = [] }: TickRecord, lag: number, sync: number): void {
    this.#outcomes[outcome] += 1;
    if (error !== undefined) this.#failures += 1;
    if (error?.code === "MISMATCH") {
      this.#mismatches[outcome === "failed" ? "failed" : "restarted"] += 1;
    }
    for (const { used } of steps) {
      this.#used.tokens += used?.tokens ?? 0;
      this.#used.usd += used?.usd ?? 0;
    }
    this.#tickMs.observe(ms);
    this.#lagMs.observe(lag);
    this.#syncMs.observe(sync);
  }

  /** Mail was put into inboxes, or was not; what is for nobody here may be for somebody elsewhere. */
  received(receipts: readonly Receipt[]): void {
    for (const receipt of receipts) {
      if (receipt === "unknown") continue;
      this.#received.set(receipt, (this.#received.get(receipt) ?? 0) + 1);
    }
  }

  /** Mail left the outbox: it arrived, or went back to its sender. */
  left(sent: number, returned: number): void {
    this.#sent += sent;
    this.#returned += returned;
  }

  snapshot(): RuntimeCounts {
    return {
      outcomes: { ...this.#outcomes },
      mismatches: { ...this.#mismatches },
      used: { ...this.#used },
      received: Object.fromEntries(this.#received),
      sent: this.#sent,
      returned: this.#returned,
      tickMs: this.#tickMs.snapshot(),
      lagMs: this.#lagMs.snapshot(),
      syncMs: this.#syncMs.snapshot(),
    };
  }
}
