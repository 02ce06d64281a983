import type { ChildCommand, ParentCommand } from "./births.ts";
import { noteChild } from "./children.ts";
import type { AgentDefinition, Alarm, Hooks, Message } from "./definition.ts";
import type { State } from "./state.ts";
import type { Trigger, TriggerType } from "./envelope.ts";
import { errorInfo, RefusedError, TerminalError } from "./errors.ts";
import type { ErrorCode } from "./errors.ts";
import { applyEdit } from "./file-edit.ts";
import type { FilesCommand } from "./file-edit.ts";
import type { LoadedAgent } from "./kernel.ts";
import type { Occasion } from "./perceive.ts";
import type { Context } from "./context.ts";
import { checkRevision, contentRevision } from "./if-match.ts";
import type { Guarded } from "./if-match.ts";
import { isLocked } from "./locked.ts";
import type { Goal, GoalChange, Goals, NewGoal } from "./ports/memory.ts";
import type { Session } from "./session.ts";
import { TickContext } from "./tick-context.ts";
import { paths } from "./tree.ts";
import { validate } from "./standard-schema.ts";

/**
 * A command, as the payload of an envelope of type `control`. `note` runs no hook: its tick puts on the
 * record what the agent's key was used for. `goals` and `files` run none either, and change those; `child` says
 * what became of an agent that this one made, `parent` who is to hear of this one's end.
 */
export type Command =
  | "wake"
  | "hibernate"
  | "terminate"
  | "note"
  | "goals"
  | "files"
  | "child"
  | "parent";

/** The payload of the command `goals`. */
export type GoalsCommand = {
  readonly command: "goals";
} & (
  | { readonly add: NewGoal }
  | ({ readonly update: string; readonly change: GoalChange } & Guarded)
  | ({ readonly remove: string } & Guarded)
);

/** A command that changes something of the agent with no hook run. */
export type ChangeCommand = GoalsCommand | FilesCommand;

/** What a tick is going to do: calls into agent code, in order. */
export type Plan = (session: Session) => Promise<void>;

/** The hook for each kind of trigger. */
const HOOK_OF = {
  message: "onMessage",
  alarm: "onAlarm",
  event: "onEvent",
  mention: "onEvent",
  manual: "onManual",
  initialize: "onCreate",
} as const satisfies Record<TriggerType, keyof Hooks<State>>;

/** Triggers that may find no hook: to have nothing to do for them is no mistake. */
const OPTIONAL: ReadonlySet<TriggerType> = new Set<TriggerType>(["manual", "initialize"]);

/** The lifecycle command that an occasion stands for, if it does. */
export function commandOf({ envelope }: Occasion): Command | undefined {
  if (envelope.type !== "control") return undefined;
  const { payload } = envelope;
  return typeof payload === "string"
    ? (payload as Command)
    : (payload as unknown as ChangeCommand).command;
}

/** The commands for which no hook runs: the agent does not know of them. */
const QUIET: ReadonlySet<unknown> = new Set<Command>(["note", "goals", "files", "child", "parent"]);

/** True for an occasion for which no hook runs. */
export function isQuiet(occasion: Occasion): boolean {
  return QUIET.has(commandOf(occasion));
}

/** Which version of a goal this is, by what can be changed of it. */
export function goalRevision({ createdAt: _made, updatedAt: _changed, ...content }: Goal): string {
  return contentRevision(content);
}

/** Does what a command says of the goals. @throws PRECONDITION when the goal is at another revision */
export async function changeGoals(goals: Goals, command: GoalsCommand): Promise<unknown> {
  if ("add" in command) return goals.add(command.add);
  const id = "update" in command ? command.update : command.remove;
  const goal = command.ifMatch === undefined ? undefined : await goals.get(id);
  // One that is not there is refused below, as ever.
  if (goal !== undefined) checkRevision(`goal "${id}"`, goalRevision(goal), command.ifMatch);
  if ("update" in command) return goals.update(command.update, command.change);
  return goals.remove(command.remove);
}

/** Decides which of the agent's hooks run for an occasion. */
export function think(agent: LoadedAgent, occasion: Occasion): Plan {
  const { definition, cold } = agent;
  const { hooks } = definition;
  const command = commandOf(occasion);
  const { payload } = occasion.envelope;
  return async (session) => {
    if (command === "note") return;
    if (command === "child") {
      const note = payload as unknown as ChildCommand;
      const heirs = await noteChild(session, note);
      if (heirs === undefined) return;
      for (const heir of heirs) session.tellParent(heir);
      if (note.why !== undefined) session.note("warn", note.why);
      return;
    }
    if (command === "parent") {
      session.files.write(paths.parent, (payload as unknown as ParentCommand).parent);
      return;
    }
    if (command === "goals" || command === "files") {
      await change(session, payload as unknown as ChangeCommand);
      return;
    }
    const ctx = new TickContext(session);
    const { trigger } = session;
    if (cold && hooks.onWake !== undefined && trigger.type !== "initialize") {
      await session.within("onWake", () => hooks.onWake?.(ctx, trigger));
    }
    if (command === "hibernate") await hooks.onSleep?.(ctx, trigger);
    if (command === "terminate") await hooks.onTerminate?.(ctx, trigger);
    if (command === undefined) {
      await checkMessage(definition, trigger);
      await runHook(definition, ctx);
    }
    session.checkReplay();
  };
}

/** Does what an operator's command has changed. */
async function change(session: Session, command: ChangeCommand): Promise<void> {
  try {
    if (command.command === "goals") await changeGoals(session.memory.goals, command);
    else await applyEdit(session.tree("editor"), command.edit);
  } catch (error) {
    throw asRefused(error);
  }
}

/**
 * The error of a change, which was possible when the operator asked: to try again cannot help, and nobody
 * is to blame. What the store or the keys fail with stays as it is.
 */
export function asRefused(error: unknown): unknown {
  const { code, message } = errorInfo(error);
  if (isLocked(error) || PASSING.has(code)) return error;
  return new RefusedError(KEPT.has(code) ? code : "INVALID", message);
}

const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["STORE", "STALE_CLAIM", "CORRUPT"]);

/** What a change may come to that says more than that it cannot be. */
const KEPT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "PRECONDITION",
  "NOT_FOUND",
  "EXISTS",
  "DENIED",
  "LIMIT",
  "STATE",
  "UNSUPPORTED",
]);

async function runHook({ hooks, thinking }: AgentDefinition, ctx: Context): Promise<void> {
  const { trigger } = ctx;
  const name = HOOK_OF[trigger.type];
  const hook = hooks[name] ?? (name === "onCreate" ? undefined : hooks.onTrigger);
  if (hook === undefined) {
    if (thinking?.model !== undefined && name !== "onCreate") return ctx.think();
    if (OPTIONAL.has(trigger.type)) return;
    throw new TerminalError(`Agent type "${ctx.agent.type}" has no ${name}`);
  }
  await (hook as (ctx: Context, trigger: Trigger) => unknown)(ctx, shape(trigger));
}

/** The trigger as its hook's parameter. */
function shape(trigger: Trigger): Trigger | Message | Alarm {
  if (trigger.type !== "alarm") return trigger;
  const alarmId = trigger.headers["alarm"] ?? "";
  return { ...trigger, type: "alarm", alarmId, dueAt: trigger.sentAt };
}

async function checkMessage(definition: AgentDefinition, trigger: Trigger): Promise<void> {
  if (definition.messageSchema === undefined || trigger.type !== "message") return;
  const result = await validate(definition.messageSchema, trigger.payload);
  if ("problem" in result) {
    throw new TerminalError(`The message does not fit its schema: ${result.problem}`, {
      code: "INVALID",
    });
  }
}
