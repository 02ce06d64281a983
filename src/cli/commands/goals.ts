import type { Command } from "commander";
import { GOAL_STATUS } from "../../core/ports/memory.ts";
import type { Goal, GoalChange, NewGoal } from "../../core/ports/memory.ts";
import { allItems } from "../all-items.ts";
import { agentPath, toolsOf, wordOption } from "../command.ts";
import { goalTree } from "../goal-tree.ts";
import { oneOf, UsageError, wholeNumber } from "../usage-error.ts";

interface GoalOptions {
  readonly title?: string;
  readonly status?: string;
  readonly priority?: string;
  readonly progress?: string;
  /** False for none. */
  readonly parent?: string | false;
  readonly note?: string | false;
  readonly result?: string | false;
}

const MOST_URGENT = 100;

/** `agentctl goals`: what an agent is to bring about. */
export function goalCommands(program: Command): void {
  const goals = program
    .command("goals")
    .argument("<name>")
    .description("list what an agent is to bring about; add, update, done, drop, remove")
    .addOption(wordOption("--status <status>", "only those of a status", [...GOAL_STATUS]))
    .action(async (name: string, options: GoalOptions, command: Command) => {
      const status = oneOf("--status", options.status, GOAL_STATUS);
      const { client, out } = toolsOf(command);
      const all = await allItems<Goal>(client, agentPath(name, "/goals"), "after");
      const found = all.filter((goal) => status === undefined || goal.status === status);
      if (out.json) return out.document(found);
      if (found.length === 0) {
        const which = status === undefined ? "" : ` is ${status}`;
        return out.talk(`None${which}. Add one with: agentctl goals add ${name} "TITLE"`);
      }
      return out.table(
        ["ID", "STATUS", "PRIORITY", "PROGRESS", "UPDATED", "GOAL"],
        goalTree(found).map(({ goal, depth }) => [
          goal.id,
          goal.status,
          String(goal.priority),
          `${Math.round(goal.progress * 100)}%`,
          out.time(goal.updatedAt),
          "  ".repeat(depth) +
            goal.title +
            (goal.note === undefined ? "" : `: ${goal.note}`) +
            (goal.result === undefined ? "" : ` = ${goal.result}`),
        ]),
      );
    });
  withFields(
    goals
      .command("add <name> <title>")
      .description("give an agent a goal; prints its id")
      .option("--id <id>", "its id (default: a new one)"),
  ).action(
    async (
      name: string,
      title: string,
      { id, ...options }: GoalOptions & { readonly id?: string },
      command: Command,
    ) => {
      const change = changeOf(options);
      const { client, out } = toolsOf(command);
      const body: NewGoal = { id, ...change, title };
      const added = await client.post<Goal>(agentPath(name, "/goals"), { body });
      if (out.json) return out.document(added);
      out.print(added.id);
      return out.talk(`When it is done: agentctl goals done ${name} ${added.id}`);
    },
  );
  withFields(
    goals
      .command("update <name> <goal>")
      .description("change a goal")
      .option("--title <title>", "what it is")
      .addOption(wordOption("--status <status>", "what became of it", [...GOAL_STATUS])),
  )
    .option("--no-parent", "it is part of no other one")
    .option("--no-note", "nothing more is said of it")
    .option("--no-result", "nothing came of it")
    .action(async (name: string, goal: string, options: GoalOptions, command: Command) => {
      const change = changeOf(options);
      if (Object.values(change).every((value) => value === undefined)) {
        throw new UsageError(
          "Cannot update a goal: say what is to be otherwise: see agentctl goals update --help",
        );
      }
      await update({ name, goal, change }, command);
    });
  for (const [verb, status, description] of [
    ["done", "done", "a goal is reached"],
    ["drop", "dropped", "a goal is not to be reached any more"],
  ] as const) {
    goals
      .command(`${verb} <name> <goal>`)
      .description(description)
      .option("--result <text>", "what came of it")
      .action((name: string, goal: string, options: GoalOptions, command: Command) =>
        update({ name, goal, change: { ...changeOf(options), status } }, command),
      );
  }
  goals
    .command("remove <name> <goal>")
    .description("take a goal away; those below it go to where it was")
    .action(async (name: string, goal: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      await client.delete(goalPath(name, goal));
      if (out.json) out.document({ id: goal, done: "remove" });
      else out.talk(`Removed ${goal}.`);
    });
}

function withFields(command: Command): Command {
  return command
    .option("--priority <number>", "from -100 to 100: the higher, the more urgent")
    .option("--progress <part>", "how much of it is done: 40% or 0.4")
    .option("--parent <goal>", "the goal that it is a part of")
    .option("--note <text>", "more about it")
    .option("--result <text>", "what came of it");
}

async function update(
  { name, goal, change }: { readonly name: string; goal: string; readonly change: GoalChange },
  command: Command,
): Promise<void> {
  const { client, out } = toolsOf(command);
  const after = await client.patch<Goal>(goalPath(name, goal), { body: change });
  if (out.json) out.document(after);
  else out.talk(`${after.title}: ${after.status}, ${Math.round(after.progress * 100)}%`);
}

function goalPath(name: string, goal: string): string {
  if (/^[\w.:-]+$/.test(goal) && !/^\.\.?$/.test(goal)) return agentPath(name, `/goals/${goal}`);
  throw new UsageError(`Cannot use "${goal}" as the id of a goal: see "agentctl goals ${name}"`);
}

function changeOf(options: GoalOptions): GoalChange {
  const { title, status, priority, progress, parent, note, result } = options;
  return {
    title,
    status: oneOf("--status", status, GOAL_STATUS),
    priority:
      priority === undefined
        ? undefined
        : wholeNumber("--priority", priority, { min: -MOST_URGENT, max: MOST_URGENT }),
    progress: progress === undefined ? undefined : progressOf(progress),
    parent: parent === false ? null : parent,
    note: note === false ? null : note,
    result: result === false ? null : result,
  };
}

function progressOf(text: string): number {
  const number = /^\d+(\.\d+)?%?$/.test(text) ? Number(text.replace("%", "")) : Number.NaN;
  const part = text.endsWith("%") ? number / 100 : number;
  if (part >= 0 && part <= 1) return part;
  throw new UsageError(`Cannot use --progress "${text}": give a part as 40% or 0.4`);
}
