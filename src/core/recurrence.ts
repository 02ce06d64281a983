import { Cron } from "croner";

/** The last time that has a date (ECMA-262), ms since 1970. */
export const LATEST = 8_640_000_000_000_000;

/** What comes again and again: from `start` on every so many ms, or by a cron expression. */
export type Recurrence =
  | { readonly every: number; readonly start: number }
  | { readonly cron: string; readonly timeZone: string };

/** The newest times of a span. */
export interface Times {
  /** In their order. */
  readonly times: readonly number[];
  /** There are older ones in the span. */
  readonly more: boolean;
}

/**
 * The first time after `after`; undefined when there is none any more. Cron expressions mean the clock
 * on the wall of their zone: what would be in the hour that a zone leaves out happens at its end, a
 * fixed time in the hour that comes twice happens in the first, and what is each hour or minute
 * happens in both.
 * @throws an Error that says what is wrong with the expression or the zone
 */
export function timeAfter(recurrence: Recurrence, after: number): number | undefined {
  if ("every" in recurrence) {
    const { every, start } = recurrence;
    if (after < start) return start;
    const next = start + (Math.floor((after - start) / every) + 1) * every;
    return next <= LATEST ? next : undefined;
  }
  return cronOf(recurrence).nextRun(new Date(after))?.getTime();
}

/**
 * Checks how many fields a new cron expression has: dates, and a year as the seventh, would be read as
 * well, and are no times that come again.
 * @throws an Error that says what is wrong with it
 */
export function checkFields(cron: string): void {
  const fields = cron.split(/\s+/).filter((field) => field !== "").length;
  if (cron.trim().startsWith("@") || fields === 5 || fields === 6) return;
  const has = fields === 1 ? "1 field" : `${fields} fields`;
  throw new Error(`it has ${has}, and a cron expression has 5 or 6, the first then for seconds`);
}

/** The newest times from `from` to `to`, both included, at most `limit` of them. Throws as `timeAfter`. */
export function timesBetween(
  recurrence: Recurrence,
  from: number,
  { to, limit }: { readonly to: number; readonly limit: number },
): Times {
  const newest: number[] = [];
  if ("every" in recurrence) {
    const { every, start } = recurrence;
    const first = Math.max(from, start);
    for (
      let at = start + Math.floor((to - start) / every) * every;
      at >= first && newest.length <= limit;
      at -= every
    ) {
      newest.push(at);
    }
  } else {
    const cron = cronOf(recurrence);
    // Small steps first: mostly there is one time, and to look for each costs.
    let before = to + 1;
    for (let size = 4; newest.length <= limit; size *= 4) {
      const found = cron
        .previousRuns(Math.min(size, limit + 1 - newest.length), new Date(before))
        .map((date) => date.getTime())
        .filter((at) => at < before);
      const within = found.filter((at) => at >= from);
      newest.push(...within);
      if (within.length === 0 || within.length < found.length) break;
      before = within.at(-1)!;
    }
  }
  return { times: newest.slice(0, limit).toReversed(), more: newest.length > limit };
}

function cronOf({ cron, timeZone }: { readonly cron: string; readonly timeZone: string }): Cron {
  return new Cron(cron, { timezone: timeZone, paused: true });
}
