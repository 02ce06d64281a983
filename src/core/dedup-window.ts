import { toMs } from "./duration.ts";
import type { Kernel } from "./kernel.ts";

const MINUTE = 60_000;
const HOUR = 3_600_000;
const BATCH = 1000;

/** Lets go of the ids of envelopes that are older than the dedup window, now and then. */
export class DedupWindow {
  readonly #kernel: Kernel;
  readonly #failed: (error: unknown) => void;
  #cancel: (() => void) | undefined;
  #stopped = false;

  /** @param failed is told when a round did not come to its end; the next one goes on */
  constructor(kernel: Kernel, failed: (error: unknown) => void) {
    this.#kernel = kernel;
    this.#failed = failed;
  }

  /** Begins: at once and then every hour, or once a minute later where somebody else keeps the time. */
  start(): void {
    const { waker, clock } = this.#kernel;
    if (waker === undefined) this.#hourly();
    else this.#cancel = clock.after(MINUTE, () => this.#round());
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #hourly(): void {
    this.#round();
    this.#cancel = this.#kernel.clock.after(HOUR, () => this.#hourly());
  }

  #round(): void {
    this.#forget().catch((error: unknown) => this.#failed(error));
  }

  async #forget(): Promise<void> {
    const { store, clock, limits } = this.#kernel;
    const before = clock.now() - toMs(limits.dedup);
    while (!this.#stopped && (await store.forget(before, BATCH)) === BATCH) await store.sync();
  }
}
