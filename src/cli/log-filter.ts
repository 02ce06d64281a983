import { oneOf, UsageError } from "./usage-error.ts";
import { toMs } from "../core/duration.ts";

/** One line of `logs`. */
export interface LogLine {
  readonly n: number;
  readonly at: number;
  readonly level: string;
  readonly text: string;
  readonly data?: unknown;
}

/** What `--level` takes: a level and those above it, or events or replies alone. */
export const LEVELS = ["debug", "info", "warn", "error", "event", "reply"] as const;

/** How grave a line is: what is no level of a log is an outcome of a tick, and an error. */
const GRAVITY: Readonly<Record<string, number>> = {
  debug: 0,
  info: 1,
  event: 1,
  reply: 1,
  warn: 2,
  retry: 2,
};
const ERROR = 3;

/** The options that say which lines are wanted. */
export interface LogFilterOptions {
  readonly since?: string | undefined;
  readonly level?: string | undefined;
  readonly grep?: string | undefined;
}

/** Which lines are wanted. */
export interface LogFilter {
  /** From this time on, ms since 1970. */
  readonly since: number | undefined;
  readonly wants: (line: LogLine) => boolean;
}

/** @throws UsageError naming an option whose value cannot be meant */
export function logFilter(options: LogFilterOptions, now: number = Date.now()): LogFilter {
  const level = oneOf("--level", options.level, LEVELS);
  const since = options.since === undefined ? undefined : pastTime("--since", options.since, now);
  const alone = level === "event" || level === "reply";
  const least = level === undefined ? 0 : gravity(level);
  const text = options.grep?.toLowerCase() ?? "";
  return {
    since,
    wants: (line) =>
      (since === undefined || line.at >= since) &&
      (alone ? line.level === level : gravity(line.level) >= least) &&
      (text === "" || searched(line).includes(text)),
  };
}

function gravity(level: string): number {
  return Object.hasOwn(GRAVITY, level) ? GRAVITY[level]! : ERROR;
}

function searched({ text, data }: LogLine): string {
  return `${text} ${data === undefined ? "" : JSON.stringify(data)}`.toLowerCase();
}

/** A time: how long ago, such as `10m`, or a date of ISO 8601. @throws UsageError naming the option */
export function pastTime(option: string, text: string, now: number): number {
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const time = Date.parse(text);
    if (!Number.isNaN(time)) return time;
  }
  try {
    return now - toMs(text);
  } catch {
    throw new UsageError(
      `Cannot use ${option} "${text}": it must be how long ago, as 10m or 1h30m, or a time, as 2026-05-04T10:00:00Z`,
    );
  }
}
