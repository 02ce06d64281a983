import type { AgentRecord } from "./agent.ts";
import { isChildNote, lostChild } from "./births.ts";
import { Delivery, Durable } from "./delivery.ts";
import type { Letter, Round } from "./delivery.ts";
import { PUBLIC } from "./envelope.ts";
import type { Envelope } from "./envelope.ts";
import type { ErrorCode } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { MailOrder } from "./mail-order.ts";
import { nextLimit } from "./pages.ts";
import type { OutboxRow, Receipt } from "./ports/index.ts";

/** What the courier tells the runtime. */
export interface CourierEvents {
  /** Mail was put into this agent's inbox. */
  readonly delivered: (id: string) => void;
  /** An agent was made that another one is to have. */
  readonly born: (agent: AgentRecord) => void;
  /** Mail could not be carried; the rows stay and are taken up with the next `poke`. */
  readonly failed: (error: unknown) => void;
  /** Nothing is under way. */
  readonly idle: () => void;
}

/** Rows that are read at once, at first: fewer where they are large. */
const FEW = 8;
/** How many recipients that are not here are tried at once. */
const FLIGHTS = 64;
/** How long mail that has to wait does so, ms: at first, and at most. */
const FIRST_WAIT = 100;
const LONGEST_WAIT = 60_000;
/** The same after a failure of the store or of whoever carries mail. */
const AFTER_FAILURE = 1_000;
/** How long after it was sent mail with no end of its own is given up, ms: a day. */
const GIVE_UP = 86_400_000;

/** Mail that is under way to one recipient. */
interface Flight {
  readonly done: Promise<void>;
  readonly senders: ReadonlySet<string>;
}

/** One walk through the outbox. */
interface Pass {
  readonly order: MailOrder;
  /** When the first of what waits is to be tried again. */
  again: number;
  /** Of this agent only, each recipient that is not here once: no more of those that have to wait. */
  readonly agent?: string;
}

/**
 * Takes committed outbox rows to where they go, in the order they were committed, each until it has
 * arrived or cannot. Mail for agents that are here goes at once; for each other recipient there is a
 * *flight*, which waits for whoever is slow there and holds up no other mail. A crash between arrival and
 * the removal of the row repeats the delivery, which the receiver's dedup makes one.
 */
export class Courier {
  readonly #kernel: Kernel;
  readonly #events: CourierEvents;
  readonly #delivery: Delivery;
  #running: Promise<void> | undefined;
  #batch: Promise<unknown> | undefined;
  #timer: (() => void) | undefined;
  #again = false;
  /** How many rows are read at once. */
  #limit = FEW;
  /** What is under way to recipients that are not here, and from whom. */
  readonly #flights = new Map<string, Flight>();
  /** Until when recipients are left alone whom mail could not be taken to. */
  readonly #rests = new Map<string, number>();

  constructor(kernel: Kernel, events: CourierEvents) {
    this.#kernel = kernel;
    this.#events = events;
    this.#delivery = new Delivery(kernel, events);
  }

  /** Says that there may be outgoing mail. */
  poke(): void {
    this.#again = true;
    this.#running ??= this.#run();
  }

  /** The same, also for recipients who are left alone for now. */
  takeUp(): void {
    this.#rests.clear();
    this.poke();
  }

  /** True while something is under way. */
  get busy(): boolean {
    return this.#running !== undefined || this.#flights.size > 0;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.busy) {
      await Promise.all([this.#running, ...[...this.#flights.values()].map(({ done }) => done)]);
    }
  }

  /**
   * Carries all that an agent has sent, wherever it is, but for what has to wait; resolves when nothing
   * of it is under way.
   */
  async empty(agent: string): Promise<void> {
    await this.#batch?.catch(() => undefined);
    const theirs = () => [...this.#flights.values()].filter(({ senders }) => senders.has(agent));
    for (;;) {
      await Promise.all(theirs().map(({ done }) => done));
      await this.#walk({ order: new MailOrder(), again: Number.POSITIVE_INFINITY, agent });
      if (theirs().length === 0) return;
    }
  }

  /** Delivers what the runtime itself has to say, once and not by the outbox; what could not be delivered now is lost. */
  async tell(note: Envelope): Promise<void> {
    const round = { at: this.#kernel.clock.now(), durable: new Durable(this.#kernel.store) };
    await this.#delivery.tell(note, round);
    await round.durable.all();
  }

  /** Goes through the outbox from its start, past what has to wait, until nothing new is there. */
  async #run(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        const pass = { order: new MailOrder(), again: Number.POSITIVE_INFINITY };
        await this.#walk(pass);
        this.#later(pass.again);
      }
    } catch (error) {
      this.#events.failed(error);
    }
    // In the turn that saw that nothing new is there, so that no poke falls between.
    this.#running = undefined;
    this.#rest();
  }

  async #walk(pass: Pass): Promise<void> {
    let last: number | undefined = 0;
    while (last !== undefined) {
      const batch: Promise<number | undefined> = this.#next(last, pass);
      this.#batch = batch;
      last = await batch;
    }
  }

  /** Carries the first mail after `last`, past what has to wait; how far it came, undefined at the end. */
  async #next(last: number, pass: Pass): Promise<number | undefined> {
    const { store, clock } = this.#kernel;
    const limit = this.#limit;
    const rows = await store.outbox(last, limit, pass.agent);
    if (rows.length === 0) return undefined;
    // What is under way to one recipient is held in memory, twice where it is sent as JSON.
    this.#limit = nextLimit(rows, sizeOf, limit);
    const at = clock.now();
    const ready = rows.filter((row) => !this.#mustRest(row, pass, at));
    const places = await Promise.all(ready.map((row) => this.#delivery.place(row)));
    const here: { readonly row: OutboxRow; readonly letter: Letter }[] = [];
    const away = new Map<string, OutboxRow[]>();
    ready.forEach((row, i) => {
      const place = places[i]!;
      const recipient = recipientOf(row);
      if (pass.order.waits(row, recipient)) return;
      if (place === "busy") this.#wait(row, pass, at);
      else if (place !== "away") {
        if (away.has(recipient)) pass.order.hold(row);
        else here.push({ row, letter: place });
      } else if (!away.has(recipient) && this.#flights.size + away.size >= FLIGHTS) {
        pass.order.hold(row);
      } else {
        pass.order.hold(row, recipient);
        away.set(recipient, [...(away.get(recipient) ?? []), row]);
      }
    });
    for (const [recipient, mail] of away) this.#fly(recipient, mail);
    if (here.length > 0) {
      const round = { at, durable: new Durable(store) };
      const receipts = await this.#delivery.here(
        here.map(({ letter }) => letter),
        round,
      );
      const ended = here.map(({ row }, i) => ({ row, receipt: receipts[i]! }));
      for (const row of await this.#settle(ended, round)) this.#wait(row, pass, at);
    }
    return pass.order.any ? rows.at(-1)!.seq : 0;
  }

  /** True for mail that has to wait because of what is known from before. */
  #mustRest(row: OutboxRow, pass: Pass, now: number): boolean {
    const recipient = recipientOf(row);
    const until = this.#rests.get(recipient) ?? 0;
    const rests = pass.agent === undefined ? until > now : until > 0;
    if (!rests && !this.#flights.has(recipient)) return false;
    pass.order.hold(row);
    if (rests) pass.again = Math.min(pass.again, until);
    return true;
  }

  #wait(row: OutboxRow, pass: Pass, now: number): void {
    pass.order.hold(row);
    pass.again = Math.min(pass.again, now + patience(row, now));
  }

  /** Takes mail to a recipient that is not here. */
  #fly(recipient: string, rows: readonly OutboxRow[]): void {
    const { store, clock } = this.#kernel;
    const fly = async (): Promise<void> => {
      const round = { at: clock.now(), durable: new Durable(store) };
      const receipts = await this.#delivery.away(rows, round);
      const ended = rows.map((row, i) => ({ row, receipt: receipts[i]! }));
      const [waiting] = await this.#settle(ended, round);
      const now = clock.now();
      if (waiting === undefined) this.#rests.delete(recipient);
      else this.#rests.set(recipient, now + patience(waiting, now));
    };
    const flight = fly().then(
      () => {
        this.#flights.delete(recipient);
        this.poke();
      },
      (error: unknown) => {
        this.#flights.delete(recipient);
        this.#rests.set(recipient, clock.now() + AFTER_FAILURE);
        this.#events.failed(error);
        this.#rest();
      },
    );
    const senders = new Set(rows.map(({ agent }) => agent));
    this.#flights.set(recipient, { done: flight, senders });
  }

  /** Has itself poked at a time, by whoever keeps it. */
  #later(at: number): void {
    const { clock, waker } = this.#kernel;
    const now = clock.now();
    for (const [recipient, until] of this.#rests) if (until <= now) this.#rests.delete(recipient);
    this.#timer?.();
    this.#timer = undefined;
    const never = at === Number.POSITIVE_INFINITY;
    if (waker !== undefined) waker.remind?.("mail", never ? undefined : at);
    else if (!never) this.#timer = clock.after(Math.max(0, at - now), () => this.poke());
  }

  #rest(): void {
    if (!this.busy) this.#events.idle();
  }

  /** Takes out of the outbox what has arrived, or cannot; the rows that have to wait. */
  async #settle(
    mail: readonly { readonly row: OutboxRow; readonly receipt: Receipt }[],
    round: Round,
  ): Promise<readonly OutboxRow[]> {
    const { store, keyWaits, counters } = this.#kernel;
    const { at, durable } = round;
    // What has to be signed or sealed first waits for the keys as long as they are locked.
    const giveUp = keyWaits.locked ? Number.POSITIVE_INFINITY : GIVE_UP;
    const ended = mail.map(({ row, receipt: given }) => {
      const expired = (row.envelope.expiresAt ?? row.envelope.sentAt + giveUp) < at;
      const receipt = given === "busy" && expired ? "unreachable" : given;
      const quiet = receipt === "busy" || isChildNote(row.envelope);
      return { row, receipt, reason: quiet ? undefined : REASONS[receipt] };
    });
    const waiting = new Set(
      ended.filter(({ receipt }) => receipt === "busy").map(({ row }) => row),
    );
    const bounces = ended.flatMap(({ row, receipt, reason: failed }) => {
      // One that is only kept with the dead letters will not be answered either.
      const reason = receipt === "dead-lettered" ? REASONS.rejected : failed;
      if (reason === undefined || row.envelope.type !== "request") return [];
      return [{ row, envelope: bounce(row.envelope, reason, at) }];
    });
    for (const { row, receipt } of ended) {
      if (receipt !== "terminated" && receipt !== "unknown") continue;
      const envelope = lostChild(this.#kernel, row.envelope);
      if (envelope !== undefined) bounces.push({ row, envelope });
    }
    if (bounces.length > 0) {
      const told = await this.#delivery.answer(
        bounces.map(({ envelope }) => envelope),
        round,
      );
      // A sender that is between two homes is told a little later.
      bounces.forEach(({ row }, i) => told[i] === "busy" && waiting.add(row));
    }
    // Only what is durable in the inbox may leave the outbox.
    await durable.all();
    const left = ended.filter(({ row }) => !waiting.has(row));
    await store.sent(
      left.map(({ row, reason }) =>
        reason === undefined ? { row } : { row, reason: reason.text },
      ),
    );
    const returned = left.filter(({ reason }) => reason !== undefined).length;
    counters.left(left.length - returned, returned);
    return [...waiting];
  }
}

/** About how many characters a row has. */
function sizeOf({ envelope: { payload } }: OutboxRow): number {
  return typeof payload === "string" ? payload.length : JSON.stringify(payload).length;
}

/** How long mail waits before it is tried again, ms: the longer, the longer it has waited. */
function patience({ envelope: { sentAt } }: OutboxRow, now: number): number {
  return Math.min(Math.max(Math.ceil((now - sentAt) / 2), FIRST_WAIT), LONGEST_WAIT);
}

/** Whom mail is for: the key that it is sealed for, or the name that is not known to be anybody's yet. */
function recipientOf({ agent, envelope: { to, toName, sealed } }: OutboxRow): string {
  if (to === PUBLIC) return `${agent} ${PUBLIC}`;
  return sealed === "own" ? (toName ?? to) : to;
}

/** Why mail with this receipt goes back to its sender's dead letters; undefined when it arrived. */
const REASONS = {
  accepted: undefined,
  duplicate: undefined,
  "dead-lettered": undefined,
  rejected: { code: "INBOX_FULL", text: "The recipient's inbox is full" },
  unknown: { code: "NOT_FOUND", text: "There is no such agent" },
  terminated: { code: "TERMINATED", text: "The recipient is terminated" },
  moved: { code: "MOVED", text: "The recipient has moved, and its mail is not forwarded" },
  unpublished: { code: "UNREACHABLE", text: "There are no relays here to publish it" },
  oversized: { code: "LIMIT", text: "It is too large for relays" },
  repetitive: {
    code: "LIMIT",
    text: "Its sender has replied in this thread of notes as often as it may",
  },
  unreachable: { code: "UNREACHABLE", text: "The recipient could not be reached" },
} as const satisfies Record<Exclude<Receipt, "busy">, Reason | undefined>;

interface Reason {
  readonly code: ErrorCode;
  readonly text: string;
}

/** The answer to a request that could not be delivered. */
function bounce(request: Envelope, reason: Reason, at: number): Envelope {
  return {
    id: `bounce:${request.id}`,
    sentAt: at,
    source: "courier",
    from: request.to,
    to: request.from,
    type: "response",
    payload: `Cannot deliver to "${request.toName ?? request.to}": ${reason.text}`,
    replyTo: request.id,
    headers: { error: reason.code },
  };
}
