import type { State } from "./state.ts";
import type { LiveTick } from "./live-tick.ts";
import {
  CancelledError,
  errorInfo,
  MismatchError,
  OpenAgentsError,
  UnblamedError,
} from "./errors.ts";
import type { ErrorCode } from "./errors.ts";
import type { Kernel, LoadedAgent } from "./kernel.ts";
import type { Occasion } from "./perceive.ts";
import type { Claim, Span } from "./ports/index.ts";
import { isLocked } from "./locked.ts";
import { isFull } from "./parked.ts";
import { Session } from "./session.ts";
import type { Ending } from "./session.ts";
import { validate } from "./standard-schema.ts";
import type { StateChanges } from "./state.ts";
import { afterFailure } from "./supervisor.ts";
import { asRefused, commandOf, isQuiet } from "./think.ts";
import type { Plan } from "./think.ts";
import { TickContext } from "./tick-context.ts";

/** How a tick went, before anything of it is stored. */
export interface Acted {
  readonly session: Session;
  readonly ending: Ending;
  /** What to store of the state; absent unless the tick is done. */
  readonly state?: StateChanges | undefined;
  /** The version that the state has now. */
  readonly version: number;
  /** Present when it failed. */
  readonly failure?: FailedTick | undefined;
}

export interface FailedTick {
  readonly error: unknown;
  /** `restart`: its journal is dropped, and it is tried again at once. */
  readonly next: "retry" | "restart" | "dead-letter" | "stop";
  /** For a retry or restart: when, ms since 1970. */
  readonly retryAt: number;
  /** For a retry: how many tries have failed. */
  readonly attempts: number;
  /** It counts towards the agent's quarantine. */
  readonly blame: boolean;
  readonly quarantine: boolean;
}

/** What ACT needs: who acts, why, and how it can be stopped. */
export interface ActInput {
  readonly agent: LoadedAgent;
  readonly claim: Claim;
  readonly occasion: Occasion;
  readonly plan: Plan;
  /** The tick's, where ticks are traced. */
  readonly span: Span | undefined;
  /** Is told the session, so that the tick can be cut off from outside. */
  readonly running: (session: Session) => void;
  /** Is told of steps; undefined where nobody is to hear of it. */
  readonly live: LiveTick | undefined;
}

/** Runs the plan to its ending and settles what that means for state and retries. */
export async function act(kernel: Kernel, input: ActInput): Promise<Acted> {
  const { agent, occasion } = input;
  const { definition, version } = agent;
  const session = new Session(kernel, input);
  if (occasion.refusal !== undefined) {
    const { code, message } = occasion.refusal.error;
    const error = new OpenAgentsError(code, message);
    return { session, ending: { kind: "failed", error }, version, failure: lost(error) };
  }
  input.running(session);
  try {
    await bringUpToDate(agent, session);
  } catch (error) {
    // The agent's own data does not fit this code: no trigger is to blame, so the agent stops.
    const failure: FailedTick = { ...lost(error), next: "stop" };
    return { session, ending: { kind: "failed", error }, version, failure };
  }
  const ending = await session.run(() => input.plan(session));
  if (ending.kind === "failed") return failed(kernel, input, session, ending.error);
  try {
    if (ending.kind === "parked") {
      if (commandOf(occasion) === "terminate") {
        throw new OpenAgentsError("INVALID", "onTerminate cannot wait");
      }
      await checkParked(kernel, agent, occasion);
      return { session, ending, version };
    }
    const state = await settleState(kernel, agent, session);
    return { session, ending, state, version: definition.version };
  } catch (error) {
    return failed(kernel, input, session, isQuiet(occasion) ? asRefused(error) : error);
  }
}

/** Gives a new agent its first state, and state of an older version its present shape. */
async function bringUpToDate(agent: LoadedAgent, session: Session): Promise<void> {
  const { definition, version, record } = agent;
  if (version === definition.version) return;
  if (version === 0) {
    session.state = structuredClone(definition.state);
  } else if (version < definition.version) {
    session.state = await definition.migrate!(session.draft.plain(), version);
  } else {
    throw new OpenAgentsError(
      "VERSION",
      `Cannot read the state of "${record.name}": it has version ${version}, "${definition.name}" is at ${definition.version}: run the newer code`,
    );
  }
}

/**
 * Mail and alarms wait while the limit is reached; what comes here all the same is a command.
 * @throws LIMIT when no more ticks of the agent may be parked
 */
async function checkParked(kernel: Kernel, agent: LoadedAgent, occasion: Occasion): Promise<void> {
  if (occasion.parked !== undefined || !(await isFull(kernel, agent))) return;
  const { parked } = kernel.limits;
  throw new UnblamedError(`Cannot park the tick: limits.parked (${parked}) is reached`);
}

/** Validates the state that a tick leaves and gives what of it is to be written. */
async function settleState(
  kernel: Kernel,
  agent: LoadedAgent,
  session: Session,
): Promise<StateChanges> {
  const { draft } = session;
  const changes = draft.changes(kernel.limits.valueBytes);
  const schema = agent.definition.stateSchema;
  if (schema === undefined || (changes.put.size === 0 && changes.removed.length === 0)) {
    return changes;
  }
  const result = await validate<State>(schema, draft.plain());
  if ("problem" in result) {
    throw new OpenAgentsError("STATE", `The state does not fit its schema: ${result.problem}`);
  }
  draft.replace(result.value);
  return draft.changes(kernel.limits.valueBytes);
}

async function failed(
  kernel: Kernel,
  input: ActInput,
  session: Session,
  error: unknown,
): Promise<Acted> {
  if (error instanceof CancelledError) {
    const ending: Ending = { kind: "failed", error };
    return { session, ending, version: input.agent.version, failure: lost(error) };
  }
  // A tick that was cut off from outside, or has to wait for its key, leaves no trace: its trigger
  // waits as it did before.
  if (session.cancelled || isLocked(error)) throw error;
  const { agent, occasion } = input;
  const decision = afterFailure({
    error,
    attempt: occasion.attempt,
    failuresInARow: agent.failures,
    gotOn: session.timedOut && occasion.journal.grew,
    policy: agent.definition.retry,
    onMismatch: agent.definition.onMismatch,
  });
  if (error instanceof MismatchError) session.note("warn", error.message);
  const ends = decision.next === "retry" && commandOf(occasion) === "terminate";
  if (decision.next === "dead-letter" || ends) {
    const { blame, quarantine } =
      decision.next === "dead-letter" ? decision : { blame: false, quarantine: false };
    return giveUp(kernel, input, { session, error, blame, quarantine });
  }
  const { next } = decision;
  const retryAt = kernel.clock.now() + (decision.next === "retry" ? decision.delay : 0);
  const counts = decision.next === "retry" && decision.counts;
  const attempts = occasion.attempt - (counts ? 0 : 1);
  return {
    session,
    ending: { kind: "failed", error },
    version: agent.version,
    failure: { error, next, retryAt, attempts, blame: false, quarantine: false },
  };
}

/** The trigger failed for the last time: `onError` has the last word, in a session of its own. */
async function giveUp(
  kernel: Kernel,
  input: ActInput,
  last: Pick<FailedTick, "error" | "blame" | "quarantine"> & { readonly session: Session },
): Promise<Acted> {
  const { agent, occasion } = input;
  const { error, blame, quarantine } = last;
  const failure: FailedTick = { ...lost(error), blame, quarantine };
  const ending: Ending = { kind: "failed", error };
  const nothing = { session: last.session, ending, version: agent.version, failure };
  const { onError } = agent.definition.hooks;
  if (onError === undefined || agent.version === 0 || isQuiet(occasion)) return nothing;
  const session = new Session(kernel, input, last.session);
  input.running(session);
  try {
    await bringUpToDate(agent, session);
    const failedTick = { ...errorInfo(error), trigger: session.trigger };
    const end = await session.run(() =>
      session.within("onError", () => onError(new TickContext(session), failedTick)),
    );
    if (end.kind === "failed") throw end.error;
    if (end.kind === "parked") throw new OpenAgentsError("INVALID", "onError cannot wait");
    const state = await settleState(kernel, agent, session);
    return { ...nothing, session, state, version: agent.definition.version };
  } catch (second) {
    const cut = session.cancelled && !(second instanceof CancelledError);
    if (cut || isLocked(second)) throw second;
    last.session.note("error", `onError failed: ${errorInfo(second).message}`);
    return nothing;
  }
}

/**
 * A tick whose outcome cannot be written down fails for good: tried again, it would end the same way.
 * @throws the error itself when it is the store's or the signer's, and not the tick's
 */
export function unrecordable(
  kernel: Kernel,
  { acted, ...input }: ActInput & { readonly acted: Acted },
  error: unknown,
): Acted {
  if (error instanceof OpenAgentsError && PASSING.has(error.code)) throw error;
  // What it cost it did cost.
  const session = new Session(kernel, { ...input, meter: acted.session.meter });
  const ending: Ending = { kind: "failed", error };
  return { session, ending, version: input.agent.version, failure: lost(error) };
}

const PASSING: ReadonlySet<string> = new Set<ErrorCode>([
  "STORE",
  "STALE_CLAIM",
  "CORRUPT",
  "BUSY",
  "NOT_FOUND",
  "LOCKED",
]);

function lost(error: unknown): FailedTick {
  return { error, next: "dead-letter", retryAt: 0, attempts: 0, blame: false, quarantine: false };
}
