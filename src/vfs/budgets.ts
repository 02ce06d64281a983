import { durationText } from "../core/duration.ts";
import { FileError } from "../core/file-error.ts";
import type { AgentFace, Clock, MountBudget } from "../core/ports/index.ts";
import { paths } from "../core/tree.ts";

/** Counts what is written to `budgeted` mounts. */
export interface Budgets {
  /**
   * Takes one write or exchange from the budget of the mount at `path`.
   * @throws EDQUOT when nothing of it is left
   */
  spend(path: string, budget: MountBudget): void | Promise<void>;
}

/** A time is counted in so many parts: what was written in one counts as written at its end. */
const PARTS = 64;

/**
 * What was written to the mounts of one agent, in this process. In no stretch of time as long as `per` are
 * there more than `writes`, and what was written has come back a 64th of `per` after that at the latest. A
 * mount that comes back to its path, or has another budget now, has what was left.
 */
export class Spending {
  /** By path: how many writes there were, by the end of the part of time that they were in, ms. */
  readonly #spent = new Map<string, Map<number, number>>();

  /**
   * Takes one write. `stored`: what is known of the mount from before, as an earlier call gave it.
   * @returns what is known of the mount now, as text
   * @throws EDQUOT
   */
  take(
    path: string,
    { writes, per }: MountBudget,
    { now, stored }: { readonly now: number; readonly stored?: string | undefined },
  ): string {
    const spent = this.#spent.get(path) ?? new Map<number, number>();
    this.#spent.set(path, spent);
    for (const [end, count] of JSON.parse(stored ?? "[]") as readonly [number, number][]) {
      spent.set(end, Math.max(count, spent.get(end) ?? 0));
    }
    let total = 0;
    for (const [end, count] of spent) {
      if (now - end < per) total += count;
      else spent.delete(end);
    }
    if (total >= writes) {
      const budget = `its budget is ${writes} writes in ${durationText(per)}`;
      throw new FileError("EDQUOT", `Cannot write to the mount "${path}": ${budget}`);
    }
    const part = Math.ceil(per / PARTS);
    const end = (Math.floor(now / part) + 1) * part - 1;
    spent.set(end, (spent.get(end) ?? 0) + 1);
    return JSON.stringify([...spent]);
  }
}

/** Budgets that are full again when the process begins anew. */
export function memoryBudgets(clock: Pick<Clock, "now">): Budgets {
  const spending = new Spending();
  return {
    spend: (path, budget) => void spending.take(path, budget, { now: clock.now() }),
  };
}

/**
 * Budgets of an agent's mounts. What the agent's own code spends is stored with its tick, however that ends;
 * what operators spend counts for as long as the process lives, or until the agent spends something too.
 * @param spending what this process knows of the agent
 */
export function agentBudgets(face: AgentFace, spending: Spending): Budgets {
  const { tree, tick } = face;
  return {
    async spend(path, budget) {
      const file = paths.budget(path);
      const stored = await tree.read(file);
      // Nothing may come between what is known here and what is stored of it.
      const known = spending.take(path, budget, { now: face.now(), stored });
      if (tick !== undefined) tree.write(file, known);
    },
  };
}
