import type { StepPart } from "./context.ts";
import { LiveTick } from "./live-tick.ts";
import type { LiveDesk, RunningTick } from "./live-tick.ts";
import type { Clock, Random } from "./ports/index.ts";
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
  | (Moment & { readonly event: "step"; readonly key: string; readonly ended?: StepNote })
  /**
   * A piece of what a step is making. `offset`: how much of this kind was told of it before, in UTF-16
   * units, since what was told last was void.
   */
  | (Moment & {
      readonly event: "delta";
      readonly key: string;
      readonly kind: StepPart["kind"];
      readonly offset: number;
      readonly text: string;
    });

type Listener = (event: LiveEvent) => void;

/** The running ticks, and those who want to hear what happens inside of them. */
export class Followers implements LiveDesk {
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #running = new Map<string, LiveTick>();
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onProblem: (problem: string, error: unknown) => void;
  /** Of this process: tries are counted in each anew. */
  #process: string | undefined;
  #tries = 0;

  constructor(
    { clock, random }: { readonly clock: Clock; readonly random: Random },
    onProblem: (problem: string, error: unknown) => void,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#onProblem = onProblem;
  }

  /** Tells `listener` of what happens in ticks of the agent from now on; the result stops it. */
  follow(id: string, listener: Listener): () => void {
    this.#running.get(id)?.catchUp();
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(id) === listeners) this.#listeners.delete(id);
    };
  }

  /** The tick of this agent that runs; undefined for none. */
  running(id: string): RunningTick | undefined {
    return this.#running.get(id);
  }

  /** A try of a tick of this agent, which may have nothing to act on. */
  tickOf(id: string): LiveTick {
    return new LiveTick(id, this);
  }

  now(): number {
    return this.#clock.now();
  }

  newTry(): string {
    this.#process ??= Array.from(this.#random.bytes(6), (byte) =>
      byte.toString(16).padStart(2, "0"),
    ).join("");
    this.#tries += 1;
    return `${this.#process}-${this.#tries.toString(36)}`;
  }

  hears(agent: string): boolean {
    return this.#listeners.has(agent);
  }

  begins(tick: LiveTick): void {
    this.#running.set(tick.agent, tick);
  }

  ends(tick: LiveTick): void {
    if (this.#running.get(tick.agent) === tick) this.#running.delete(tick.agent);
  }

  tell(agent: string, event: LiveEvent): void {
    const listeners = this.#listeners.get(agent);
    if (listeners === undefined) return;
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#onProblem("Somebody who follows an agent failed", error);
      }
    }
  }
}
