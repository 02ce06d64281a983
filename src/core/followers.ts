import { triggerTypeOf } from "./envelope.ts";
import type { Clock } from "./ports/index.ts";
import type { Occasion } from "./perceive.ts";
import type { StepNote, TickRecord } from "./trajectory.ts";

/** The eight phases of a tick, in order. */
export const PHASES = [
  "wake",
  "load",
  "perceive",
  "think",
  "act",
  "remember",
  "schedule",
  "sleep",
] as const;

export type Phase = (typeof PHASES)[number];

/** Where in an agent's life something happens: in which tick, because of what, and when (ms since 1970). */
export interface Moment {
  readonly n: number;
  /** The id of the envelope that is the tick's trigger. */
  readonly envelope: string;
  readonly at: number;
}

/**
 * Something that happens inside a running tick. It is provisional: the tick may be cut off, fail to be
 * committed or be lost in a crash, and then begins anew, with the same `n` if nothing came between.
 */
export type LiveEvent =
  | (Moment & {
      readonly event: "tick_start";
      readonly trigger: TickRecord["trigger"];
      readonly attempt: number;
    })
  | (Moment & { readonly event: "phase"; readonly phase: Phase })
  /** A step begins, or has ended as its note says. One that was replayed never begins. */
  | (Moment & { readonly event: "step"; readonly key: string; readonly ended?: StepNote });

type Listener = (event: LiveEvent) => void;

/** Those who want to hear what happens inside the running ticks of an agent. */
export class Followers {
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #clock: Clock;
  readonly #onProblem: (problem: string, error: unknown) => void;

  constructor(clock: Clock, onProblem: (problem: string, error: unknown) => void) {
    this.#clock = clock;
    this.#onProblem = onProblem;
  }

  /** Tells `listener` of what happens in ticks of the agent that begin from now on; the result stops it. */
  follow(id: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(id) === listeners) this.#listeners.delete(id);
    };
  }

  /** To tell of a tick of this agent with; undefined when nobody follows it. */
  tickOf(id: string): LiveTick | undefined {
    const listeners = this.#listeners.get(id);
    if (listeners === undefined) return undefined;
    return new LiveTick(this.#clock, (event) => {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          this.#onProblem("Somebody who follows an agent failed", error);
        }
      }
    });
  }
}

/** One running tick that somebody follows. What comes before its trigger is known waits until it is. */
export class LiveTick {
  readonly #clock: Clock;
  readonly #tell: Listener;
  readonly #early: { readonly phase: Phase; readonly at: number }[] = [];
  #found: { readonly n: number; readonly envelope: string } | undefined;

  constructor(clock: Clock, tell: Listener) {
    this.#clock = clock;
    this.#tell = tell;
  }

  phase(phase: Phase): void {
    const at = this.#clock.now();
    if (this.#found === undefined) this.#early.push({ phase, at });
    else this.#tell({ event: "phase", ...this.#found, at, phase });
  }

  /** There is something to act on, so this is tick `n`. */
  found(n: number, { envelope, attempt }: Occasion): void {
    const { id, type, from, source } = envelope;
    this.#found = { n, envelope: id };
    const [first] = this.#early;
    this.#tell({
      event: "tick_start",
      ...this.#found,
      at: first?.at ?? this.#clock.now(),
      trigger: { type: triggerTypeOf(type), id, from, source },
      attempt,
    });
    for (const early of this.#early) this.#tell({ event: "phase", ...this.#found, ...early });
  }

  step(key: string, ended?: StepNote): void {
    if (this.#found === undefined) return;
    const at = this.#clock.now();
    this.#tell({ event: "step", ...this.#found, at, key, ...(ended !== undefined && { ended }) });
  }
}
