import type { TickRecord } from "./trajectory.ts";
import type { OnMismatch, RetryPolicy } from "./definition.ts";
import { toMs } from "./duration.ts";
import {
  MismatchError,
  OpenAgentsError,
  RetryableError,
  TerminalError,
  RefusedError,
  UnblamedError,
} from "./errors.ts";

/** What the supervisor looks at after a tick has failed. */
export interface Failure {
  readonly error: unknown;
  /** Which try it was, from 1. */
  readonly attempt: number;
  /** Triggers of this agent that were dead-lettered just before, in a row. */
  readonly failuresInARow: number;
  /** It was cut off as it ran too long, after a step of this try had ended: what is done stays done. */
  readonly gotOn: boolean;
  readonly policy: RetryPolicy;
  /** What is to follow a `MismatchError`. */
  readonly onMismatch: OnMismatch;
}

/**
 * What it decides: try again after `delay` ms, which is a failed try where that `counts`, begin anew with nothing of what was done, or give the
 * trigger up, and the agent too when it is to blame for too many in a row.
 */
export type Decision =
  | { readonly next: "retry"; readonly delay: number; readonly counts: boolean }
  | { readonly next: "restart" }
  | { readonly next: "dead-letter"; readonly blame: boolean; readonly quarantine: boolean };

/**
 * Codes of our own errors that a second try cannot mend. Agent code's own errors (`FAILED`), and
 * whatever may pass, are tried again.
 */
const HOPELESS: ReadonlySet<string> = new Set([
  "INVALID",
  "STATE",
  "LIMIT",
  "BUDGET",
  "DENIED",
  "TERMINATED",
  "MISMATCH",
]);

/** Decides what follows a failed tick. */
export function afterFailure(failure: Failure): Decision {
  const { error, attempt, policy } = failure;
  if (error instanceof MismatchError && failure.onMismatch === "restart")
    return { next: "restart" };
  if (failure.gotOn) return { next: "retry", delay: 0, counts: false };
  if (!isTerminal(error) && attempt <= policy.retries) {
    return { next: "retry", delay: retryDelay(error, attempt, policy), counts: true };
  }
  const blame = !isNoFault(error);
  const quarantine = blame && failure.failuresInARow + 1 >= policy.quarantineAfter;
  return { next: "dead-letter", blame, quarantine };
}

const UNBLAMED = [UnblamedError, RefusedError, MismatchError] as const;

/**
 * Mail that does not fit is no failure of the agent: else whoever may send could quarantine it. Nor is a
 * tick that was begun by other code.
 */
function isNoFault(error: unknown): boolean {
  if (UNBLAMED.some((kind) => error instanceof kind)) return true;
  return error instanceof OpenAgentsError && error.code === "INVALID";
}

function isTerminal(error: unknown): boolean {
  if (error instanceof TerminalError || error instanceof RefusedError) return true;
  return (
    error instanceof OpenAgentsError &&
    !(error instanceof RetryableError) &&
    HOPELESS.has(error.code)
  );
}

function retryDelay(error: unknown, attempt: number, policy: RetryPolicy): number {
  if (error instanceof RetryableError && error.retryAfter !== undefined) return error.retryAfter;
  return Math.min(toMs(policy.backoff) * 2 ** (attempt - 1), toMs(policy.maxBackoff));
}

/** Tells an operator of a tick whose journal other code has left. */
export function tellMismatch(
  { error, outcome }: Pick<TickRecord, "error" | "outcome">,
  tell: (problem: string, error: unknown) => void,
): void {
  if (error?.code !== "MISMATCH") return;
  const end = outcome === "failed" ? "is given up" : "begins anew";
  tell(`A tick of other code ${end}`, new MismatchError(error.message));
}
