import { addTally } from "./budget.ts";
import type { Tally } from "./budget.ts";

/**
 * What ticks spent that left no trace, by agent: it counts with the next tick of the agent. It is in memory, so
 * the end of the process forgets it.
 */
export class Owed {
  readonly #tallies = new Map<string, Tally>();

  add(agent: string, tally: Tally | undefined): void {
    if (tally === undefined) return;
    const before = this.#tallies.get(agent);
    this.#tallies.set(agent, before === undefined ? tally : addTally(before, tally));
  }

  /** Takes what is owed: whoever takes it has it counted, or adds it again. */
  take(agent: string): Tally | undefined {
    const tally = this.#tallies.get(agent);
    this.#tallies.delete(agent);
    return tally;
  }
}
