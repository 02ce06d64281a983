import { checkEnvelope } from "../../core/envelope.ts";
import type { Envelope } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Clock, Receipt, Sink } from "../../core/ports/index.ts";
import { expiration, verifyEvent } from "../../identity/event.ts";
import type { NostrEvent } from "../../identity/event.ts";
import { encodeNpub } from "../../identity/nip19.ts";
import { GIFT_WRAP, GiftWrapError, unwrap } from "../../identity/nip59.ts";
import type { Secp } from "../../identity/secp.ts";
import type { Counters, Refusal } from "./counters.ts";
import type { Floor } from "./floor.ts";
import { Held } from "./held.ts";
import { envelopeId, envelopeOf } from "./letter.ts";
import type { NostrLimits } from "./limits.ts";
import { isJob, jobOf, LEGACY, mentionOf, NOTE } from "./public-event.ts";
import { Recent } from "./recent.ts";
import type { Resident, Residents } from "./residents.ts";

/** How many of those that an event names are looked for here. */
const NAMED = 100;
/** How long events may be opened before others get their turn, ms. */
const SLICE = 25;
/** How many events are kept open that could not be delivered at once, and how long these may be. */
const READY = 20_000;
const SMALL = 8192;
/** How many envelopes are put into inboxes together. */
const BATCH = 256;
/** Codes with which a signer says that what it was given cannot be read. */
const UNREADABLE: ReadonlySet<string> = new Set(["DENIED", "INVALID", "VERSION"]);

/** What a receipt is counted as; every other one says that the agent is gone. `busy` mail is tried again. */
const OUTCOMES: Readonly<Partial<Record<Receipt, Refusal | "taken" | "repeated">>> = {
  accepted: "taken",
  "dead-lettered": "taken",
  duplicate: "repeated",
  rejected: "full",
};

/**
 * The events that need not be opened again, by a part of their ids, kept beyond this process. May
 * forget: what is taken in once more is known by its id.
 */
export interface Taken {
  has(event: string): boolean;
  /** Of an event whose mail is durable, or that is refused for ever. */
  add(event: string): void;
}

export interface IntakeOptions {
  readonly residents: Residents;
  readonly clock: Clock;
  readonly limits: NostrLimits;
  readonly counters: Counters;
  readonly secp: Secp;
  /** The longest payload as JSON, in UTF-16 units. */
  readonly payloadLength: number;
  /** What was sent before it, or too far ahead, is refused. */
  readonly floor: Pick<Floor, "now" | "ahead">;
  /** Told when mail that had no room has to be read again from the relays. */
  readonly again: () => void;
  /** What is known of events beyond this process. Default: nothing. */
  readonly taken?: Taken | undefined;
}

/** An event that is what it says, and the mail that it is. */
export interface Opened {
  /** Stands for the event. */
  readonly key: string;
  readonly mail: readonly Envelope[];
}

/** Refuses an event, and says why. */
class Refused extends Error {
  readonly reason: Refusal;

  constructor(reason: Refusal) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * Where what relays send becomes mail. Nothing gets past it whose author is not proven: each event is
 * verified, opened and checked, and dropped and counted when that fails. An event is opened once, of
 * however many relays it comes.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #seen: Recent<true>;
  /** Events that are being opened, for others that come of another relay meanwhile. */
  readonly #opening = new Map<string, Promise<void>>();
  /** Mail for agents that are between two homes. */
  readonly #held: Held;
  #holding: (() => void) | undefined;
  /** What is open and not delivered yet. */
  readonly #ready: Recent<Opened>;
  /** Of which event an envelope is. */
  readonly #events = new WeakMap<Envelope, string>();
  /** Events whose mail had no room. */
  readonly #lost = new Set<string>();
  /** The end of the deliveries under way: one follows the other, so that nothing gets ahead. */
  #last: Promise<unknown> = Promise.resolve();
  #sink: Sink | undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#held = new Held(options.limits.held);
    this.#seen = new Recent(options.limits.remembered);
    this.#ready = new Recent(READY);
  }

  /** Says where mail goes. */
  open(sink: Sink): void {
    this.#sink = sink;
  }

  /** Mail that is held is left for the next start, which reads it again. */
  close(): void {
    this.#sink = undefined;
    this.#holding?.();
    this.#holding = undefined;
    this.#held.clear();
  }

  /** True while there is mail that is not durable because its agent is between two homes. */
  get holding(): boolean {
    return this.#held.any;
  }

  /**
   * Takes events in; resolves once all mail in them is durable. Those of one sender arrive in the
   * order of their times. `refuse` is told what the relay itself is to blame for.
   * @throws whatever the sink or the signer throws that is not about an event: the events are then
   * to be given again
   */
  async take(events: readonly NostrEvent[], refuse: (reason: Refusal) => void): Promise<void> {
    await this.deliver(await this.prepare(events, refuse));
  }

  /**
   * Opens events, and refuses those that have to be. What is not delivered then is open already when it
   * is given again, by whichever relay. @throws as `take`
   */
  async prepare(
    events: readonly NostrEvent[],
    refuse: (reason: Refusal) => void,
  ): Promise<readonly Opened[]> {
    const opened = new Set<Opened>();
    const { counters } = this.#options;
    let since = performance.now();
    for (const event of events) {
      try {
        const one = await this.#open(event);
        if (opened.has(one)) throw new Refused("replayed");
        opened.add(one);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.reason === "forged") refuse("forged");
        else counters.refused(error.reason);
      }
      if (performance.now() - since > SLICE) {
        await this.#rest();
        since = performance.now();
      }
    }
    return [...opened];
  }

  /** Puts what was opened into inboxes, in the order in which it was sent. @throws as `take` */
  async deliver(opened: readonly Opened[]): Promise<void> {
    const all = opened.flatMap((one) => one.mail.map((envelope) => ({ envelope, one })));
    all.sort((a, b) => bySent(a.envelope, b.envelope));
    for (let i = 0; i < all.length; i += BATCH) {
      await this.#inTurn(async () => {
        // Another relay may have been quicker.
        const some = all.slice(i, i + BATCH).filter(({ one }) => !this.#seen.has(one.key));
        await this.#deliver(some.map(({ envelope }) => envelope));
      });
    }
    for (const one of opened) {
      if (this.#seen.has(one.key)) this.#options.counters.refused("replayed");
      else if (!this.#lost.delete(one.key)) this.#note(one.key);
      this.#ready.delete(one.key);
    }
  }

  /** An event's envelopes: one for each agent that it is for. @throws Refused */
  async #open(event: NostrEvent): Promise<Opened> {
    const { kind } = event;
    if (kind !== GIFT_WRAP && kind !== LEGACY && kind !== NOTE && !isJob(kind)) {
      throw new Refused("kind");
    }
    // 128 bits of it: nobody can make another event that has them in common.
    const key = event.id.slice(0, 32);
    for (;;) {
      if (this.#seen.has(key) || this.#options.taken?.has(key) === true)
        throw new Refused("replayed");
      const ready = this.#ready.get(key);
      if (ready !== undefined) return ready;
      const opening = this.#opening.get(key);
      if (opening === undefined) break;
      await opening;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#opening.set(key, promise);
    let proven = false;
    try {
      const mail = await this.#read(event, () => {
        proven = true;
      });
      const opened: Opened = { key, mail };
      for (const envelope of mail) this.#events.set(envelope, key);
      if (event.content.length <= SMALL) this.#ready.set(key, opened);
      return opened;
    } catch (error) {
      // A forged one must not use up the id of the true one.
      if (proven && error instanceof Refused) this.#note(key);
      throw error;
    } finally {
      this.#opening.delete(key);
      resolve();
    }
  }

  /** An event is done with; what is held would be lost with this process, and so is to be opened again. */
  #note(key: string): void {
    this.#seen.set(key, true);
    if (!this.holding) this.#options.taken?.add(key);
  }

  /**
   * The envelopes in an event that is new. `proven` is called once it is known to be what its id says.
   */
  async #read(event: NostrEvent, proven: () => void): Promise<readonly Envelope[]> {
    const { clock, secp, floor } = this.#options;
    const { kind, pubkey, created_at } = event;
    const found = await this.#recipients(event);
    const now = clock.now();
    const end = expiration(event);
    if (end !== undefined && end * 1000 <= now) throw new Refused("expired");
    if (created_at * 1000 > now + floor.ahead) throw new Refused("future");
    if (kind === GIFT_WRAP) {
      return [await this.#unwrap(event, found[0]!, { now, proven })];
    }
    if (created_at * 1000 < floor.now()) throw new Refused("stale");
    if (!verifyEvent(event, secp)) throw new Refused("forged");
    proven();
    const from = encodeNpub(pubkey);
    const mail: Envelope[] = [];
    for (const resident of found) {
      const route = { from, to: resident.id };
      if (kind === LEGACY) mail.push(await this.#legacy(event, resident, from));
      else if (kind === NOTE) mail.push(this.#checked(() => mentionOf(event, route)));
      else mail.push(this.#checked(() => jobOf(event, route)));
    }
    return mail;
  }

  /** The agents that an event is for. @throws Refused when it is for none */
  async #recipients({ kind, tags }: NostrEvent): Promise<readonly Resident[]> {
    const named = new Set(tags.flatMap(([name, key]) => (name === "p" && key ? [key] : [])));
    const found: Resident[] = [];
    for (const key of [...named].slice(0, kind === GIFT_WRAP ? 1 : NAMED)) {
      const resident = await this.#options.residents.find(key);
      if (resident !== undefined) found.push(resident);
    }
    if (found.length === 0) throw new Refused("foreign");
    return found;
  }

  async #unwrap(
    event: NostrEvent,
    { id: to, signer }: Resident,
    { now, proven }: { readonly now: number; readonly proven: () => void },
  ): Promise<Envelope> {
    const { secp, floor } = this.#options;
    const oldest = floor.now();
    try {
      const maxAge = Math.max(0, (now - oldest) / 1000);
      const { rumor, sender } = await unwrap(signer, event, { now, secp, maxAge });
      proven();
      if (rumor.created_at * 1000 < oldest) throw new Refused("stale");
      if (rumor.created_at * 1000 > now + floor.ahead) throw new Refused("future");
      return this.#checked(() => envelopeOf(rumor, { from: encodeNpub(sender), to }));
    } catch (error) {
      if (!(error instanceof GiftWrapError) && !isUnreadable(error)) throw error;
      const reason = error instanceof GiftWrapError ? error.fault : "sealed";
      if (reason !== "forged") proven();
      throw new Refused(reason);
    }
  }

  async #legacy(event: NostrEvent, resident: Resident, from: string): Promise<Envelope> {
    if (resident.readLegacy === undefined) throw new Refused("kind");
    try {
      const text = await resident.readLegacy(event.pubkey, event.content);
      return this.#checked(() => ({
        id: envelopeId(event),
        sentAt: event.created_at * 1000,
        source: "nostr",
        from,
        to: resident.id,
        type: "message",
        payload: text,
        headers: { encryption: "nip04" },
      }));
    } catch (error) {
      if (isUnreadable(error)) throw new Refused("sealed");
      throw error;
    }
  }

  /** What `make` makes, when it is an envelope. @throws Refused */
  #checked(make: () => Envelope): Envelope {
    try {
      const envelope = make();
      checkEnvelope(envelope);
      if (JSON.stringify(envelope.payload).length > this.#options.payloadLength) {
        throw new Refused("oversized");
      }
      return envelope;
    } catch (error) {
      if (error instanceof OpenAgentsError) throw new Refused("malformed");
      throw error;
    }
  }

  /** Does something after all that was to be done before. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Puts mail into inboxes, or behind what is held for the same agent. */
  async #deliver(mail: readonly Envelope[]): Promise<void> {
    const ready: Envelope[] = [];
    for (const envelope of mail) {
      if (this.#held.blocks(envelope)) this.#hold(envelope);
      else ready.push(envelope);
    }
    await this.#put(ready, (envelope) => this.#hold(envelope));
  }

  /** Tries what is held once more, in order. */
  async #deliverHeld(): Promise<void> {
    const mail = this.#held.all();
    for (let i = 0; i < mail.length; i += BATCH) {
      const some = mail.slice(i, i + BATCH);
      const waiting = new Set<Envelope>();
      await this.#put(some, (envelope) => waiting.add(envelope));
      for (const envelope of some) if (!waiting.has(envelope)) this.#held.remove(envelope);
    }
    if (this.#held.takeGaps()) this.#options.again();
  }

  /** Puts mail into inboxes and counts it; `busy` is told of what its agent cannot take now. */
  async #put(mail: readonly Envelope[], busy: (envelope: Envelope) => void): Promise<void> {
    const { counters } = this.#options;
    if (mail.length === 0) return;
    if (this.#sink === undefined) {
      throw new OpenAgentsError("CANCELLED", "Cannot take mail in: the driver is stopped");
    }
    const receipts = await this.#sink(mail);
    mail.forEach((envelope, i) => {
      const receipt = receipts[i] ?? "busy";
      if (receipt === "busy") return busy(envelope);
      const outcome = OUTCOMES[receipt] ?? "gone";
      if (outcome === "taken") counters.taken();
      else if (outcome === "repeated") counters.repeated();
      else counters.refused(outcome);
    });
  }

  /** Keeps mail to be tried again a little later. */
  #hold(envelope: Envelope): void {
    // What there is no room for is to be read again.
    if (!this.#held.add(envelope)) this.#lost.add(this.#events.get(envelope) ?? "");
    this.#again();
  }

  #again(): void {
    const { clock, limits } = this.#options;
    this.#holding ??= clock.after(limits.betweenHomes, () => {
      this.#holding = undefined;
      const more = (): void => {
        if (this.#held.any && this.#sink !== undefined) this.#again();
      };
      this.#inTurn(() => this.#deliverHeld()).then(more, more);
    });
  }

  /** Lets others have their turn. */
  async #rest(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#options.clock.after(0, resolve);
    });
  }
}

/** The order in which mail was sent. */
function bySent(a: Envelope, b: Envelope): number {
  return a.sentAt - b.sentAt || (a.seq ?? 0) - (b.seq ?? 0);
}

function isUnreadable(error: unknown): boolean {
  return error instanceof OpenAgentsError && UNREADABLE.has(error.code);
}
