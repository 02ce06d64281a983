import type { Clock } from "../../core/ports/index.ts";
import type { NostrEvent } from "../../identity/event.ts";
import type { Counters } from "./counters.ts";
import type { Cursors } from "./cursors.ts";
import type { Intake } from "./intake.ts";
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
  readonly limits: NostrLimits;
  readonly counters: Counters;
  /** The time, ms since 1970, before which nothing is acted on. */
  readonly floor: () => number;
  /** The store or the signer failed: every feed has to read again. */
  readonly failed: (error: unknown) => void;
}

/**
 * What one relay has for the agents here, without a gap: first subscriptions for what comes, then,
 * page by page, all that is stored since the relay was last read. Once that is taken in, the cursor
 * moves on. One subscription is for many agents. What cannot be taken in as fast as it comes ends the
 * connection, and is read again from the relay later.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #queue: { readonly event: NostrEvent; readonly length: number }[] = [];
  #queued = 0;
  #draining: Promise<void> | undefined;
  /** Counts connections: what belongs to an earlier one stops. */
  #turn = 0;
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
    this.#queue.length = 0;
    this.#changed(false);
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
    const { relay, clock, cursors, limits, residents } = this.#options;
    // What an earlier connection brought too fast is taken in first.
    await this.#draining;
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
    await this.#sweep(turn, since);
    if (turn !== this.#turn) return;
    this.#caughtUp = true;
    relay.settled();
    await cursors.save(relay.url, begun);
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

  /** Reads what is stored for some agents, from the newest back to a time, a page after the other. */
  async #stored(turn: number, keys: readonly string[], since: number): Promise<void> {
    const { relay, clock, limits, counters } = this.#options;
    if (keys.length === 0) return;
    const from = Math.floor(since / 1000);
    // With an end, so that no two of these filters are the same: relays keep answers for a moment.
    let until = Math.ceil((clock.now() + limits.ahead) / 1000);
    while (until >= from && turn === this.#turn) {
      const filter = { "#p": keys, since: from, until, limit: limits.page };
      const page = await relay.query(filter);
      const end = until;
      const fit = page.filter(({ created_at }) => created_at >= from && created_at <= end);
      for (let i = fit.length; i < page.length; i += 1) relay.refuse("unsolicited");
      if (fit.length === 0) return;
      await this.#take(fit);
      const oldest = Math.min(...fit.map(({ created_at }) => created_at));
      // Others of the same second may be on the next page. When they fill a whole one, there is no
      // way to ask for more of them.
      const crowded = oldest === until && fit.length >= 50;
      if (crowded) counters.refused("crowded");
      until = oldest < until ? oldest : until - 1;
    }
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
        this.#admit(turn, keys).catch((error: unknown) => {
          if (turn === this.#turn) this.#options.relay.drop(`it was not read: ${String(error)}`);
        });
      });
    }
    this.#newcomers.add(publicKey);
  }

  async #admit(turn: number, newcomers: readonly string[]): Promise<void> {
    const { limits } = this.#options;
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
    if (this.#queue.length >= limits.waiting || this.#queued + length > WAITING_LENGTH) {
      counters.refused("overflow");
      relay.drop("it sends faster than mail can be stored");
      return;
    }
    this.#queue.push({ event, length });
    this.#queued += length;
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
    });
  }

  async #drain(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const batch = this.#queue.splice(0, BATCH);
        for (const { length } of batch) this.#queued -= length;
        await this.#take(batch.map(({ event }) => event));
      }
    } catch {
      // Whoever failed has told so, and all is read again.
      this.#queue.length = 0;
      this.#queued = 0;
    }
  }

  async #take(events: readonly NostrEvent[]): Promise<void> {
    const { intake, relay, failed } = this.#options;
    try {
      await intake.take(events, (reason) => relay.refuse(reason));
      this.#dirty = true;
    } catch (error) {
      failed(error);
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
