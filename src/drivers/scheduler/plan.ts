import { SCHEDULED } from "../../core/envelope.ts";
import type { Envelope } from "../../core/envelope.ts";
import { timeAfter, timesBetween } from "../../core/recurrence.ts";
import type { Recurrence, Times } from "../../core/recurrence.ts";
import { MOST_MISSED, ON_TIME } from "./schedule.ts";
import type { Schedule } from "./schedule.ts";
import { recurrenceOf } from "./timing.ts";

/** What a schedule fires, and when it is due after that. */
export interface Plan {
  /** As of when it was made. */
  readonly asOf: number;
  readonly firings: readonly Firing[];
  /** Undefined when that was the last time. */
  readonly next: number | undefined;
  /** There were more due times than are looked at. */
  readonly more: boolean;
  /** It took many steps to find out. */
  readonly costly: boolean;
}

export interface Firing {
  readonly due: number;
  /** For how many other times this firing stands. */
  readonly missed?: number;
  /** Times from this one on were dropped before it. */
  readonly droppedSince?: number;
}

/** Which times there are, remembered for schedules that have the same ones. */
export interface Calendar {
  span(recurrence: Recurrence, from: number, to: number): Times & { next: number | undefined };
}

/** Costs beyond this many times are seen by whoever shares the thread. */
const COSTLY = 30;

export function calendar(): Calendar {
  const known = new Map<string, Times & { next: number | undefined }>();
  return {
    span(recurrence, from, to) {
      const key = `${JSON.stringify(recurrence)}${from} ${to}`;
      let span = known.get(key);
      if (span === undefined) {
        const next = timeAfter(recurrence, from);
        // Mostly `from` is the only time, which is then known without looking back.
        span =
          next === undefined || next > to
            ? { times: [from], more: false, next }
            : {
                ...timesBetween(recurrence, from, { to, limit: MOST_MISSED }),
                next: timeAfter(recurrence, to),
              };
        known.set(key, span);
      }
      return span;
    },
  };
}

/**
 * What a schedule that is due fires as of a time, or as of that at which it was put off: always the same
 * for the same schedule and time, so that it can be done again. Only `skip` looks at what time it is `now`.
 */
export function planOf(
  schedule: Schedule & { readonly due: number },
  { asOf: begun, now }: { readonly asOf: number; readonly now: number },
  times: Calendar,
): Plan {
  const { due, missed, asOf = begun } = schedule;
  const recurrence = recurrenceOf(schedule);
  const span =
    recurrence === undefined
      ? { times: [due], more: false, next: undefined }
      : times.span(recurrence, due, asOf);
  const last = span.times.at(-1) ?? due;
  const rest = {
    asOf,
    next: span.next,
    more: span.more,
    costly: span.times.length > COSTLY,
  };
  if (missed === "skip") {
    return { ...rest, firings: now - last <= ON_TIME ? [{ due: last }] : [] };
  }
  if (missed === "once") {
    const others = span.more ? MOST_MISSED : span.times.length - 1;
    return { ...rest, firings: [others > 0 ? { due: last, missed: others } : { due: last }] };
  }
  const firings = span.times.map((time, i) =>
    i === 0 && span.more ? { due: time, droppedSince: due } : { due: time },
  );
  return { ...rest, firings };
}

/** What the id of the envelope of each firing of a schedule begins with, and no others. */
export function firingsOf(id: string): string {
  return `${SCHEDULED}${id}:`;
}

/** The envelope of one firing; it is the same however often it is made. */
export function firingEnvelope(schedule: Schedule, firing: Firing): Envelope {
  const { id, agent, type, payload } = schedule;
  const { due, missed, droppedSince } = firing;
  return {
    id: `${firingsOf(id)}${due}`,
    sentAt: due,
    source: "schedule",
    from: `${SCHEDULED}${id}`,
    to: agent,
    type,
    payload,
    headers: {
      schedule: id,
      "schedule-due": new Date(due).toISOString(),
      // By which a hook for alarms knows which one it is.
      ...(type === "alarm" && { alarm: id }),
      ...(missed !== undefined && { "schedule-missed": String(missed) }),
      ...(droppedSince !== undefined && {
        "schedule-dropped-since": new Date(droppedSince).toISOString(),
      }),
    },
  };
}
