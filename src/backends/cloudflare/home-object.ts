import type {
  HomeFile,
  HomeFiles,
  HomeFilesChange,
  HomeFilesQuery,
} from "../../core/ports/index.ts";
import { systemClock } from "../../core/system.ts";
import { scheduler } from "../../drivers/scheduler.ts";
import type {
  ListSchedules,
  NewSchedule,
  ScheduleChange,
  Scheduler,
  UpdateSchedule,
} from "../../drivers/scheduler.ts";
import { objectHomeFiles } from "../../stores/durable-object.ts";
import type { Directory } from "./directory.ts";
import type { Env, ObjectContext } from "./platform.ts";
import { driverSink } from "./sink.ts";
import { answer } from "./wire.ts";

/** What is to be done by time in the home's object. */
interface Timed {
  takeUp(now: number): Promise<void>;
  nextDue(): Promise<number | undefined>;
}

/** How long after a failure the alarm goes off again, ms. */
const AGAIN = 10_000;

/**
 * What a Worker keeps beside its agents, in a Durable Object of its own, the one named `home`: the
 * files, and what is done by time. Its alarm is never later than what is due: it is set in the turn in
 * which something becomes due, and so in the same transaction.
 */
export class HomeHost {
  readonly #context: ObjectContext;
  readonly #files: HomeFiles;
  readonly #schedules: Scheduler;
  readonly #timed: readonly Timed[];
  /** When the alarm goes off; Infinity for never, undefined before it was looked at. */
  #alarm: number | undefined;
  /** Counts what came to be due, so that whoever sets the alarm later sees when that is overtaken. */
  #calls = 0;

  constructor(context: ObjectContext, env: Env, { directory }: { readonly directory: Directory }) {
    this.#context = context;
    this.#files = objectHomeFiles(context.storage);
    this.#schedules = scheduler({
      files: this.#files,
      clock: systemClock,
      deliver: driverSink({ agents: env.AGENTS, directory }),
      onProblem: (problem, error) => console.error(`${problem}:`, error),
      wake: (at) => this.#wake(at),
    });
    this.#timed = [this.#schedules];
  }

  async fetch(request: Request): Promise<Response> {
    await this.#look();
    const [files, schedules] = [this.#files, this.#schedules];
    const response = await answer(request, {
      "files.read": async ({ path }: { path: string }) => (await files.read(path)) ?? null,
      "files.list": (query: HomeFilesQuery): Promise<readonly HomeFile[]> => files.list(query),
      "files.write": (change: HomeFilesChange) => files.write(change),
      "schedules.create": (given: NewSchedule) => schedules.create(given),
      "schedules.get": ({ id }: { id: string }) => schedules.get(id),
      "schedules.list": (query: ListSchedules) => schedules.list(query),
      "schedules.update": ({ id, change, options }: UpdateCall) =>
        schedules.update(id, change, options),
      "schedules.remove": ({ id }: { id: string }) => schedules.remove(id),
    });
    return response ?? new Response(null, { status: 404 });
  }

  async alarm(): Promise<void> {
    const { storage } = this.#context;
    const now = systemClock.now();
    // First, so that whatever happens there is a next one.
    this.#alarm = now + AGAIN;
    await storage.setAlarm(this.#alarm);
    const results = await Promise.allSettled(this.#timed.map((one) => one.takeUp(now)));
    const failed = results.filter((result) => result.status === "rejected");
    for (const { reason } of failed) console.error("Cannot do what is due:", reason);
    if (failed.length === 0) await this.#rest();
  }

  /** Puts the alarm to when something is due next, once nothing comes in between. */
  async #rest(): Promise<void> {
    for (;;) {
      const calls = this.#calls;
      const due = await Promise.all(this.#timed.map((one) => one.nextDue()));
      if (calls !== this.#calls) continue;
      const next = Math.min(...due.map((at) => at ?? Infinity));
      if (next === this.#alarm) return;
      this.#alarm = next;
      const { storage } = this.#context;
      return next === Infinity ? storage.deleteAlarm() : storage.setAlarm(next);
    }
  }

  async #look(): Promise<void> {
    if (this.#alarm !== undefined) return;
    const alarm = (await this.#context.storage.getAlarm()) ?? Infinity;
    this.#alarm ??= alarm;
  }

  /** Sees to it that the alarm goes off by then, in the turn in which what is due is written. */
  #wake(at: number): void {
    this.#calls += 1;
    if (this.#alarm !== undefined && this.#alarm <= at) return;
    this.#alarm = at;
    void this.#context.storage.setAlarm(at);
  }
}

/** What `schedules.update` is called with. */
export interface UpdateCall {
  readonly id: string;
  readonly change: ScheduleChange;
  readonly options: UpdateSchedule;
}
