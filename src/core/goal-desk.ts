import type { AgentRecord } from "./agent.ts";
import { OpenAgentsError } from "./errors.ts";
import type { Guarded, IfMatch } from "./if-match.ts";
import { newId } from "./kernel.ts";
import type { Kernel } from "./kernel.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { memoryOver } from "./memory.ts";
import type { Goal, GoalChange, Goals, NewGoal } from "./ports/memory.ts";
import type { GoalInfo } from "./operations.ts";
import { changeGoals, goalRevision } from "./think.ts";
import type { GoalsCommand } from "./think.ts";
import { TreeDraft } from "./tree-draft.ts";

/** Which goal, and at which revision. */
interface Named extends Guarded {
  readonly goal: string;
}

const infoOf = (goal: Goal): GoalInfo => ({ ...goal, revision: goalRevision(goal) });

const when = (ifMatch: IfMatch | undefined): { readonly ifMatch?: IfMatch } =>
  ifMatch === undefined ? {} : { ifMatch };

/** Goals as operators see and change them: each change is a command to the agent, with a record. */
export class GoalDesk {
  readonly #kernel: Kernel;
  readonly #lifecycle: Lifecycle;

  constructor(kernel: Kernel, lifecycle: Lifecycle) {
    this.#kernel = kernel;
    this.#lifecycle = lifecycle;
  }

  async list(
    { id }: AgentRecord,
    { after, limit }: { readonly after: string; readonly limit: number },
  ): Promise<readonly GoalInfo[]> {
    const goals = await this.#goals(id).list({ limit, ...(after !== "" && { after }) });
    await this.#kernel.store.sync();
    return goals.map(infoOf);
  }

  add(record: AgentRecord, goal: NewGoal): Promise<GoalInfo> {
    const id = goal.id ?? newId(this.#kernel);
    return this.#change(record, id, { command: "goals", add: { ...goal, id } });
  }

  update(
    record: AgentRecord,
    { goal, change, ifMatch }: Named & { readonly change: GoalChange },
  ): Promise<GoalInfo> {
    return this.#change(record, goal, { command: "goals", update: goal, change, ...when(ifMatch) });
  }

  async remove(record: AgentRecord, { goal, ifMatch }: Named): Promise<void> {
    await this.#do(record, { command: "goals", remove: goal, ...when(ifMatch) });
  }

  async #change(record: AgentRecord, id: string, command: GoalsCommand): Promise<GoalInfo> {
    await this.#do(record, command);
    const goal = await this.#goals(record.id).get(id);
    if (goal !== undefined) return infoOf(goal);
    throw new OpenAgentsError("NOT_FOUND", `The goal "${id}" was removed at once`);
  }

  async #do(record: AgentRecord, command: GoalsCommand): Promise<void> {
    // On a draft that goes nowhere, so that what is wrong with it is said before it is a command.
    await changeGoals(this.#goals(record.id), command);
    const { error } = await this.#lifecycle.changeGoals(record, command);
    if (error !== undefined) throw new OpenAgentsError(error.code, error.message);
  }

  #goals(id: string): Goals {
    const limit = this.#kernel.limits.valueBytes;
    return memoryOver(this.#kernel, new TreeDraft(this.#kernel.store, { id, limit })).goals;
  }
}
