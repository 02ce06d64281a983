import { addressed, addressedAnew } from "./letters.ts";
import type { AgentDefinition } from "./definition.ts";
import { PUBLIC } from "./envelope.ts";
import type { Envelope } from "./envelope.ts";
import type { ErrorCode } from "./errors.ts";
import { forwardMoved } from "./forwarding.ts";
import type { Kernel } from "./kernel.ts";
import type { Mail, OutboxRow, Receipt } from "./ports/index.ts";

/** What the courier tells the runtime. */
export interface CourierEvents {
  /** Mail was put into this agent's inbox. */
  readonly delivered: (id: string) => void;
  /** A round failed; the rows stay and are taken up with the next `poke`. */
  readonly failed: (error: unknown) => void;
  /** A round is over. */
  readonly idle: () => void;
}

const BATCH = 256;

/**
 * Takes committed outbox rows to where they go, in the order they were committed, each until it has
 * arrived or cannot. A crash between arrival and the removal of the row repeats the delivery, which
 * the receiver's dedup makes one.
 */
export class Courier {
  readonly #kernel: Kernel;
  readonly #events: CourierEvents;
  #running: Promise<void> | undefined;
  #batch: Promise<unknown> | undefined;
  #timer: (() => void) | undefined;
  #again = false;

  constructor(kernel: Kernel, events: CourierEvents) {
    this.#kernel = kernel;
    this.#events = events;
  }

  /** Says that there may be outgoing mail. */
  poke(): void {
    this.#again = true;
    this.#running ??= this.#run();
  }

  /** True while a round is under way. */
  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** Resolves when the round under way, if any, is over. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /**
   * Carries all that an agent has sent, wherever it is, but for what has to wait; resolves when nothing
   * of it is under way.
   */
  async empty(agent: string): Promise<void> {
    await this.#batch?.catch(() => undefined);
    const waiting: Waiting = new Map();
    let last: number | undefined = 0;
    while (last !== undefined) last = await this.#next(last, waiting, agent);
  }

  /** Goes through the outbox from its start, past what has to wait, until nothing new is there. */
  async #run(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        const waiting: Waiting = new Map();
        let last: number | undefined = 0;
        while (last !== undefined) {
          const batch: Promise<number | undefined> = this.#next(last, waiting);
          this.#batch = batch;
          last = await batch;
        }
        this.#later([...waiting.values()]);
      }
    } catch (error) {
      this.#events.failed(error);
    }
    // In the turn that saw that nothing new is there, so that no poke falls between.
    this.#running = undefined;
    this.#events.idle();
  }

  /** Carries the first mail after `last`, past what has to wait; how far it came, undefined at the end. */
  async #next(last: number, waiting: Waiting, agent?: string): Promise<number | undefined> {
    const rows = await this.#kernel.store.outbox(last, BATCH, agent);
    if (rows.length === 0) return undefined;
    const ready = rows.filter((row) => !waits(waiting, row));
    for (const row of await this.#carry(ready)) hold(waiting, row);
    return waiting.size > 0 ? rows.at(-1)!.seq : 0;
  }

  /**
   * Has itself poked a while from now: the longer what waits has waited, the later, so that it needs no
   * memory of its tries.
   */
  #later(waiting: readonly OutboxRow[]): void {
    const { clock, waker } = this.#kernel;
    this.#timer?.();
    this.#timer = undefined;
    if (waiting.length === 0) return waker?.remind?.("mail", undefined);
    const now = clock.now();
    const youngest = Math.max(...waiting.map(({ envelope }) => envelope.sentAt));
    const wait = Math.min(Math.max(Math.ceil((now - youngest) / 2), FIRST_WAIT), LONGEST_WAIT);
    if (waker === undefined) this.#timer = clock.after(wait, () => this.poke());
    else waker.remind?.("mail", now + wait);
  }

  /** Takes mail to where it goes; the rows that have to wait. */
  async #carry(rows: readonly OutboxRow[]): Promise<readonly OutboxRow[]> {
    const { store, clock, keyWaits } = this.#kernel;
    const at = clock.now();
    const receipts = await this.#deliver(rows, at);
    // What has to be signed or sealed first waits for the keys as long as they are locked.
    const giveUp = keyWaits.locked ? Number.POSITIVE_INFINITY : GIVE_UP;
    const ended = rows.map((row, i) => {
      const expired = (row.envelope.expiresAt ?? row.envelope.sentAt + giveUp) < at;
      const receipt = receipts[i] === "busy" && expired ? "unreachable" : receipts[i]!;
      return { row, receipt, reason: receipt === "busy" ? undefined : REASONS[receipt] };
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
    if (bounces.length > 0) {
      const told = await this.#bounce(
        bounces.map(({ envelope }) => envelope),
        at,
      );
      // A sender that is between two homes is told a little later.
      bounces.forEach(({ row }, i) => told[i] === "busy" && waiting.add(row));
    }
    // Only what is durable in the inbox may leave the outbox.
    await store.sync();
    await store.sent(
      ended
        .filter(({ row }) => !waiting.has(row))
        .map(({ row, reason }) => (reason === undefined ? { row } : { row, reason: reason.text })),
    );
    return [...waiting];
  }

  /** Tells senders, wherever they live by now, what cannot be delivered. */
  async #bounce(envelopes: readonly Envelope[], at: number): Promise<readonly Receipt[]> {
    const mail = envelopes.map((envelope) => ({ envelope, inbox: inboxOf(undefined), at }));
    const receipts = await this.#kernel.store.deliver(mail);
    for (const { to } of envelopes) this.#events.delivered(to);
    return forwardMoved(this.#kernel, { mail: envelopes, receipts });
  }

  /** Puts mail into inboxes, here or elsewhere; what was for somebody who is gone, once more. */
  async #deliver(rows: readonly OutboxRow[], at: number): Promise<readonly Receipt[]> {
    const found = await Promise.all(rows.map((row) => addressed(this.#kernel, row)));
    // Whose address cannot be found now waits, and with it what was sent after it.
    const waiting: Waiting = new Map();
    const letters = rows.map((row, i) => {
      if (found[i] === "busy") hold(waiting, row);
      return waits(waiting, row) ? ("busy" as const) : found[i]!;
    });
    const receipts = [...(await this.#post(letters, at))];
    const gone = rows.flatMap((_, i) => (GONE.has(receipts[i]!) ? [i] : []));
    if (gone.length === 0) return receipts;
    // A name may be another agent's by now, or of one that was only being made.
    const again = await Promise.all(gone.map((i) => addressedAnew(this.#kernel, rows[i]!)));
    const theirs = await this.#post(
      again.map((letter, k) => letter ?? receipts[gone[k]!]!),
      at,
    );
    gone.forEach((i, k) => {
      receipts[i] = theirs[k]!;
    });
    return receipts;
  }

  /** What became of each letter; one that could not be addressed is a receipt already. */
  async #post(letters: readonly (Envelope | Receipt)[], at: number): Promise<readonly Receipt[]> {
    const receipts = await Promise.all(
      letters.map(async (letter): Promise<Receipt> => {
        if (typeof letter === "string") return letter;
        return letter.to === PUBLIC ? this.#publish(letter) : "busy";
      }),
    );
    const places = letters.flatMap((letter, i) =>
      typeof letter === "string" || letter.to === PUBLIC ? [] : [i],
    );
    if (places.length === 0) return receipts;
    const theirs = await this.#put(
      places.map((i) => letters[i] as Envelope),
      at,
    );
    places.forEach((i, k) => {
      receipts[i] = theirs[k]!;
    });
    return receipts;
  }

  async #publish(event: Envelope): Promise<Receipt> {
    const { carrier } = this.#kernel;
    return (await carrier?.publish?.(event).catch(() => "busy" as const)) ?? "unpublished";
  }

  async #put(letters: readonly Envelope[], at: number): Promise<readonly Receipt[]> {
    const { store, agents, carrier } = this.#kernel;
    const targets = await Promise.all(letters.map(({ to }) => store.get(to)));
    const mail = letters.map((envelope, i): Mail => ({
      envelope,
      inbox: inboxOf(agents.get(targets[i]?.type ?? "")),
      at,
    }));
    const here = await store.deliver(mail);
    for (const { envelope } of mail) this.#events.delivered(envelope.to);
    const envelopes = mail.map(({ envelope }) => envelope);
    const receipts = [...(await forwardMoved(this.#kernel, { mail: envelopes, receipts: here }))];
    if (carrier === undefined) return receipts;
    const away = receipts.flatMap((receipt, i) => (receipt === "unknown" ? [i] : []));
    if (away.length === 0) return receipts;
    const theirs = await carrier.deliver(away.map((i) => mail[i]!.envelope));
    away.forEach((i, k) => {
      receipts[i] = theirs[k]!;
    });
    return receipts;
  }
}

/** Receipts of mail whose recipient is not there, or no more. */
const GONE: ReadonlySet<Receipt> = new Set(["unknown", "terminated"]);
/** How long mail that has to wait does so, ms: at first, and at most. */
const FIRST_WAIT = 100;
const LONGEST_WAIT = 60_000;
/** How long after it was sent mail with no end of its own is given up, ms: a day. */
const GIVE_UP = 86_400_000;

/** The first mail that waits, by sender and recipient: what was sent after it waits as well. */
type Waiting = Map<string, OutboxRow>;

/** Whom mail is for, by key and by name: mail that shares one of them arrives in its order. */
function pathsOf({ agent, envelope: { to, toName } }: OutboxRow): readonly string[] {
  return [to, ...(toName === undefined ? [] : [toName])].map((one) => `${agent} ${one}`);
}

/** True for mail that waits for what was sent before it; what comes after it then waits for it. */
function waits(waiting: Waiting, row: OutboxRow): boolean {
  const before = pathsOf(row).find((path) => waiting.has(path));
  if (before !== undefined) hold(waiting, waiting.get(before)!, row);
  return before !== undefined;
}

/** Notes that mail waits, for itself or for the `first` that was sent before it. */
function hold(waiting: Waiting, first: OutboxRow, row: OutboxRow = first): void {
  for (const path of pathsOf(row)) if (!waiting.has(path)) waiting.set(path, first);
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
  unreachable: { code: "UNREACHABLE", text: "The recipient could not be reached" },
} as const satisfies Record<Exclude<Receipt, "busy">, Reason | undefined>;

interface Reason {
  readonly code: ErrorCode;
  readonly text: string;
}

/** The inbox rules of an agent type; those of a type that is not known here bind nobody. */
export function inboxOf(definition: AgentDefinition | undefined): Mail["inbox"] {
  return definition?.inbox ?? { depth: 1000, overflow: "dead-letter" };
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
