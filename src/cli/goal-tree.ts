import type { Goal } from "../core/ports/memory.ts";

/** A goal, and how many goals it is below. */
export interface PlacedGoal {
  readonly goal: Goal;
  readonly depth: number;
}

/** Goals in the order of a tree: each below the one that it is a part of, the more urgent first. */
export function goalTree(goals: readonly Goal[]): readonly PlacedGoal[] {
  const ids = new Set(goals.map(({ id }) => id));
  const below = new Map<string | undefined, Goal[]>();
  for (const goal of goals) {
    // One whose place is not shown stands at the top.
    const parent = goal.parent !== undefined && ids.has(goal.parent) ? goal.parent : undefined;
    below.set(parent, [...(below.get(parent) ?? []), goal]);
  }
  const placed: PlacedGoal[] = [];
  const place = (parent: string | undefined, depth: number): void => {
    for (const goal of (below.get(parent) ?? []).sort(byUrgency)) {
      placed.push({ goal, depth });
      place(goal.id, depth + 1);
    }
  };
  place(undefined, 0);
  return placed;
}

function byUrgency(a: Goal, b: Goal): number {
  return b.priority - a.priority || a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}
