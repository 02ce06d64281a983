import type { TickEvent } from "./runtime.ts";

type Listener = (tick: TickEvent) => void;

/** Those who want to hear of durable ticks, of one agent or of all. */
export class Watchers {
  readonly #listeners = new Map<string | undefined, Set<Listener>>();

  readonly #onProblem: (problem: string, error: unknown) => void;

  constructor(onProblem: (problem: string, error: unknown) => void) {
    this.#onProblem = onProblem;
  }

  /** Tells `listener` of each tick of the agent with this id, or of all; the result stops it. */
  watch(id: string | undefined, listener: Listener): () => void {
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(id);
    };
  }

  publish(tick: TickEvent): void {
    for (const id of [tick.agent.id, undefined]) {
      for (const listener of this.#listeners.get(id) ?? []) {
        try {
          listener(tick);
        } catch (error) {
          this.#onProblem("Somebody who watches ticks failed", error);
        }
      }
    }
  }
}
