import { toMs } from "../../core/duration.ts";
import type { Random } from "../../core/ports/index.ts";

/** How long after each failed try of an event the next one follows: 26 hours in all. */
export const RETRIES: readonly number[] = [
  "5s",
  "30s",
  "2m",
  "10m",
  "30m",
  "1h",
  "2h",
  "4h",
  "8h",
  "10h",
].map(toMs);

/** An event that has waited for so long is given up when it fails. */
export const GIVE_UP_AFTER: number = toMs("30h");

/** The longest that a receiver that cannot be reached is left alone, but for what it asks itself. */
export const LONGEST_REST: number = toMs("1h");

/** A receiver that has taken nothing for so long gets nothing any more. */
export const DISABLE_AFTER: number = toMs("5d");

/** The longest that a receiver is left alone because it says so. */
export const LONGEST_RETRY_AFTER: number = toMs("24h");

/** Further ahead than this nothing is put off: such a time was reckoned by a clock that was wrong. */
export const FURTHEST: number = toMs("25h");

/** A time that is up to a fifth longer, so that not all that failed together comes back together. */
export function jittered(random: Random, ms: number): number {
  const [high = 0, low = 0] = random.bytes(2);
  return Math.round(ms * (1 + (high * 256 + low) / 65_536 / 5));
}
