import type { Guarded } from "../../core/if-match.ts";
import { fetchPost, webhooks } from "../../control/webhooks.ts";
import type { NotedTick, WebhookChange, WebhookInput, Webhooks } from "../../control/webhooks.ts";
import type {
  HomeFile,
  HomeFiles,
  HomeFilesChange,
  HomeFilesQuery,
} from "../../core/ports/index.ts";
import { systemClock, systemRandom } from "../../core/system.ts";
import type { RuntimeDefinition } from "../../core/runtime-definition.ts";
import { plumbedReceipts } from "../../control/plumbed.ts";
import { plumberOf } from "../../drivers/plumber.ts";
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
import type { NotesAnswer } from "./event-notes.ts";
import type { Env, ObjectContext } from "./platform.ts";
import { driverSink } from "./sink.ts";
import type { ProblemLog } from "./problem-log.ts";
import { answer } from "./wire.ts";

/** What the home's object works with. */
export interface HomeObjectParts {
  readonly directory: Directory;
  readonly definition: RuntimeDefinition;
  readonly log: ProblemLog;
}

/** What is to be done by time in the home's object. */
interface Timed {
  takeUp(now: number): Promise<void>;
  nextDue(): Promise<number | undefined>;
}

/** How long after a failure the alarm goes off again, ms. */
const AGAIN = 10_000;
/** How long after an alarm that left webhooks under way the next one goes off, ms. */
const WHILE_SENDING = 30_000;

/**
 * What a Worker keeps beside its agents, in a Durable Object of its own, the one named `home`: the
 * files, and what is done by time. Its alarm is never later than what is due: it is set in the turn in
 * which something becomes due, and so in the same transaction.
 */
export class HomeHost {
  readonly #context: ObjectContext;
  readonly #log: ProblemLog;
  readonly #files: HomeFiles;
  readonly #schedules: Scheduler;
  readonly #webhooks: Webhooks;
  readonly #timed: readonly Timed[];
  /** When the alarm goes off; Infinity for never, undefined before it was looked at. */
  #alarm: number | undefined;
  /** Counts what came to be due, so that whoever sets the alarm later sees when that is overtaken. */
  #calls = 0;

  constructor(context: ObjectContext, env: Env, { directory, definition, log }: HomeObjectParts) {
    this.#context = context;
    this.#log = log;
    this.#files = objectHomeFiles(context.storage);
    this.#schedules = scheduler({
      files: this.#files,
      clock: systemClock,
      deliver: plumbedReceipts(
        plumberOf(definition),
        driverSink({ agents: env.AGENTS, directory }),
      ),
      onProblem: log,
      wake: (at) => this.#wake(at),
    });
    this.#webhooks = webhooks({
      files: this.#files,
      clock: systemClock,
      random: systemRandom,
      post: fetchPost(),
      allowPrivate: env.OPENAGENTS_ALLOW_PRIVATE_WEBHOOKS === "1",
      due: () => void this.#webhookDue().then((at) => at !== undefined && this.#wake(at)),
    });
    this.#timed = [
      this.#schedules,
      {
        // A receiver that hangs is not to hold up what else is due.
        takeUp: async () => context.waitUntil(this.#send()),
        nextDue: () => this.#webhookDue(),
      },
    ];
  }

  async fetch(request: Request): Promise<Response> {
    await this.#look();
    const [files, schedules, hooks] = [this.#files, this.#schedules, this.#webhooks];
    const response = await answer(request, {
      "files.read": async ({ path }: { path: string }) => (await files.read(path)) ?? null,
      "files.list": (query: HomeFilesQuery): Promise<readonly HomeFile[]> => files.list(query),
      "files.write": (change: HomeFilesChange) => files.write(change),
      "schedules.create": (given: NewSchedule) => schedules.create(given),
      "schedules.get": ({ id }: { id: string }) => schedules.get(id),
      "schedules.list": (query: ListSchedules) => schedules.list(query),
      "schedules.update": ({ id, change, options }: UpdateCall) =>
        schedules.update(id, change, options),
      "schedules.remove": ({ id, options }: RemoveCall) => schedules.remove(id, options),
      "webhooks.create": (input: WebhookInput) => hooks.create(input),
      "webhooks.get": ({ id }: { id: string }) => hooks.get(id),
      "webhooks.list": () => hooks.list(),
      "webhooks.update": ({ id, change, options }: RemoveCall & { change: WebhookChange }) =>
        hooks.update(id, change, options),
      "webhooks.remove": async ({ id, options }: RemoveCall) =>
        (await hooks.remove(id, options)) ?? null,
      "webhooks.rotate": ({ id }: { id: string }) => hooks.rotate(id),
      "webhooks.ping": ({ id }: { id: string }) => hooks.ping(id),
      "webhooks.deliveries": ({ id, limit }: { id: string; limit?: number }) =>
        hooks.deliveries(id, limit),
      "webhooks.redeliver": ({ id, delivery }: { id: string; delivery: string }) =>
        hooks.redeliver(id, delivery),
      "webhooks.notice": (ticks: readonly NotedTick[]) => this.#notice(ticks),
    });
    return response ?? new Response(null, { status: 404 });
  }

  async #notice(ticks: readonly NotedTick[]): Promise<NotesAnswer> {
    const wanted = (await this.#webhooks.list()).some(({ active }) => active);
    if (!wanted) return { wanted };
    // Before they are noted: what is noted must not be left without an alarm.
    this.#wake(systemClock.now());
    await this.#webhooks.notice(ticks);
    return { wanted };
  }

  async #send(): Promise<void> {
    await this.#webhooks.takeUp().catch((error: unknown) => {
      this.#log("Cannot go on with webhooks now", error);
    });
  }

  /** While something is under way the alarm is there in case this object ends in the middle. */
  async #webhookDue(): Promise<number | undefined> {
    const at = (await this.#webhooks.nextDue()) ?? Infinity;
    const again = this.#webhooks.sending ? systemClock.now() + WHILE_SENDING : Infinity;
    const next = Math.min(at, again);
    return next === Infinity ? undefined : next;
  }

  async alarm(): Promise<void> {
    const { storage } = this.#context;
    const now = systemClock.now();
    // First, so that whatever happens there is a next one.
    this.#alarm = now + AGAIN;
    await storage.setAlarm(this.#alarm);
    const results = await Promise.allSettled(this.#timed.map((one) => one.takeUp(now)));
    const failed = results.filter((result) => result.status === "rejected");
    for (const { reason } of failed) this.#log("Cannot do what is due", reason);
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

/** With what something is removed. */
export interface RemoveCall {
  readonly id: string;
  readonly options: Guarded;
}

/** What `schedules.update` is called with. */
export interface UpdateCall {
  readonly id: string;
  readonly change: ScheduleChange;
  readonly options: UpdateSchedule;
}
