import type { Clock, MountBudget } from "../core/ports/index.ts";
import { FileError } from "../core/file-error.ts";

/** Counts what is written to `budgeted` mounts. */
export interface Budgets {
  /**
   * Takes one write or exchange from the budget of the mount at `path`.
   * @throws EDQUOT when nothing of it is left
   */
  spend(path: string, budget: MountBudget): void | Promise<void>;
}

/**
 * Budgets that are full again when the process begins anew. In no stretch of time as long as `per` are
 * there more than `writes`. A mount that comes back to its path has what was left of the same budget.
 */
export function memoryBudgets(clock: Pick<Clock, "now">): Budgets {
  const spent = new Map<string, Spent>();
  return {
    spend(path, { writes, per }) {
      let known = spent.get(path);
      if (known === undefined || known.writes !== writes || known.per !== per) {
        known = { writes, per, times: [], next: 0 };
        spent.set(path, known);
      }
      const now = clock.now();
      const oldest = known.times[known.next];
      if (writes < 1 || (oldest !== undefined && now - oldest < per)) {
        throw new FileError(
          "EDQUOT",
          `Cannot write to the mount "${path}": its budget is ${writes} writes in ${per} ms`,
        );
      }
      known.times[known.next] = now;
      known.next = (known.next + 1) % writes;
    },
  };
}

/** The times of the last writes, of which there are as many as may be, in a ring. */
interface Spent extends MountBudget {
  readonly times: number[];
  /** Where the oldest of them is, once they are all there. */
  next: number;
}
