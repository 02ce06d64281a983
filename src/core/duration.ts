import { OpenAgentsError } from "./errors.ts";

/** A length of time: milliseconds, or text like `"500ms"`, `"10s"`, `"1h30m"`, `"2d"`. */
export type Duration = number | string;

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** A time of 1 ms or more as text, in the largest unit of which it is a whole number: `1h`, `90m`. */
export function durationText(ms: number): string {
  const [unit, size] = Object.entries(UNITS).findLast(([, size]) => ms % size === 0)!;
  return `${ms / size}${unit}`;
}

const TEXT = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g;

/**
 * A duration in whole milliseconds, rounded.
 * @throws INVALID when it is negative, not finite, past 2^53 - 1 ms or cannot be read
 */
export function toMs(duration: Duration): number {
  let total = NaN;
  if (typeof duration === "number") {
    total = duration;
  } else if (typeof duration === "string" && TEXT.test(duration)) {
    total = 0;
    for (const [, amount, unit] of duration.matchAll(PART)) {
      total += Number(amount) * UNITS[unit as string]!;
    }
  }
  const ms = Math.round(total);
  // `+ 0` turns -0, which is not negative, into 0.
  if (total >= 0 && Number.isSafeInteger(ms)) return ms + 0;
  throw new OpenAgentsError(
    "INVALID",
    `Cannot read duration "${String(duration)}": use milliseconds or text like "500ms", "10s", "1h30m", "2d"`,
  );
}
