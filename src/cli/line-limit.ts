/** How many lines a minute there are of one subject, and of all. */
export interface LineLimits {
  readonly each: number;
  readonly all: number;
}

const MINUTE = 60_000;

/** Keeps lines of a storm from filling a log: those above the limits are counted, and the next minute says how many. */
export class LineLimit {
  readonly #limits: LineLimits;
  readonly #now: () => number;
  readonly #lines = new Map<string, number>();
  #all = 0;
  #until = 0;
  #unsaid = 0;

  constructor(limits: LineLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Undefined for a line that is not to be written; else how many were not before it, since that was last said. */
  take(subject: string): { readonly unsaid: number } | undefined {
    const now = this.#now();
    if (now >= this.#until) {
      this.#until = now + MINUTE;
      this.#lines.clear();
      this.#all = 0;
    }
    const lines = this.#lines.get(subject) ?? 0;
    if (lines >= this.#limits.each || this.#all >= this.#limits.all) {
      this.#unsaid += 1;
      return undefined;
    }
    this.#lines.set(subject, lines + 1);
    this.#all += 1;
    const unsaid = this.#unsaid;
    this.#unsaid = 0;
    return { unsaid };
  }
}
