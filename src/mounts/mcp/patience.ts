import type { Clock } from "../../core/ports/index.ts";
import { isTelling } from "./failures.ts";

export interface PatienceOptions {
  readonly clock: Clock;
  /** How long the first answer may take, and any other, ms. */
  readonly most: { readonly first: number; readonly later: number };
  /** What is thrown where there is no answer, and none from before. */
  readonly late: (ms: number) => Error;
  /** Told once that an answer from before is used, and why, until there is a new one. */
  readonly onOld: (why: unknown) => void;
}

/**
 * Asks again and again for something that changes little, of somebody who may hang or fail: the last answer is good
 * where there is no new one soon. While an answer is waited for nobody waits once more, and when it did not come, not
 * before as much time has passed again.
 */
export class Patience<T> {
  readonly #options: PatienceOptions;
  #last: { readonly value: T } | undefined;
  #isOld = false;
  #hangs = 0;
  #hasHung = false;
  #againAt = -Infinity;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** @throws what `ask` throws, or that it is late, where there was no answer before; LOCKED in any case */
  async get(ask: () => Promise<T>): Promise<T> {
    const { clock, most, late } = this.#options;
    const limit = this.#last === undefined && !this.#hasHung ? most.first : most.later;
    const begun = clock.now();
    if (this.#hangs > 0 || begun < this.#againAt) return this.#lastOr(late(limit));
    const asked = ask();
    const ended = Promise.withResolvers<"late">();
    const stop = clock.after(limit, () => ended.resolve("late"));
    try {
      const first = await Promise.race([asked.then((value) => ({ value })), ended.promise]);
      if (first !== "late") return this.#answered(first.value);
    } catch (error) {
      if (isTelling(error)) throw error;
      return this.#lastOr(error);
    } finally {
      stop();
    }
    this.#hasHung = true;
    this.#hangs += 1;
    const over = (): void => {
      this.#hangs -= 1;
    };
    asked.then(
      (value) => {
        over();
        this.#answered(value);
      },
      () => {
        over();
        const now = clock.now();
        this.#againAt = now + (now - begun);
      },
    );
    return this.#lastOr(late(limit));
  }

  #answered(value: T): T {
    this.#last = { value };
    this.#isOld = false;
    this.#againAt = -Infinity;
    return value;
  }

  /** @throws the error, where there is no answer from before */
  #lastOr(error: unknown): T {
    if (this.#last === undefined) throw error;
    if (!this.#isOld) this.#options.onOld(error);
    this.#isOld = true;
    return this.#last.value;
  }
}
