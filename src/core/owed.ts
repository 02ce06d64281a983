import { addTally } from "./budget.ts";
import type { Tally } from "./budget.ts";

/** What was used of which no journal is known to have anything, and the steps that used it: `TRIGGER/KEY`. */
export interface Loose {
  readonly tally: Tally;
  readonly steps: readonly string[];
}

/** Of how many steps it is known that what they used counts already. */
const MOST = 10_000;

/**
 * What ticks spent that left no trace, by agent: it counts with the next tick of the agent. It is in memory, so
 * the end of the process forgets it.
 */
export class Owed {
  readonly #tallies = new Map<string, Tally>();
  /** `AGENT/TRIGGER/KEY`: steps whose use is among the tallies, or was. */
  readonly #steps = new Set<string>();

  add(agent: string, loose: Loose | undefined): void {
    if (loose === undefined) return;
    const { tally, steps } = loose;
    const before = this.#tallies.get(agent);
    this.#tallies.set(agent, before === undefined ? tally : addTally(before, tally));
    for (const step of steps) this.#steps.add(`${agent}/${step}`);
    for (const oldest of this.#steps) {
      if (this.#steps.size <= MOST) break;
      this.#steps.delete(oldest);
    }
  }

  /** Takes what is owed: whoever takes it has it counted, or adds it again. */
  take(agent: string): Tally | undefined {
    const tally = this.#tallies.get(agent);
    this.#tallies.delete(agent);
    return tally;
  }

  /** True for a step whose result was stored after all, though its tick did not know: its use counts already. */
  covers(agent: string, step: string): boolean {
    return this.#steps.has(`${agent}/${step}`);
  }

  /** The step was done again, and the journal has what it used then. */
  journaled(agent: string, step: string): void {
    this.#steps.delete(`${agent}/${step}`);
  }
}
