import type { ErrorCode } from "../../core/errors.ts";
import type { Duration } from "../../core/duration.ts";
import type { Json } from "../../core/json.ts";

/** Which kinds of envelope a schedule may send. */
export const SCHEDULE_TYPES = ["alarm", "message", "event"] as const;
export type ScheduleType = (typeof SCHEDULE_TYPES)[number];

/**
 * What becomes of due times that passed while the home was not there to fire them:
 *
 * - `skip`: nothing; a time that is at most a minute ago still fires, if it is the newest
 * - `once`: one firing stands for all of them, that of the newest, which says how many it stands for
 * - `all`: each has its firing, but for the oldest beyond `MOST_MISSED`
 */
export const MISSED_POLICIES = ["skip", "once", "all"] as const;
export type MissedPolicy = (typeof MISSED_POLICIES)[number];

/** How many times that passed are made up for, and counted, at most. */
export const MOST_MISSED = 1000;
/** How late a firing still is one of its time and no missed one, ms. */
export const ON_TIME = 60_000;

/** When a schedule is due: exactly one of `cron`, `every` and `at`. */
export interface Timing {
  /** A cron expression of 5 or 6 fields, the latter with seconds first, or like `@daily`. */
  readonly cron?: string | undefined;
  /** The IANA name of the zone that `cron` is meant in; default UTC. */
  readonly timeZone?: string | undefined;
  /** How often, at least a second. */
  readonly every?: Duration | undefined;
  /** The first time of `every`, in ms since 1970 or as ISO 8601. Default: one interval from now. */
  readonly start?: number | string | undefined;
  /** Once, in ms since 1970 or as ISO 8601. */
  readonly at?: number | string | undefined;
}

/** A schedule that is to be. */
export interface NewSchedule extends Timing {
  /** 1 to 100 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit. Default: a new one. */
  readonly id?: string | undefined;
  /** Its name, npub or hex key. A name is whoever has it when the schedule is due. */
  readonly agent: string;
  /** Default `alarm`. */
  readonly type?: ScheduleType | undefined;
  /** Default null. */
  readonly payload?: Json | undefined;
  /** Default `once`. */
  readonly missed?: MissedPolicy | undefined;
  readonly paused?: boolean | undefined;
}

/** What of a schedule is changed; what is not named stays. */
export type ScheduleChange = Partial<Omit<NewSchedule, "id">>;

/**
 * - `active`: it will fire
 * - `paused`: by an operator, until it is resumed; what passes meanwhile is not missed
 * - `disabled`: its agent is terminated; resumed, it tries again
 * - `done`: its last time is over
 */
export type ScheduleStatus = "active" | "paused" | "disabled" | "done";

/** A schedule as it is stored in `schedules/<id>`, and as it is shown. Times are ms since 1970. */
export interface Schedule {
  readonly id: string;
  readonly agent: string;
  readonly cron?: string | undefined;
  readonly timeZone?: string | undefined;
  /** In ms. */
  readonly every?: number | undefined;
  readonly start?: number | undefined;
  readonly at?: number | undefined;
  readonly type: ScheduleType;
  readonly payload: Json;
  readonly missed: MissedPolicy;
  readonly status: ScheduleStatus;
  readonly createdAt: number;
  /** Another one after each change by an operator; firings leave it. */
  readonly revision: string;
  /** The next time that it is for; absent unless it is active. */
  readonly due?: number | undefined;
  /** When that is tried again, after the agent could not take it. */
  readonly retryAt?: number | undefined;
  /** As of when that is decided again: some of it may have been taken. */
  readonly asOf?: number | undefined;
  /** How often it was put off. */
  readonly tries?: number | undefined;
  /** How many firings its agent has, those among its dead letters with them. */
  readonly fired: number;
  /** The due time of the last of them. */
  readonly lastDue?: number | undefined;
  /** What was wrong with the last firing; absent when nothing was. */
  readonly lastError?: ScheduleError | undefined;
}

export interface ScheduleError {
  readonly at: number;
  readonly code: ErrorCode;
  readonly message: string;
}
