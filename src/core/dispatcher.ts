import { OpenAgentsError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import type { Claim } from "./ports/index.ts";
import type { Session } from "./session.ts";
import { tick } from "./tick.ts";
import type { Ticked } from "./tick.ts";

/** What the dispatcher tells the runtime. */
export interface DispatcherEvents {
  /** A tick is committed; what it lets out waits for the store's `sync()`. */
  readonly ticked: (ticked: Ticked) => void;
  /** A turn of an agent ended with an error of the store or the kernel, not of agent code. */
  readonly failed: (id: string, error: unknown) => void;
  /** The store failed while an agent was held: what was done of that may be durable, and is not taken up. */
  readonly lost: (error: unknown) => void;
  /** Nothing runs and nothing is ready. */
  readonly idle: () => void;
}

/** Ticks that one agent may run before others that are ready get their turn. */
const TURN = 16;
/** How long a claim is good without being renewed, ms. */
const CLAIM = 60_000;
/** Below this many ready agents, more of those that are due are read from the store. */
const LOW = 500;
const BATCH = 1000;
/** An agent that cannot be ticked at all (its type is not here) is looked at again after this, ms. */
const LATER = 3_600_000;

interface Running {
  claim: Claim | undefined;
  session: Session | undefined;
  /** What is to be cut off once it runs. */
  readonly cuts: Set<Cut>;
  /** Its ticks begin no more steps. */
  paused: boolean;
  /** It became ready again while it ran. */
  again: boolean;
  /** Those who want to hold the agent when the turn ends, in order; they go before its next turn. */
  readonly waiting: ((held: Running) => void)[];
}

/** A trigger whose tick is to be cut off. */
interface Cut {
  readonly trigger: string;
  readonly error: Error;
  done: boolean;
}

/** Takes agents that are due and runs their ticks: in turn, and only so many at once. */
export class Dispatcher {
  readonly #kernel: Kernel;
  readonly #events: DispatcherEvents;
  /** Ready agents, first come first served. */
  readonly #ready = new Set<string>();
  readonly #running = new Map<string, Running>();
  /** Agents for whom the store has a time that waits for the keys, and when something else is due. */
  readonly #resting = new Map<string, number>();
  #stopped = true;
  /** Where the store's list of agents with mail goes on, while it does. */
  #cursor: string | undefined;
  /** More agents are due by time than were read. */
  #late = false;
  #reading = false;
  #alarm: { readonly at: number; readonly stop: () => void } | undefined;
  #renewal: (() => void) | undefined;
  /** Takes back the next look at the brake. */
  #look: (() => void) | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(kernel: Kernel, events: DispatcherEvents) {
    this.#kernel = kernel;
    this.#events = events;
  }

  get ready(): number {
    return this.#ready.size;
  }

  /** True while something runs; then what is ready has its turn to come. */
  get busy(): boolean {
    return this.#running.size > 0;
  }

  get running(): number {
    return this.#running.size;
  }

  /** From now on agents that are woken have their ticks. */
  open(): void {
    this.#stopped = false;
    this.#pump();
  }

  /** Takes up everything that is due. */
  async start(): Promise<void> {
    this.#resting.clear();
    this.open();
    await this.#refill(true);
  }

  /** An agent may have something to do. */
  wake(id: string): void {
    this.#enqueue(id);
    this.#pump();
  }

  /** An agent is due at a time. */
  wakeAt(at: number): void {
    if (this.#kernel.waker !== undefined) return;
    if (this.#stopped || (this.#alarm !== undefined && this.#alarm.at <= at)) return;
    this.#alarm?.stop();
    const stop = this.#kernel.clock.after(Math.max(0, at - this.#kernel.clock.now()), () => {
      this.#alarm = undefined;
      void this.#refill(false).catch((error: unknown) => this.#events.failed("", error));
    });
    this.#alarm = { at, stop };
  }

  /** Cuts off the tick that an agent is in, if it is in one. */
  cut(id: string, error: unknown): void {
    this.#running.get(id)?.session?.cut(error);
  }

  /** Has the tick that an agent is in begin no more steps, and nor the next one of this turn. */
  pause(id: string): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    running.paused = true;
    running.session?.pause();
  }

  /** The trigger of the tick that an agent is in, if it is in one. */
  runs(id: string): string | undefined {
    return this.#running.get(id)?.session?.trigger.id;
  }

  /** Cuts off the tick of one trigger, now or when it begins to run, until `end()`; `done` once it did. */
  cutTrigger(
    id: string,
    trigger: string,
    error: Error,
  ): { readonly done: boolean; readonly end: () => void } {
    const running = this.#running.get(id);
    const cut: Cut = { trigger, error, done: false };
    running?.cuts.add(cut);
    if (running?.session !== undefined) apply(cut, running.session);
    return {
      get done() {
        return cut.done;
      },
      end: () => running?.cuts.delete(cut),
    };
  }

  /** Does work while the agent is between two ticks, and begins none until it is done. */
  async hold<T>(id: string, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(id);
    const held =
      running === undefined
        ? this.#take(id)
        : await new Promise<Running>((resolve) => running.waiting.push(resolve));
    if (this.#ready.delete(id)) held.again = true;
    try {
      return await work();
    } catch (error) {
      if (error instanceof OpenAgentsError && error.code === "STORE") this.#events.lost(error);
      throw error;
    } finally {
      this.#letGo(id, held);
    }
  }

  /** Begins no more ticks and waits for those under way; after `grace` ms they are cut off. */
  async stop(grace: number): Promise<void> {
    this.#stopped = true;
    this.#alarm?.stop();
    this.#renewal?.();
    this.#look?.();
    if (!this.busy) return;
    this.#kernel.clock.after(grace, () => {
      const error = new OpenAgentsError("CANCELLED", "The runtime is stopping");
      for (const { session } of this.#running.values()) session?.cut(error);
    });
    await this.settled();
  }

  /** Resolves when nothing runs. */
  async settled(): Promise<void> {
    if (!this.busy) return;
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }

  /**
   * Reads agents that are due: all of them, or only those that are due by time. A list that is too
   * long for one reading goes on when most of what was read is done: see `#pump`.
   */
  async #refill(mail: boolean, cursor?: string): Promise<void> {
    const { store, clock } = this.#kernel;
    this.#reading = true;
    try {
      if (await this.#braked()) {
        // All of it is read when the brake is let go.
        [this.#cursor, this.#late] = [undefined, false];
        return;
      }
      // Those that are left alone are passed over, so as many more are asked for.
      const limit = BATCH + this.#resting.size;
      const due = await store.due({ now: clock.now(), limit, mail, cursor });
      if (this.#stopped) return;
      if (mail) this.#cursor = due.cursor;
      else this.#late = due.cursor !== undefined;
      const now = clock.now();
      for (const id of due.agents) if ((this.#resting.get(id) ?? 0) <= now) this.#enqueue(id);
      const next = Math.min(due.next ?? Number.POSITIVE_INFINITY, this.#restingUntil(now));
      if (next !== Number.POSITIVE_INFINITY) this.wakeAt(next);
    } finally {
      this.#reading = false;
    }
    this.#pump();
  }

  #enqueue(id: string): void {
    const running = this.#running.get(id);
    if (running !== undefined) running.again = true;
    else this.#ready.add(id);
  }

  #pump(): void {
    while (!this.#stopped && this.#running.size < this.#kernel.limits.concurrency) {
      const [id] = this.#ready;
      if (id === undefined) break;
      this.#ready.delete(id);
      void this.#turn(id, this.#take(id));
    }
    const cursor = this.#cursor;
    if (this.#reading || this.#stopped || this.#ready.size >= LOW) return;
    if (cursor === undefined && !this.#late) return;
    this.#refill(cursor !== undefined, cursor).catch((error: unknown) => {
      this.#events.failed("", error);
    });
  }

  async #turn(id: string, running: Running): Promise<void> {
    try {
      const full = await this.#ticks(id, running);
      running.again ||= full;
    } catch (error) {
      this.#kernel.cache.delete(id);
      this.#events.failed(id, error);
    }
    this.#letGo(id, running);
  }

  #take(id: string): Running {
    const running: Running = {
      claim: undefined,
      session: undefined,
      cuts: new Set(),
      paused: false,
      again: false,
      waiting: [],
    };
    this.#running.set(id, running);
    this.#renewal ??= this.#kernel.clock.after(CLAIM / 3, () => this.#renew());
    return running;
  }

  #letGo(id: string, running: Running): void {
    this.#running.delete(id);
    const [next, ...others] = running.waiting;
    if (next !== undefined) {
      const held = this.#take(id);
      held.again = running.again;
      held.waiting.push(...others);
      next(held);
      return;
    }
    if (running.again) this.#ready.add(id);
    this.#pump();
    if (this.#running.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
    this.#events.idle();
  }

  /** Leaves an agent alone until something else is due, or it is woken. */
  #rest(id: string, until: number | null | undefined): void {
    this.#resting.set(id, until ?? Number.POSITIVE_INFINITY);
    if (until) this.wakeAt(until);
  }

  /** When something else is due for those who are left alone, which the store does not say. */
  #restingUntil(now: number): number {
    let first = Number.POSITIVE_INFINITY;
    for (const until of this.#resting.values()) if (until > now && until < first) first = until;
    return first;
  }

  /** Ticks one agent until nothing is due or its turn is over; true when there may be more. */
  async #ticks(id: string, running: Running): Promise<boolean> {
    const { store, clock } = this.#kernel;
    if (await this.#braked()) return false;
    const now = clock.now();
    this.#resting.delete(id);
    const claim = await store.claim(id, now, now + CLAIM);
    if (claim === undefined) {
      clock.after(CLAIM, () => this.wake(id));
      return false;
    }
    running.claim = claim;
    let wakeAt: number | null | undefined;
    let next: number | null = null;
    try {
      for (let i = 0; i < TURN && !this.#stopped; i += 1) {
        if (i > 0 && (await this.#braked())) break;
        const result = await tick(this.#kernel, claim, (session) => {
          running.session = session;
          if (running.paused) session.pause();
          for (const cut of running.cuts) apply(cut, session);
        });
        running.session = undefined;
        if ("idle" in result) {
          if (result.held) this.#rest(id, result.wakeAt);
          else ({ next, wakeAt } = result);
          return false;
        }
        this.#events.ticked(result);
        if (result.wakeAt !== null) this.wakeAt(result.wakeAt);
        // Who wants to hold the agent waits for one tick, and not for a turn of them.
        if (running.waiting.length > 0) break;
      }
      return true;
    } catch (error) {
      if (error instanceof OpenAgentsError && error.code === "CONFIG") wakeAt = now + LATER;
      throw error;
    } finally {
      running.session = undefined;
      await store.release(claim, wakeAt);
      // What came due since it was looked for was passed over, as the agent was held.
      if (next !== null && next <= clock.now()) running.again = true;
      if (wakeAt !== undefined && wakeAt !== null) this.wakeAt(wakeAt);
    }
  }

  /** True while no tick is to begin: what is due is taken up when the brake is let go. */
  async #braked(): Promise<boolean> {
    const { brake, clock, waker } = this.#kernel;
    const on = brake.on();
    if (!(typeof on === "boolean" ? on : await on)) return false;
    if (brake.again === undefined) return true;
    if (waker !== undefined) waker.remind?.("brake", clock.now() + brake.again);
    else {
      this.#look ??= clock.after(brake.again, () => {
        this.#look = undefined;
        void this.start().catch((error: unknown) => this.#events.failed("", error));
      });
    }
    return true;
  }

  #renew(): void {
    const { store, clock } = this.#kernel;
    this.#renewal =
      this.#running.size === 0 ? undefined : clock.after(CLAIM / 3, () => this.#renew());
    const until = clock.now() + CLAIM;
    for (const { claim } of this.#running.values()) {
      if (claim !== undefined) void store.renew(claim, until).catch(() => undefined);
    }
  }
}

function apply(cut: Cut, session: Session): void {
  if (session.trigger.id === cut.trigger) cut.done = session.cut(cut.error) || cut.done;
}
