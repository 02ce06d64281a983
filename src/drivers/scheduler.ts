import { checkEnvelope } from "../core/envelope.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { checkRevision } from "../core/if-match.ts";
import type { Guarded } from "../core/if-match.ts";
import type { Clock, HomeFiles, Page, Random, Sink } from "../core/ports/index.ts";
import { systemRandom } from "../core/system.ts";
import { uuidv7 } from "../core/uuid.ts";
import { firingEnvelope } from "./scheduler/plan.ts";
import { MISSED_POLICIES, SCHEDULE_TYPES } from "./scheduler/schedule.ts";
import type {
  NewSchedule,
  Schedule,
  ScheduleChange,
  ScheduleStatus,
  Timing,
} from "./scheduler/schedule.ts";
import { Shelf } from "./scheduler/shelf.ts";
import type { Shelved } from "./scheduler/shelf.ts";
import { dueAfter, readTiming } from "./scheduler/timing.ts";
import { takeUp } from "./scheduler/turn.ts";

export { MISSED_POLICIES, MOST_MISSED, ON_TIME, SCHEDULE_TYPES } from "./scheduler/schedule.ts";
export type {
  MissedPolicy,
  NewSchedule,
  Schedule,
  ScheduleChange,
  ScheduleError,
  ScheduleStatus,
  ScheduleType,
  Timing,
} from "./scheduler/schedule.ts";

export interface SchedulerOptions {
  readonly files: HomeFiles;
  readonly clock: Clock;
  readonly random?: Random;
  /**
   * Takes the envelopes of firings, a receipt for each. It is asked again, with the same envelopes, after
   * a home died in the middle: mail of an id that an agent has is a duplicate, and so it fires once.
   */
  readonly deliver: Sink;
  /** Told of what an operator should know. Default: nobody. */
  readonly onProblem?: (problem: string, error: unknown) => void;
  /**
   * For a host that keeps the time itself: something will be due at this time, told in the turn of the
   * event loop in which it is written. Such a host calls `takeUp`, and neither `start` nor `stop`.
   */
  readonly wake?: (at: number) => void;
}

/** What is sent to agents by time. A promise resolves when what it says is durable. */
export interface Scheduler {
  /** @throws INVALID; EXISTS when there is one of this id */
  create(schedule: NewSchedule): Promise<Schedule>;
  /** @throws NOT_FOUND */
  get(id: string): Promise<Schedule>;
  /** In order of id; `limit` 1 to 1000, default 100. */
  list(query?: ListSchedules): Promise<Page<Schedule>>;
  /**
   * Another timing takes the place of the one before. What changes the timing or resumes has the schedule
   * due at its first time from now on. With `ifMatch` only that revision is changed.
   * @throws NOT_FOUND; INVALID, also to resume what is over; PRECONDITION
   */
  update(id: string, change: ScheduleChange, options?: UpdateSchedule): Promise<Schedule>;
  /** A firing that is under way still comes. @throws NOT_FOUND; PRECONDITION as `update` */
  remove(id: string, options?: UpdateSchedule): Promise<void>;
  /** Takes up what is due, by the clock, until `stop`. */
  start(): void;
  /** Resolves when nothing is under way. Idempotent. */
  stop(): Promise<void>;
  /** Fires what is due by `now`; one after the other when it is called while it runs. */
  takeUp(now: number): Promise<void>;
  /** When something is due next; undefined for never. */
  nextDue(): Promise<number | undefined>;
}

/** What an operator does with schedules; what is left is for whoever keeps the time. */
export type Schedules = Pick<Scheduler, "create" | "get" | "list" | "update" | "remove">;

export type UpdateSchedule = Guarded;

export interface ListSchedules {
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

/** How long a look at the time is put off at most, so that a clock that was set forward is noticed, ms. */
const LOOK = 30_000;
/** How long after a failure of the files it is tried again, ms. */
const AGAIN = 1_000;

/**
 * Schedules in a home's files. Nothing is held in memory for one that is not due, and what is due is read
 * from an index, so that their number costs nothing but room on the disk.
 *
 * **Each due time fires at most once.** The id of its envelope is `schedule:<id>:<due, ms>`, made anew by
 * a home that died before it knew that it was delivered: the agent knows it then (for as long as it
 * remembers ids, `limits.dedup`). What is fired for times that passed is decided as of a time that is
 * written down first, so that it is decided the same again.
 */
export function scheduler(options: SchedulerOptions): Scheduler {
  return new FileScheduler(options);
}

class FileScheduler implements Scheduler {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #shelf: Shelf;
  readonly #deliver: Sink;
  readonly #onProblem: (problem: string, error: unknown) => void;
  #state: "idle" | "running" | "stopped" = "idle";
  /** The end of all that was taken up so far. */
  #turn: Promise<void> = Promise.resolve();
  #timer: { readonly at: number; readonly cancel: () => void } | undefined;

  constructor(options: SchedulerOptions) {
    this.#clock = options.clock;
    this.#random = options.random ?? systemRandom;
    this.#deliver = options.deliver;
    this.#onProblem = options.onProblem ?? (() => {});
    this.#shelf = new Shelf(options.files, (at) => {
      options.wake?.(at);
      if (this.#timer !== undefined && at < this.#timer.at) this.#arm(at);
    });
  }

  async create(given: NewSchedule): Promise<Schedule> {
    const now = this.#clock.now();
    const id = given.id ?? uuidv7(now, this.#random.bytes(10));
    if (!ID.test(id)) throw refused(`the id ${JSON.stringify(id)} must be ${ID_NEED}`);
    const timing = readTiming(given, now);
    const schedule: Schedule = {
      id,
      agent: given.agent,
      ...timing,
      type: given.type ?? "alarm",
      payload: given.payload ?? null,
      missed: given.missed ?? "once",
      status: given.paused === true ? "paused" : "active",
      createdAt: now,
      revision: "1",
      fired: 0,
      // A time that is now is not over yet.
      ...(given.paused !== true && { due: dueAfter(timing, now - 1) }),
    };
    checkSchedule(schedule);
    if (await this.#shelf.add(schedule)) return schedule;
    throw new OpenAgentsError(
      "EXISTS",
      `Cannot create schedule "${id}": it exists: update it, or choose another id`,
    );
  }

  async get(id: string): Promise<Schedule> {
    return (await this.#read(id)).schedule;
  }

  async list({ cursor, limit = 100 }: ListSchedules = {}): Promise<Page<Schedule>> {
    if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
      throw new OpenAgentsError("INVALID", "Cannot list schedules: the limit is 1 to 1000");
    }
    if (cursor !== undefined && !ID.test(cursor)) {
      throw new OpenAgentsError("INVALID", `Cannot list schedules: bad cursor "${cursor}"`);
    }
    const page = await this.#shelf.list(cursor, limit);
    const items = page.items.map(({ schedule }) => schedule);
    return page.last === undefined ? { items } : { items, cursor: page.last };
  }

  async update(
    id: string,
    change: ScheduleChange,
    { ifMatch }: UpdateSchedule = {},
  ): Promise<Schedule> {
    for (;;) {
      const before = await this.#read(id);
      checkRevision(`schedule "${id}"`, before.schedule.revision, ifMatch);
      const schedule = changed(before.schedule, change, this.#clock.now());
      checkSchedule(schedule);
      if (await this.#shelf.replace(before, schedule)) return schedule;
    }
  }

  async remove(id: string, { ifMatch }: UpdateSchedule = {}): Promise<void> {
    const check = (revision: string): void => checkRevision(`schedule "${id}"`, revision, ifMatch);
    if (!ID.test(id) || !(await this.#shelf.remove(id, check))) throw missing(id);
  }

  start(): void {
    if (this.#state !== "idle") return;
    this.#state = "running";
    this.#arm(this.#clock.now());
  }

  async stop(): Promise<void> {
    this.#state = "stopped";
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#turn.catch(() => undefined);
  }

  takeUp(now: number): Promise<void> {
    const turn = this.#turn
      .catch(() => undefined)
      .then(() =>
        takeUp(
          {
            shelf: this.#shelf,
            deliver: this.#deliver,
            onProblem: this.#onProblem,
            stopped: () => this.#state === "stopped",
          },
          now,
        ),
      );
    this.#turn = turn;
    return turn;
  }

  nextDue(): Promise<number | undefined> {
    return this.#shelf.first();
  }

  async #read(id: string): Promise<Shelved> {
    const found = ID.test(id) ? await this.#shelf.read(id) : undefined;
    if (found !== undefined) return found;
    throw missing(id);
  }

  /** Has the clock look at what is due at this time, or a little before. */
  #arm(at: number): void {
    this.#timer?.cancel();
    const now = this.#clock.now();
    const cancel = this.#clock.after(Math.min(Math.max(at - now, 0), LOOK), () => {
      void this.#look();
    });
    this.#timer = { at: Math.min(at, now + LOOK), cancel };
  }

  async #look(): Promise<void> {
    // Whatever comes to be due from here on is either read below, or arms the clock anew.
    this.#timer = { at: Infinity, cancel: () => undefined };
    let next: number | undefined;
    try {
      await this.takeUp(this.#clock.now());
      next = (await this.nextDue()) ?? Infinity;
    } catch (error) {
      if (this.#state === "running") this.#onProblem("Cannot take up schedules", error);
      next = this.#clock.now() + AGAIN;
    }
    if (this.#state === "running") this.#arm(Math.min(next, this.#timer?.at ?? Infinity));
  }
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const ID_NEED =
  "1 to 100 of A-Z, a-z, 0-9, dot, underscore and dash, beginning with a letter or digit";

/** The largest schedule, in characters of JSON. */
const MOST_JSON = 300_000;

/** @throws INVALID naming what no envelope of it could have */
function checkSchedule(schedule: Schedule): void {
  const { id, agent, type, missed } = schedule;
  if (typeof agent !== "string" || agent === "") throw refused(`"agent" must name an agent`);
  if (!SCHEDULE_TYPES.includes(type)) {
    throw refused(`"type" must be one of ${SCHEDULE_TYPES.join(", ")}`);
  }
  if (!MISSED_POLICIES.includes(missed)) {
    throw refused(`"missed" must be one of ${MISSED_POLICIES.join(", ")}`);
  }
  checkEnvelope(firingEnvelope(schedule, { due: schedule.createdAt }));
  if (JSON.stringify(schedule).length <= MOST_JSON) return;
  throw refused(`"${id}" is too large: it has more than ${MOST_JSON} characters of JSON`);
}

/** A schedule with what an operator changes of it. */
function changed(before: Schedule, change: ScheduleChange, now: number): Schedule {
  const { cron, timeZone, every, start, at, ...old } = before;
  const { lastError, due, retryAt, asOf, tries, ...rest } = old;
  const given = TIMING.some((field) => change[field] !== undefined);
  const timing = given
    ? readTiming(withRest(before, change), now)
    : { cron, timeZone, every, start, at };
  const { agent, type, payload, missed, paused } = change;
  const schedule: Schedule = {
    ...rest,
    ...timing,
    agent: agent ?? rest.agent,
    type: type ?? rest.type,
    payload: payload === undefined ? rest.payload : payload,
    missed: missed ?? rest.missed,
    revision: String(Number(rest.revision) + 1),
    ...(lastError !== undefined && agent === undefined && { lastError }),
  };
  const status = statusAfter(rest.status, { given, paused });
  if (status !== "active") return { ...schedule, status };
  if (rest.status === "active" && !given) return { ...schedule, due, retryAt, asOf, tries };
  // What is due right now counts, unless it has fired.
  const next = dueAfter(timing, rest.lastDue === now ? now : now - 1);
  if (next !== undefined) return { ...schedule, status, due: next };
  throw refused(`"${before.id}" has no time left: give it another one`);
}

/** What is over begins again with another timing; what stands still does so until it is resumed. */
function statusAfter(
  before: ScheduleStatus,
  { given, paused }: { readonly given: boolean; readonly paused: boolean | undefined },
): ScheduleStatus {
  if (paused === false || (before === "done" && given))
    return paused === true ? "paused" : "active";
  return paused === true && before !== "done" ? "paused" : before;
}

const TIMING = ["cron", "timeZone", "every", "start", "at"] as const;

/** A zone, or a start, alone goes with the timing that is there; another expression keeps the zone. */
function withRest(before: Schedule, change: Timing): Timing {
  const { cron, every, at, start } = change;
  if (every !== undefined || at !== undefined) return change;
  const timeZone = change.timeZone ?? before.timeZone;
  if (cron !== undefined) return { ...change, timeZone };
  const { cron: oldCron, every: oldEvery, at: oldAt } = before;
  return { cron: oldCron, every: oldEvery, at: oldAt, timeZone, start: start ?? before.start };
}

function missing(id: string): OpenAgentsError {
  return new OpenAgentsError("NOT_FOUND", `There is no schedule "${id}"`);
}

function refused(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot schedule: ${problem}`);
}
