import { OpenAgentsError } from "../../core/errors.ts";
import type { Clock, Random } from "../../core/ports/index.ts";
import type { NostrEvent } from "../../identity/event.ts";
import { backoff } from "./backoff.ts";
import type { Backoff } from "./backoff.ts";
import { Connection } from "./connection.ts";
import type { Connect } from "./connection.ts";
import type { Counters, Refusal } from "./counters.ts";
import type { NostrLimits } from "./limits.ts";
import type { Filter, FromRelay } from "./wire.ts";

/** What relays of one driver share. */
export interface RelayKit {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: NostrLimits;
  readonly counters: Counters;
  readonly connect: Connect;
}

/** Who one is to a relay that asks for it (NIP-42). */
export interface Prover {
  /** It answers each challenge. Else only when the relay refuses something without an answer. */
  readonly eager: boolean;
  /** Events of NIP-42 for this challenge, one for each key that is to be authenticated. */
  authenticate(url: string, challenge: string): Promise<readonly NostrEvent[]>;
}

export interface RelayOptions {
  readonly prover: Prover;
  /** Somebody else named it. */
  readonly guest: boolean;
}

/** Hears what becomes of a subscription; nothing after `closed`. */
export interface Listener {
  /** An event that is not verified, with the length of its message. */
  readonly event: (event: NostrEvent, length: number) => void;
  /** All that was stored has been sent; what comes now is new. */
  readonly stored?: () => void;
  /** It is over: the relay ended it, or the connection is gone. */
  readonly closed: (reason: string) => void;
}

/** What a relay said to an event. */
export interface Published {
  readonly accepted: boolean;
  /** Its words, by NIP-01 with a prefix like `blocked:` or `rate-limited:`. */
  readonly reason: string;
  /** It is there, but did not answer: it was late, only gave a notice, or ended the connection at once. */
  readonly unanswered?: "late" | "notice" | "closed";
}

/** How a relay is. */
export interface RelayReport {
  readonly url: string;
  readonly connected: boolean;
  /** How often it was connected to. */
  readonly connections: number;
  /** Why the last connection ended. */
  readonly ended: string | undefined;
}

interface Subscription {
  readonly filters: readonly Filter[];
  readonly listener: Listener;
  /** It was asked for again after authentication. */
  readonly again: boolean;
}

const MINUTE = 60_000;
/** How many challenges of NIP-42 are answered in one connection. */
const CHALLENGES = 3;

/**
 * A relay that is kept connected: when the connection ends it is opened again, after waits that
 * grow until somebody says `settled()`. Subscriptions end with their connection. Answers to NIP-42
 * challenges by itself, and asks again for what it was refused until then.
 */
export class Relay {
  readonly url: string;
  readonly #kit: RelayKit;
  readonly #options: RelayOptions;
  readonly #backoff: Backoff;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #publishing = new Map<string, (published: Published) => void>();
  /** What is told of a notice, by each event without an answer. */
  readonly #unsaid = new Set<(notice: string) => void>();
  /** The end of the connection is our own doing. */
  #dropped = false;
  /** Who wants to know that it is connected, or not any more. */
  readonly #watchers = new Set<(connected: boolean) => void>();
  #connection: Connection | undefined;
  #connected = false;
  readonly #challenges = new Set<string>();
  /** A challenge that is answered when it has to be. */
  #unanswered: string | undefined;
  /** An answer is wanted as soon as there is a challenge. */
  #wanted = false;
  #authenticated = Promise.withResolvers<void>();
  #retry: (() => void) | undefined;
  #running = false;
  #last = 0;
  #connections = 0;
  #ended: string | undefined;
  #refusals = 0;
  #refusalsSince = 0;

  constructor(url: string, kit: RelayKit, options: RelayOptions) {
    this.url = url;
    this.#kit = kit;
    this.#options = options;
    const { firstWait: first, longestWait: longest } = kit.limits;
    this.#backoff = backoff({ random: kit.random, first, longest });
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Connects, and stays connected until `stop`. Idempotent. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#open();
  }

  /** Ends the connection and every subscription. Idempotent. */
  stop(): void {
    this.#running = false;
    this.#dropped = true;
    this.#retry?.();
    this.#retry = undefined;
    this.#connection?.close("it is not needed any more");
  }

  /** Ends the connection; it is opened again after a wait. */
  drop(reason: string): void {
    this.#dropped ||= this.#connection !== undefined;
    this.#connection?.close(reason);
  }

  /** All goes well: the next wait is a short one again. */
  settled(): void {
    this.#backoff.reset();
  }

  /** Tells of each change of `connected`; undo by the result. */
  watch(watcher: (connected: boolean) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  report(): RelayReport {
    return {
      url: this.url,
      connected: this.#connected,
      connections: this.#connections,
      ended: this.#ended,
    };
  }

  /** Counts something that the relay sent and that is refused; too much of it ends the connection. */
  refuse(reason: Refusal): void {
    const { counters, clock, limits } = this.#kit;
    counters.refused(reason);
    const now = clock.now();
    if (now - this.#refusalsSince > MINUTE) {
      this.#refusals = 0;
      this.#refusalsSince = now;
    }
    this.#refusals += 1;
    if (this.#refusals <= limits.refusals) return;
    this.#refusals = 0;
    counters.refused("flood");
    for (let i = 0; i < 20; i += 1) this.#backoff.next();
    this.drop("it sent too much that is refused");
  }

  /** Opens a subscription; the result ends it. One on a relay that is not connected is closed at once. */
  subscribe(filters: readonly Filter[], listener: Listener): () => void {
    const id = this.#nextId();
    if (!this.#connected) {
      listener.closed("the relay is not connected");
      return () => undefined;
    }
    this.#subscriptions.set(id, { filters, listener, again: false });
    this.#connection?.send(["REQ", id, ...filters]);
    return () => {
      if (this.#subscriptions.delete(id)) this.#connection?.send(["CLOSE", id]);
    };
  }

  /**
   * The stored events for a filter, as far as the relay gives them at once, none of them verified.
   * @throws UNREACHABLE when the relay is gone or does not answer in time
   */
  async query(filter: Filter): Promise<readonly NostrEvent[]> {
    const { clock, limits } = this.#kit;
    const events: NostrEvent[] = [];
    const ended = Promise.withResolvers<readonly NostrEvent[]>();
    const fail = (why: string): void =>
      ended.reject(new OpenAgentsError("UNREACHABLE", `Cannot ask relay "${this.url}": ${why}`));
    let heard = 0;
    const close = this.subscribe([filter], {
      event: (event) => {
        heard += 1;
        // A relay may give fewer than it was asked for; more are not wanted.
        if (events.length < (filter.limit ?? limits.page)) events.push(event);
        else this.refuse("unsolicited");
      },
      stored: () => ended.resolve(events),
      closed: fail,
    });
    let stop = (): void => undefined;
    const watch = (before: number): void => {
      stop = clock.after(limits.patience, () => {
        if (heard > before) return watch(heard);
        this.#kit.counters.refused("stalled");
        fail("it did not answer in time");
        this.drop("it did not answer in time");
      });
    };
    watch(0);
    try {
      return await ended.promise;
    } finally {
      stop();
      close();
    }
  }

  /**
   * Hands an event to the relay; what it said, or that it is there and says nothing to it.
   * @throws UNREACHABLE when the relay is gone or does not answer in time, and nothing else either
   */
  async publish(event: NostrEvent): Promise<Published> {
    const first = await this.#send(event);
    if (!first.accepted && wantsAuth(first.reason)) {
      await this.#authentication();
      return this.#heard(event, await this.#send(event));
    }
    return this.#heard(event, first);
  }

  /** The same, once it is known of one that was late whether it has the event, and is there at all. */
  async #heard(event: NostrEvent, published: Published): Promise<Published> {
    if (published.unanswered !== "late") return published;
    const found = await this.query({ ids: [event.id], limit: 1 });
    return found.some(({ id }) => id === event.id) ? { accepted: true, reason: "" } : published;
  }

  async #send(event: NostrEvent): Promise<Published> {
    const { clock, limits, counters } = this.#kit;
    const answered = Promise.withResolvers<Published>();
    const fail = (why: string): void =>
      answered.reject(
        new OpenAgentsError("UNREACHABLE", `Cannot publish to relay "${this.url}": ${why}`),
      );
    const none = (unanswered: NonNullable<Published["unanswered"]>, reason: string): void =>
      answered.resolve({ accepted: false, reason, unanswered });
    if (!this.#connected) fail("it is not connected");
    const sent = clock.now();
    let stopNotice = (): void => undefined;
    // An answer that is on its way counts for more than a notice, which may be about something else.
    const noticed = (notice: string): void => {
      stopNotice();
      stopNotice = clock.after(limits.patience / 10, () => none("notice", notice));
    };
    const stop = clock.after(limits.patience, () => none("late", "it did not answer in time"));
    const unwatch = this.watch(() => {
      // With several under way it may have been any of them.
      const once = this.#unsaid.size === 1 && clock.now() - sent <= limits.patience / 5;
      if (once && !this.#dropped) none("closed", "it ended the connection");
      else fail("the connection ended");
    });
    this.#publishing.set(event.id, answered.resolve);
    this.#unsaid.add(noticed);
    this.#connection?.send(["EVENT", event]);
    try {
      const published = await answered.promise;
      const { accepted, reason } = published;
      counters.published(accepted || reason.startsWith("duplicate:"));
      // A relay that has it already may say so as a refusal.
      return accepted || reason.startsWith("duplicate:") ? { accepted: true, reason } : published;
    } finally {
      stop();
      stopNotice();
      unwatch();
      this.#publishing.delete(event.id);
      this.#unsaid.delete(noticed);
    }
  }

  #open(): void {
    const { clock, limits, connect } = this.#kit;
    this.#retry = undefined;
    this.#dropped = false;
    this.#challenges.clear();
    this.#unanswered = undefined;
    this.#wanted = this.#options.prover.eager;
    this.#authenticated = Promise.withResolvers<void>();
    // Nobody may be waiting for it.
    this.#authenticated.promise.catch(() => undefined);
    const { messageLength, patience, quiet } = limits;
    const { guest } = this.#options;
    try {
      this.#connection = new Connection(
        { url: this.url, guest, connect, clock, messageLength, patience, quiet },
        {
          opened: () => {
            this.#connected = true;
            this.#connections += 1;
            for (const watcher of this.#watchers) watcher(true);
          },
          received: (message, length) => this.#received(message, length),
          refused: (why) => this.refuse(why),
          closed: (reason) => this.#closed(reason),
        },
      );
    } catch (error) {
      // An address that a WebSocket does not take.
      this.#closed(String(error));
    }
  }

  #closed(reason: string): void {
    this.#connection = undefined;
    this.#ended = reason;
    this.#authenticated.reject(
      new OpenAgentsError("UNREACHABLE", `Cannot authenticate to relay "${this.url}": ${reason}`),
    );
    const was = this.#connected;
    this.#connected = false;
    const subscriptions = [...this.#subscriptions.values()];
    this.#subscriptions.clear();
    for (const { listener } of subscriptions) listener.closed(reason);
    if (was) for (const watcher of this.#watchers) watcher(false);
    if (!this.#running) return;
    this.#retry = this.#kit.clock.after(this.#backoff.next(), () => this.#open());
  }

  #received(message: FromRelay, length: number): void {
    switch (message.type) {
      case "EVENT": {
        this.#kit.counters.received();
        const subscription = this.#subscriptions.get(message.id);
        if (subscription === undefined) return this.refuse("unsolicited");
        if (length > this.#kit.limits.eventLength) return this.refuse("oversized");
        return subscription.listener.event(message.event, length);
      }
      case "EOSE":
        return this.#subscriptions.get(message.id)?.listener.stored?.();
      case "CLOSED":
        return this.#closedByRelay(message.id, message.reason);
      case "OK":
        return this.#publishing.get(message.event)?.(message);
      case "AUTH":
        return this.#challenged(message.challenge);
      case "NOTICE":
        if (this.#unsaid.size === 1) for (const noticed of this.#unsaid) noticed(message.text);
        return undefined;
    }
  }

  #closedByRelay(id: string, reason: string): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) return;
    const { listener, filters, again } = subscription;
    const end = (): void => {
      if (this.#subscriptions.delete(id)) listener.closed(reason);
    };
    if (!wantsAuth(reason) || again) return end();
    this.#authentication().then(() => {
      // It may not be wanted any more.
      if (this.#subscriptions.get(id) !== subscription) return;
      this.#subscriptions.set(id, { filters, listener, again: true });
      this.#connection?.send(["REQ", id, ...filters]);
    }, end);
  }

  #challenged(challenge: string): void {
    // The same challenge again says only that something needed it.
    if (this.#challenges.has(challenge)) return;
    if (this.#challenges.size >= CHALLENGES) return this.refuse("unsolicited");
    this.#challenges.add(challenge);
    if (this.#wanted) this.#answer(challenge);
    else this.#unanswered = challenge;
  }

  #answer(challenge: string): void {
    this.#unanswered = undefined;
    this.#authenticate(challenge).then(
      () => this.#authenticated.resolve(),
      (error: unknown) => this.#authenticated.reject(error),
    );
  }

  async #authenticate(challenge: string): Promise<void> {
    const connection = this.#connection;
    const events = await this.#options.prover.authenticate(this.url, challenge);
    // A challenge is good for its connection alone.
    if (connection !== this.#connection) return;
    const answers = events.map((event) => this.#prove(event));
    const results = await Promise.all(answers);
    if (results.length === 0 || results.some(Boolean)) return;
    throw new OpenAgentsError("DENIED", `Cannot authenticate to relay "${this.url}": it refused`);
  }

  /** Sends one event of NIP-42; whether it was accepted. */
  async #prove(event: NostrEvent): Promise<boolean> {
    const { clock, limits } = this.#kit;
    const answered = Promise.withResolvers<boolean>();
    this.#publishing.set(event.id, ({ accepted }) => answered.resolve(accepted));
    const stop = clock.after(limits.patience, () => answered.resolve(false));
    this.#connection?.send(["AUTH", event]);
    try {
      return await answered.promise;
    } finally {
      stop();
      this.#publishing.delete(event.id);
    }
  }

  /** Resolves once the relay was authenticated to; it may still have to ask for it. */
  async #authentication(): Promise<void> {
    const { clock, limits } = this.#kit;
    this.#wanted = true;
    if (this.#unanswered !== undefined) this.#answer(this.#unanswered);
    const late = Promise.withResolvers<never>();
    const stop = clock.after(limits.patience, () =>
      late.reject(
        new OpenAgentsError(
          "UNREACHABLE",
          `Cannot authenticate to relay "${this.url}": it wants that, but sends no challenge`,
        ),
      ),
    );
    try {
      await Promise.race([this.#authenticated.promise, late.promise]);
    } finally {
      stop();
    }
  }

  #nextId(): string {
    this.#last += 1;
    return `s${this.#last}`;
  }
}

function wantsAuth(reason: string): boolean {
  return reason.startsWith("auth-required:") || reason.startsWith("restricted:");
}
