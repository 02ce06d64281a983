import { OpenAgentsError } from "../../core/errors.ts";
import type { Sink } from "../../core/ports/index.ts";
import { afterFiring, isForGood } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import { calendar, firingEnvelope, planOf } from "./plan.ts";
import type { Plan } from "./plan.ts";
import type { Schedule } from "./schedule.ts";
import { leadsTo, parse, timeOf } from "./shelf.ts";
import type { DueEntry, Shelf, Shelved } from "./shelf.ts";
import { dueAfter, recurrenceOf } from "./timing.ts";

/** How many schedules are fired together, and about how many envelopes are handed in at once. */
const BATCH = 100;
const MOST_MAIL = 1000;
/** How far the clock may be set back before what it said earlier is taken to be wrong, ms. */
const SET_BACK = 60_000;

/** What taking up what is due needs. */
export interface TurnParts {
  readonly shelf: Shelf;
  readonly deliver: Sink;
  readonly onProblem: (problem: string, error: unknown) => void;
  /** True once it is to end as soon as it can. */
  readonly stopped: () => boolean;
}

interface Fired extends Shelved {
  readonly schedule: Schedule & { readonly due: number };
  readonly plan: Plan;
}

/** Fires all that is due by `now`. Whenever it ends early, nothing is lost and nothing fires twice. */
export async function takeUp(parts: TurnParts, now: number): Promise<void> {
  const { shelf, stopped } = parts;
  let mark = await shelf.mark();
  if (mark > now + SET_BACK) {
    await setBack(shelf, now);
    await shelf.setMark((mark = now));
  }
  while (!stopped()) {
    const due = await shelf.due(now, BATCH);
    const [first] = due;
    if (first === undefined) return;
    // Some of these may have fired already, when this is what a home that died had begun.
    const begun = first.at <= mark;
    if (!begun) await shelf.setMark((mark = now));
    await fire(parts, begun ? due.filter(({ at }) => at <= mark) : due, {
      asOf: Math.min(mark, now),
      now,
    });
  }
}

async function fire(
  parts: TurnParts,
  entries: readonly DueEntry[],
  times: { readonly asOf: number; readonly now: number },
): Promise<void> {
  const known = calendar();
  let batch: Fired[] = [];
  let mail = 0;
  for (const entry of entries) {
    const found = await scheduleOf(parts, entry);
    if (found === undefined) continue;
    const plan = planOf(found.schedule, times, known);
    if (plan.more && found.schedule.missed === "all") {
      parts.onProblem(
        `Schedule "${found.schedule.id}" was due more often than is made up for: the oldest times, from ${new Date(found.schedule.due).toISOString()} on, are dropped`,
        undefined,
      );
    }
    batch.push({ ...found, plan });
    mail += plan.firings.length;
    if (mail >= MOST_MAIL) {
      await settle(parts, batch, times.now);
      [batch, mail] = [[], 0];
    }
    if (plan.costly) await breathe();
  }
  await settle(parts, batch, times.now);
}

/** The schedule that an entry of the index leads to; one that leads nowhere is taken away. */
async function scheduleOf(
  { shelf, onProblem }: TurnParts,
  entry: DueEntry,
): Promise<(Shelved & { readonly schedule: Schedule & { readonly due: number } }) | undefined> {
  const text = await shelf.text(entry.id);
  try {
    const schedule = text === undefined ? undefined : parse(entry.id, text);
    if (schedule?.due !== undefined && leadsTo(entry, schedule)) {
      return { schedule: { ...schedule, due: schedule.due }, text: text! };
    }
  } catch (error) {
    onProblem(`Schedule "${entry.id}" does not fire any more`, error);
  }
  await shelf.drop(entry, text);
  return undefined;
}

/** Hands in the firings of schedules and writes down what became of them. */
async function settle(parts: TurnParts, batch: readonly Fired[], now: number): Promise<void> {
  const outcomes = await handIn(parts, batch);
  await Promise.all(
    batch.map(({ schedule, text, plan }, i) =>
      // One that was changed meanwhile is looked at again: its firing is then known where it is.
      parts.shelf.replace({ schedule, text }, afterFiring(schedule, outcomes[i]!, { plan, now })),
    ),
  );
}

async function handIn(
  { deliver, onProblem }: TurnParts,
  batch: readonly Fired[],
): Promise<readonly Outcome[]> {
  const mail = batch.map(({ schedule, plan }) =>
    plan.firings.map((firing) => firingEnvelope(schedule, firing)),
  );
  const all = mail.flat();
  if (all.length === 0) return batch.map(() => ({ receipts: [] }));
  try {
    const receipts = [...(await deliver(all))];
    if (receipts.length !== all.length) {
      throw new OpenAgentsError("STORE", "Cannot deliver: there is not one receipt for each");
    }
    return mail.map(({ length }) => ({ receipts: receipts.splice(0, length) }));
  } catch (error) {
    if (batch.length === 1) {
      if (!isForGood(error)) onProblem(`Cannot fire schedule "${batch[0]!.schedule.id}"`, error);
      return [{ error }];
    }
    // What is wrong with one is not to hold up the others.
    const outcomes: Outcome[] = [];
    for (const one of batch) {
      outcomes.push(...(await handIn({ deliver, onProblem } as TurnParts, [one])));
    }
    return outcomes;
  }
}

/**
 * Puts right what was reckoned by a clock that was ahead: each schedule is due at its first time from
 * now on. What has fired for such a time already is a duplicate for its agent.
 */
async function setBack(shelf: Shelf, now: number): Promise<void> {
  let after: string | undefined;
  for (;;) {
    const { items, last } = await shelf.list(after, 500);
    for (const one of items) {
      const { due, retryAt: _retryAt, asOf: _asOf, ...rest } = one.schedule;
      if (due === undefined) continue;
      const again = recurrenceOf(one.schedule) !== undefined;
      const next = due > now && again ? (dueAfter(one.schedule, now) ?? due) : due;
      if (next !== timeOf(one.schedule)) await shelf.replace(one, { ...rest, due: next });
    }
    if (last === undefined) return;
    after = last;
  }
}

/** Lets others have the thread. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
