import type { Clock, Random } from "../../core/ports/index.ts";
import type { NostrEvent } from "../../identity/event.ts";
import { readBacklog } from "./backlog.ts";
import type { Counters } from "./counters.ts";
import type { Cursors } from "./cursors.ts";
import type { Intake } from "./intake.ts";
import type { Keys } from "./keys.ts";
import type { NostrLimits } from "./limits.ts";
import type { Relay } from "./relay.ts";
import type { Residents } from "./residents.ts";
import type { Filter } from "./wire.ts";

/** By how much senders date gift wraps back (NIP-59), and by how much clocks may differ besides, ms. */
const BACKDATED = 2 * 86_400_000 + 3_600_000;
/** How often a cursor is saved while mail comes in, ms. */
const SAVE = 30_000;
/** How often agents are looked through for whom no subscription is open, ms. */
const ROUND = 300_000;
/** How many events are taken in together. */
const BATCH = 128;
/** How many UTF-16 units of events may wait to be taken in. */
const WAITING_LENGTH = 67_108_864;
/** How many new agents wait for their subscription together, ms. */
const GATHER = 50;

export interface FeedOptions {
  readonly relay: Relay;
  readonly residents: Residents;
  readonly intake: Intake;
  readonly cursors: Cursors;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: NostrLimits;
  readonly counters: Counters;
  /** While they are locked nothing can be opened, so nothing is read. */
  readonly keys: Keys;
  /** The time, ms since 1970, before which nothing is acted on. */
  readonly floor: () => number;
  /** The store or the signer failed: every feed has to read again. */
  readonly failed: (error: unknown) => void;
}

/**
 * What one relay has for the agents here, without a gap: first subscriptions for what comes, which
 * waits until, page by page, all is read that is stored since the relay was last read. Once that is
 * taken in, the oldest first, the cursor moves on. One subscription is for many agents. What cannot be taken in as fast as it comes ends the
 * connection, and is read again from the relay later.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #queue: { readonly event: NostrEvent; readonly length: number }[] = [];
  #queued = 0;
  #draining: Promise<void> | undefined;
  /** Counts connections: what belongs to an earlier one stops. */
  #turn = 0;
  /** What is stored is being read: what comes is newer, and waits. */
  readonly #sweeps = new Set<symbol>();
  /** More came meanwhile than can wait. */
  #missed = false;
  #admitting: Promise<void> = Promise.resolve();
  #caughtUp = false;
  #dirty = false;
  /** Keys of new agents that wait for their subscription. */
  readonly #newcomers = new Set<string>();
  /** Keys of the newest subscription, which is opened anew for each newcomer until it is full. */
  #latest: { keys: readonly string[]; close: () => void } | undefined;
  #open = 0;
  #timers = new Set<() => void>();
  #stop: (() => void) | undefined;
  readonly #waiters = new Set<() => void>();

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Reads the relay whenever it is connected, until `stop`. */
  start(): void {
    const { relay, residents } = this.#options;
    const unwatch = relay.watch((connected) => this.#changed(connected));
    const forget = residents.watch(({ signer }) => this.#welcome(signer.publicKey));
    this.#stop = () => {
      unwatch();
      forget();
    };
    if (relay.connected) this.#changed(true);
  }

  /** Ends reading; what was taken in is noted. */
  async stop(): Promise<void> {
    this.#stop?.();
    await this.#save();
    this.#changed(false);
    this.#clear();
    await this.#draining;
  }

  /** True once all that was stored is taken in, until the connection ends. */
  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  /** Resolves when all that the relay had stored is taken in; does not while it cannot be reached. */
  async whenCaughtUp(): Promise<void> {
    if (this.#caughtUp) return;
    await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  #changed(connected: boolean): void {
    this.#turn += 1;
    this.#caughtUp = false;
    // What waited behind what is stored is stored as well.
    if (this.#sweeps.size > 0) this.#clear();
    this.#sweeps.clear();
    this.#latest = undefined;
    this.#open = 0;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    if (!connected) return;
    const turn = this.#turn;
    this.#read(turn).catch((error: unknown) => {
      if (turn === this.#turn) this.#options.relay.drop(`it was not read: ${String(error)}`);
    });
  }

  async #read(turn: number): Promise<void> {
    const { relay, clock, cursors, limits, residents, keys: locks, intake } = this.#options;
    await locks.opened();
    // What an earlier connection brought too fast is taken in first.
    await this.#draining;
    if (turn !== this.#turn) return;
    const done = this.#pause();
    const begun = clock.now();
    const since = await this.#since();
    const pageLimit = limits.filterKeys * limits.filters;
    let cursor: string | undefined;
    let all = true;
    for (let first = true; first || cursor !== undefined; first = false) {
      if (this.#open >= limits.subscriptions) {
        all = false;
        break;
      }
      const page = await residents.page({ cursor, limit: pageLimit });
      const keys = page.items.map(({ signer }) => signer.publicKey);
      if (turn !== this.#turn) return;
      if (keys.length > 0) await this.#subscribe(keys, since);
      ({ cursor } = page);
    }
    do {
      this.#missed = false;
      await this.#sweep(turn, since);
      if (turn !== this.#turn) return;
    } while (this.#missed);
    this.#caughtUp = true;
    relay.settled();
    done();
    // A crash loses what is held.
    if (intake.holding) this.#dirty = true;
    else await cursors.save(relay.url, begun);
    for (const waiter of this.#waiters) waiter();
    this.#waiters.clear();
    this.#every(SAVE, () => this.#save());
    if (!all) this.#every(ROUND, async () => this.#sweep(turn, await this.#since()));
  }

  /** Reads what is stored for every agent since a time. */
  async #sweep(turn: number, since: number): Promise<void> {
    const { residents, limits } = this.#options;
    let cursor: string | undefined;
    do {
      const page = await residents.page({ cursor, limit: limits.filterKeys });
      await this.#stored(
        turn,
        page.items.map(({ signer }) => signer.publicKey),
        since,
      );
      ({ cursor } = page);
    } while (cursor !== undefined && turn === this.#turn);
  }

  /** Reads what is stored for some agents since a time. */
  async #stored(turn: number, keys: readonly string[], since: number): Promise<void> {
    const { relay, clock, random, limits, counters, intake } = this.#options;
    if (keys.length === 0) return;
    // No two readings have the same filters: relays keep answers for a moment, and one from before a
    // subscription was opened would leave a gap.
    const [high = 0, low = 0] = random.bytes(2);
    const more = (high * 256 + low) % 3600;
    await readBacklog({
      relay,
      keys,
      from: Math.max(0, Math.floor(since / 1000) - more),
      until: Math.ceil((clock.now() + limits.ahead) / 1000),
      limits,
      counters,
      open: (events) => this.#do(() => intake.prepare(events, (reason) => relay.refuse(reason))),
      deliver: (opened) => this.#do(() => intake.deliver(opened)),
      wanted: () => turn === this.#turn,
    });
  }

  async #subscribe(keys: readonly string[], since: number): Promise<void> {
    const { relay, limits } = this.#options;
    const stored = Promise.withResolvers<void>();
    const filters: Filter[] = [];
    for (let i = 0; i < keys.length; i += limits.filterKeys) {
      const some = keys.slice(i, i + limits.filterKeys);
      // What is stored is read by pages, which a relay may make as short as it likes.
      filters.push({ "#p": some, since: Math.floor(since / 1000), limit: 1 });
    }
    let live = false;
    const close = relay.subscribe(filters, {
      event: (event, length) => this.#push(event, length),
      stored: () => {
        live = true;
        stored.resolve();
      },
      closed: (reason) => {
        if (live) relay.drop(`it ended a subscription: ${reason}`);
        else stored.reject(new Error(reason));
      },
    });
    this.#open += 1;
    this.#latest = { keys, close };
    await stored.promise;
  }

  /** Has a new agent read for, together with others that come in the same moment. */
  #welcome(publicKey: string): void {
    // Whoever is not connected yet reads for all.
    if (!this.#options.relay.connected) return;
    if (this.#newcomers.size === 0) {
      const turn = this.#turn;
      this.#options.clock.after(GATHER, () => {
        const keys = [...this.#newcomers];
        this.#newcomers.clear();
        if (turn !== this.#turn) return;
        // One after the other, as each takes over what the one before it opened.
        this.#admitting = this.#admitting
          .then(() => this.#admit(turn, keys))
          .catch((error: unknown) => {
            if (turn === this.#turn) this.#options.relay.drop(`it was not read: ${String(error)}`);
          });
      });
    }
    this.#newcomers.add(publicKey);
  }

  async #admit(turn: number, newcomers: readonly string[]): Promise<void> {
    const { limits, keys } = this.#options;
    // As long as they are locked, whoever waits for them reads for all.
    if (turn !== this.#turn || keys.locked) return;
    const done = this.#pause();
    const since = this.#options.floor() - BACKDATED;
    const size = limits.filterKeys * limits.filters;
    for (let i = 0; i < newcomers.length; i += limits.filterKeys) {
      const some = newcomers.slice(i, i + limits.filterKeys);
      const latest = this.#latest;
      if (latest !== undefined && latest.keys.length + some.length <= size) {
        await this.#subscribe([...latest.keys, ...some], since);
        latest.close();
        this.#open -= 1;
      } else if (this.#open < limits.subscriptions) {
        await this.#subscribe(some, since);
      }
      if (turn !== this.#turn) return;
      await this.#stored(turn, some, since);
    }
    done();
  }

  /** Where to read from: a while before all was known, for senders date back what they send. */
  async #since(): Promise<number> {
    const { relay, cursors, clock, floor } = this.#options;
    const oldest = floor() - BACKDATED;
    const known = await cursors.load(relay.url);
    if (known === undefined) return Math.max(0, oldest);
    return Math.max(0, oldest, Math.min(known, clock.now()) - BACKDATED);
  }

  #push(event: NostrEvent, length: number): void {
    const { relay, limits, counters } = this.#options;
    if (this.#missed && this.#sweeps.size > 0) return;
    if (this.#queue.length >= limits.waiting || this.#queued + length > WAITING_LENGTH) {
      if (this.#sweeps.size > 0 && !this.#caughtUp) {
        // What is stored is read once more, with this.
        this.#missed = true;
        this.#clear();
        return;
      }
      counters.refused("overflow");
      relay.drop("it sends faster than mail can be stored");
      return;
    }
    this.#queue.push({ event, length });
    this.#queued += length;
    this.#flow();
  }

  #clear(): void {
    this.#queue.length = 0;
    this.#queued = 0;
  }

  /** What comes waits, until the result is called or the connection ends. */
  #pause(): () => void {
    const sweep = Symbol("sweep");
    this.#sweeps.add(sweep);
    return () => {
      this.#sweeps.delete(sweep);
      this.#flow();
    };
  }

  /** Takes in what waits. */
  #flow(): void {
    if (this.#sweeps.size > 0 || this.#queue.length === 0) return;
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
      // It may have come in the moment of the end.
      this.#flow();
    });
  }

  async #drain(): Promise<void> {
    const { intake, relay } = this.#options;
    try {
      while (this.#queue.length > 0 && this.#sweeps.size === 0) {
        const batch = this.#queue.splice(0, BATCH);
        for (const { length } of batch) this.#queued -= length;
        const events = batch.map(({ event }) => event);
        await this.#do(() => intake.take(events, (reason) => relay.refuse(reason)));
      }
    } catch {
      // Whoever failed has told so, and all is read again.
      this.#clear();
    }
  }

  /** Does something of the intake's; what fails there is for every feed to read again. */
  async #do<T>(work: () => Promise<T>): Promise<T> {
    try {
      const done = await work();
      this.#dirty = true;
      return done;
    } catch (error) {
      this.#options.failed(error);
      throw error;
    }
  }

  /** Notes that all is taken in up to now, when it is and anything was. */
  async #save(): Promise<void> {
    const { relay, cursors, clock, intake } = this.#options;
    const whole = this.#caughtUp && this.#queue.length === 0 && this.#draining === undefined;
    if (!whole || !this.#dirty || intake.holding) return;
    this.#dirty = false;
    await cursors.save(relay.url, clock.now());
  }

  /** Does something again and again for as long as the connection lasts. */
  #every(ms: number, work: () => Promise<void>): void {
    const { clock, relay } = this.#options;
    const turn = this.#turn;
    const cancel = clock.after(ms, () => {
      this.#timers.delete(cancel);
      work().then(
        () => turn === this.#turn && this.#every(ms, work),
        (error: unknown) => relay.drop(`it was not read: ${String(error)}`),
      );
    });
    this.#timers.add(cancel);
  }
}
