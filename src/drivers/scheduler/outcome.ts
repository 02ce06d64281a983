import { OpenAgentsError } from "../../core/errors.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { Receipt } from "../../core/ports/index.ts";
import type { Plan } from "./plan.ts";
import type { Schedule, ScheduleError } from "./schedule.ts";

/** What became of a schedule's firings: a receipt for each, or why none could be handed in. */
export type Outcome = { readonly receipts: readonly Receipt[] } | { readonly error: unknown };

/** How long a firing is put off that its agent cannot take now: at first, and at most, ms. */
const FIRST_RETRY = 5_000;
const LONGEST_RETRY = 300_000;

/** Errors of what is handed in, which would be the same each time. */
const FOR_GOOD: ReadonlySet<ErrorCode> = new Set([
  "INVALID",
  "NOT_FOUND",
  "TERMINATED",
  "MOVED",
  "LIMIT",
  "DENIED",
]);

/** The firing is with the agent: it has it, or keeps it among its dead letters. */
const TAKEN: ReadonlySet<Receipt> = new Set(["accepted", "duplicate", "dead-lettered"]);

/** What receipts mean that are not good. */
const MEANING: Partial<Record<Receipt, readonly [code: ErrorCode, text: string]>> = {
  "dead-lettered": [
    "INBOX_FULL",
    "the inbox was full: the firing is among the agent's dead letters",
  ],
  rejected: ["INBOX_FULL", "the inbox was full: the firing is lost"],
  unknown: ["NOT_FOUND", "there is no such agent: the firing is lost"],
  terminated: ["TERMINATED", "the agent is terminated: the schedule is disabled"],
  busy: ["BUSY", "the agent could not take it now: it is tried again"],
  moved: ["MOVED", "the agent lives at another home, which did not take it: the firing is lost"],
};

/** The schedule after its firings. */
export function afterFiring(
  schedule: Schedule,
  outcome: Outcome,
  { plan, now }: { readonly plan: Plan; readonly now: number },
): Schedule {
  const { due: _due, retryAt: _at, asOf: _asOf, tries = 0, lastError: _error, ...rest } = schedule;
  if ("error" in outcome && !isForGood(outcome.error)) {
    return putOff(schedule, { plan, tries, lastError: errorOf(outcome.error, now) });
  }
  const receipts = "error" in outcome ? [] : outcome.receipts;
  const problem = "error" in outcome ? errorOf(outcome.error, now) : problemOf(receipts, now);
  // Those before it are known where they are when all of it is done again.
  if (receipts.includes("busy")) return putOff(schedule, { plan, tries, lastError: problem! });
  const taken = receipts.filter((receipt) => TAKEN.has(receipt)).length;
  const lastTaken = plan.firings[receipts.findLastIndex((receipt) => TAKEN.has(receipt))];
  const after = {
    ...rest,
    fired: schedule.fired + taken,
    ...(lastTaken !== undefined && { lastDue: lastTaken.due }),
    ...(problem !== undefined && { lastError: problem }),
  };
  if (problem?.code === "TERMINATED") return { ...after, status: "disabled" };
  if (plan.next === undefined) return { ...after, status: "done" };
  return { ...after, due: plan.next };
}

/** True for an error that is about what was handed in, and no failure that passes. */
export function isForGood(error: unknown): boolean {
  return error instanceof OpenAgentsError && FOR_GOOD.has(error.code);
}

/** It is planned again as of the same time: what of it was taken is then known where it is. */
function putOff(
  schedule: Schedule,
  {
    plan: { asOf },
    tries,
    lastError,
  }: { readonly plan: Plan; readonly tries: number; readonly lastError: ScheduleError },
): Schedule {
  const wait = Math.min(FIRST_RETRY * 2 ** Math.min(tries, 16), LONGEST_RETRY);
  return { ...schedule, retryAt: lastError.at + wait, asOf, tries: tries + 1, lastError };
}

function problemOf(receipts: readonly Receipt[], at: number): ScheduleError | undefined {
  const bad = receipts.filter((receipt) => receipt !== "accepted" && receipt !== "duplicate");
  const receipt = bad.includes("busy") ? "busy" : bad.at(-1);
  if (receipt === undefined) return undefined;
  const [code, text] = MEANING[receipt] ?? ["FAILED", `it is ${receipt}: the firing is lost`];
  return { at, code, message: `Cannot fire: ${text}` };
}

function errorOf(error: unknown, at: number): ScheduleError {
  if (error instanceof OpenAgentsError) return { at, code: error.code, message: error.message };
  const message = error instanceof Error ? error.message : String(error);
  return { at, code: "FAILED", message: `Cannot fire: ${message}` };
}
