import { toMs } from "../../core/duration.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { LATEST, checkFields, timeAfter } from "../../core/recurrence.ts";
import type { Recurrence } from "../../core/recurrence.ts";
import type { Schedule, Timing } from "./schedule.ts";

/** When a schedule is due, as it is stored. */
export type StoredTiming = Pick<Schedule, "cron" | "timeZone" | "every" | "start" | "at">;

const SECOND = 1000;

/** @throws INVALID when it says nothing, too much, or can never be due */
export function readTiming(timing: Timing, now: number): StoredTiming {
  const { cron, timeZone, every, start, at } = timing;
  const given = [cron, every, at].filter((value) => value !== undefined);
  if (given.length !== 1) throw refused(`give exactly one of "cron", "every" and "at"`);
  if (timeZone !== undefined && cron === undefined) throw refused(`"timeZone" goes with "cron"`);
  if (start !== undefined && every === undefined) throw refused(`"start" goes with "every"`);
  if (cron !== undefined) return readCron(cron, timeZone ?? "UTC", now);
  if (every !== undefined) {
    const ms = toMs(every);
    if (ms < SECOND) throw refused(`"every" must be at least "1s"`);
    if (now + ms > LATEST) throw refused(`"every" is too long: no date is so far ahead`);
    return { every: ms, start: start === undefined ? now + ms : readTime(start, "start") };
  }
  const time = readTime(at!, "at");
  if (time < now) throw refused(`"at" is over: ${new Date(time).toISOString()}`);
  return { at: time };
}

/** The first time after `after` that a schedule is for; undefined when there is none any more. */
export function dueAfter(timing: StoredTiming, after: number): number | undefined {
  const recurrence = recurrenceOf(timing);
  if (recurrence !== undefined) return timeAfter(recurrence, after);
  return timing.at !== undefined && timing.at > after ? timing.at : undefined;
}

/** How a schedule comes again; undefined when it is for one time. */
export function recurrenceOf({
  cron,
  timeZone,
  every,
  start,
}: StoredTiming): Recurrence | undefined {
  if (cron !== undefined) return { cron, timeZone: timeZone ?? "UTC" };
  return every === undefined ? undefined : { every, start: start ?? 0 };
}

function readCron(cron: string, timeZone: string, now: number): StoredTiming {
  let next: number | undefined;
  try {
    checkFields(cron);
    next = timeAfter({ cron, timeZone }, now);
  } catch (error) {
    throw refused(`${(error as Error).message} ("${cron}", ${timeZone})`);
  }
  if (next === undefined) throw refused(`the cron expression "${cron}" never comes`);
  return { cron, timeZone };
}

function readTime(time: number | string, field: string): number {
  const ms = typeof time === "number" ? time : readText(time);
  if (Number.isSafeInteger(ms) && ms >= 0 && ms <= LATEST) return ms;
  throw refused(
    `"${field}" is no time: ${JSON.stringify(time)}: use ms since 1970, or text with its zone like "2026-03-01T09:00:00Z"`,
  );
}

/** ISO 8601 with its zone: without one it would mean another time on each machine. */
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;

function readText(text: string): number {
  if (!ISO.test(text)) return NaN;
  // A date that does not exist, such as 30 February, would be taken for another one.
  const wall = text.slice(0, "2026-03-01T09:00".length);
  const read = new Date(`${wall}Z`);
  const exists = !Number.isNaN(read.getTime()) && read.toISOString().startsWith(wall);
  return exists ? new Date(text).getTime() : NaN;
}

function refused(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot schedule: ${problem}`);
}
