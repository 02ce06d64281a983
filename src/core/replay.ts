/** Where something was asked for in its run of the hook, and by which code. */
export interface Stamp {
  /** How many steps, requests and sleeps were asked for before it. */
  readonly at: number;
  /** The revision of the definition. */
  readonly code: string;
}

/** Something that is known of an earlier run. */
export interface Known {
  readonly key: string;
  /** Its stamp; undefined where an older release has kept none. */
  readonly at: number | undefined;
  readonly code: string | undefined;
  /** `done` has a result, `waiting` is waited for, `again` was asked for and is to be done anew. */
  readonly kind: "done" | "waiting" | "again";
}

/** A step, request or sleep that a hook asks for. */
export interface Ask {
  readonly key: string;
  /** Its place in the order of the run. */
  readonly at: number;
  /** It was asked for before, and is to be done anew. */
  readonly anew: boolean;
  /** Resolves when it may go on, rejects when the run ends before; undefined when it may at once. */
  readonly turn: Promise<void> | undefined;
}

/** How a hook asks for something else than the journal has. */
export interface Mismatch {
  /** What it asks for; undefined when it has come to its end. */
  readonly asked: string | undefined;
  /** What was asked for there before. */
  readonly journaled: string;
}

interface Held {
  readonly key: string;
  readonly at: number;
  readonly go: () => void;
  readonly stop: (error: Error) => void;
}

/**
 * The order in which one run of a hook asks for steps, requests and sleeps. What is known from an earlier
 * run keeps the place it had there; what is new gets the first place that is free.
 *
 * In a strict replay nothing goes on before its turn: before all that had an earlier place was asked for,
 * and nothing new before all of what is known was. So branches of a hook that go on side by side may
 * ask in another order than before, and code that asks for something else gets nowhere.
 */
export class Replay {
  readonly #strict: boolean;
  readonly #kinds: ReadonlyMap<string, Known["kind"]>;
  readonly #places = new Map<string, number>();
  readonly #keys = new Map<number, string>();
  /** What has a result or is waited for, and was not asked for yet in this run. */
  readonly #open = new Set<string>();
  readonly #taken = new Set<number>();
  /** All places below are taken. */
  #floor = 0;
  /** No place below is free. */
  #free = 0;
  #held: Held[] = [];
  /** How often something was asked for. */
  asks = 0;

  constructor(known: readonly Known[], strict: boolean) {
    this.#strict = strict;
    this.#kinds = new Map(known.map(({ key, kind }) => [key, kind]));
    for (const { key, at, kind } of known) {
      if (at === undefined || this.#keys.has(at)) continue;
      this.#places.set(key, at);
      this.#keys.set(at, key);
      if (kind !== "again") this.#open.add(key);
    }
  }

  /** Gives what is asked for its place. */
  ask(key: string): Ask {
    this.asks += 1;
    const at = this.#places.get(key) ?? this.#nextFree();
    this.#taken.add(at);
    while (this.#taken.delete(this.#floor)) this.#floor += 1;
    this.#open.delete(key);
    const anew = this.#kinds.get(key) === "again";
    if (!this.#strict) return { key, at, anew, turn: undefined };
    this.#release();
    if (this.#mayGo(key, at)) return { key, at, anew, turn: undefined };
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#held.push({ key, at, go: resolve, stop: reject });
    return { key, at, anew, turn: promise };
  }

  /** True when something is held back. */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  /** True in a strict replay that has not asked for all of what is known. */
  get unfinished(): boolean {
    return this.#strict && this.#open.size > 0;
  }

  /** What has a result, and was not asked for in this run. */
  get unasked(): readonly string[] {
    return [...this.#open].filter((key) => this.#kinds.get(key) === "done");
  }

  /** What does not fit, if the hook asks for nothing more. */
  mismatch(): Mismatch | undefined {
    const first = this.#held.toSorted((a, b) => a.at - b.at)[0];
    if (first === undefined && !this.unfinished) return undefined;
    const missing = [...this.#open].toSorted((a, b) => this.#places.get(a)! - this.#places.get(b)!);
    const standing = this.#keys.get(this.#floor);
    return { asked: first?.key, journaled: standing ?? missing[0] ?? first!.key };
  }

  /** The run is over: what is held back fails with this. */
  end(error: () => Error): void {
    for (const { stop } of this.#held.splice(0)) stop(error());
  }

  #mayGo(key: string, at: number): boolean {
    return at < this.#floor && (this.#kinds.has(key) || this.#open.size === 0);
  }

  #release(): void {
    const go = this.#held.filter(({ key, at }) => this.#mayGo(key, at));
    if (go.length === 0) return;
    this.#held = this.#held.filter((one) => !go.includes(one));
    for (const one of go.toSorted((a, b) => a.at - b.at)) one.go();
  }

  #nextFree(): number {
    while (this.#free < this.#floor || this.#taken.has(this.#free) || this.#keys.has(this.#free)) {
      this.#free += 1;
    }
    return this.#free;
  }
}
