import { OpenAgentsError } from "../core/errors.ts";
import { GOAL_STATUS } from "../core/ports/memory.ts";
import type { Goal, GoalChange, Goals, MemoryTools } from "../core/ports/memory.ts";
import { paths } from "../core/tree.ts";
import { turns } from "./turns.ts";
import type { Turns } from "./turns.ts";

/** How many goals one agent may have. */
const MOST = 1000;
const LONGEST = { title: 500, note: 10_000, result: 10_000 } as const;
const PRIORITY = 100;

/** The goals of one agent: a file for each, `goals/<id>`, as JSON. */
export function goalTree(
  { files, now, newId }: MemoryTools,
  { turns: inTurn }: { readonly turns: Turns } = { turns: turns() },
): Goals {
  const get = async (id: string): Promise<Goal | undefined> => {
    if (!isId(id)) return undefined;
    const text = await files.read(paths.goal(id));
    return text === undefined ? undefined : (JSON.parse(text) as Goal);
  };
  const found = async (id: string): Promise<Goal> => {
    const goal = await get(id);
    if (goal !== undefined) return goal;
    throw new OpenAgentsError("NOT_FOUND", `There is no goal ${JSON.stringify(id)}`);
  };
  const write = (goal: Goal): Goal => {
    files.write(paths.goal(goal.id), JSON.stringify(goal));
    return goal;
  };
  const list: Goals["list"] = async ({ after, limit = 100 } = {}) => {
    const rows = await files.list({
      prefix: paths.goals,
      after: after === undefined ? undefined : paths.goal(after),
      limit: Math.min(Math.max(limit, 1), 1000),
    });
    return rows.map(({ value }) => JSON.parse(value) as Goal);
  };
  const count = async (more: number): Promise<void> => {
    const goals = Number((await files.read(paths.goalCount)) ?? 0) + more;
    if (goals > MOST) {
      throw new OpenAgentsError(
        "LIMIT",
        `Cannot add goal: an agent has at most ${MOST} goals: remove those that are over`,
      );
    }
    files.write(paths.goalCount, String(goals));
  };
  /** @throws INVALID when `goal` would be below itself, or below none that is there */
  const checkParent = async ({ id, parent }: Goal): Promise<void> => {
    for (let above = parent; above !== undefined; above = (await get(above))?.parent) {
      if (above === id) throw invalid(`"parent" would put ${JSON.stringify(id)} below itself`);
      if ((await get(above)) === undefined) {
        throw invalid(`"parent" is no goal of this agent: ${JSON.stringify(above)}`);
      }
    }
  };

  return {
    list,
    get,
    add: ({ id = newId(), title, ...rest }) =>
      inTurn(async () => {
        const at = now();
        const first = { status: "open", priority: 0, progress: 0 } as const;
        const goal = changed(
          { id, title, ...first, createdAt: at, updatedAt: at },
          { title, ...rest },
        );
        if (!isId(id)) {
          throw invalid('"id" must be 1 to 100 letters, digits, ".", "_", ":" or "-"');
        }
        if ((await get(id)) !== undefined) {
          throw new OpenAgentsError("EXISTS", `Cannot add goal "${id}": there is one`);
        }
        await checkParent(goal);
        await count(1);
        return write(goal);
      }),
    update: (id, change) =>
      inTurn(async () => {
        const goal = changed(await found(id), change);
        await checkParent(goal);
        return write({ ...goal, updatedAt: now() });
      }),
    remove: (id) =>
      inTurn(async () => {
        const goal = await found(id);
        await count(-1);
        files.remove(paths.goal(id));
        // Those below it go to where it was.
        for (const below of await list({ limit: 1000 })) {
          if (below.parent !== id) continue;
          const { parent: _parent, ...rest } = below;
          write({ ...rest, ...(goal.parent !== undefined && { parent: goal.parent }) });
        }
      }),
  };
}

/** A goal with a change in it: null takes away what need not be there. @throws INVALID */
function changed(goal: Goal, change: GoalChange): Goal {
  const { title, status, priority, progress, parent, note, result } = change;
  const next = {
    ...goal,
    ...Object.fromEntries(
      Object.entries({ title, status, priority, progress, parent, note, result }).filter(
        ([, value]) => value !== undefined && value !== null,
      ),
    ),
  };
  checkText("title", next.title, LONGEST.title);
  if (next.note !== undefined) checkText("note", next.note, LONGEST.note);
  if (next.result !== undefined) checkText("result", next.result, LONGEST.result);
  if (!GOAL_STATUS.includes(next.status)) {
    throw invalid(`"status" must be one of ${GOAL_STATUS.join(", ")}`);
  }
  if (!Number.isInteger(next.priority) || Math.abs(next.priority) > PRIORITY) {
    throw invalid(`"priority" must be a whole number from -${PRIORITY} to ${PRIORITY}`);
  }
  const { progress: done } = next;
  if (typeof done !== "number" || !(done >= 0 && done <= 1)) {
    throw invalid('"progress" must be a number from 0 to 1');
  }
  if (next.parent !== undefined && !isId(next.parent)) throw invalid('"parent" is no id of a goal');
  const { parent: above, note: said, result: came, ...rest } = next;
  return {
    ...rest,
    ...(above !== undefined && parent !== null && { parent: above }),
    ...(said !== undefined && note !== null && { note: said }),
    ...(came !== undefined && result !== null && { result: came }),
  };
}

function checkText(field: string, text: unknown, longest: number): void {
  if (typeof text === "string" && text !== "" && text.length <= longest && text.isWellFormed()) {
    return;
  }
  throw invalid(`"${field}" must be text of 1 to ${longest} characters`);
}

function isId(id: unknown): id is string {
  return typeof id === "string" && /^[\w.:-]{1,100}$/.test(id) && id !== "." && id !== "..";
}

function invalid(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot keep goal: ${problem}`);
}
