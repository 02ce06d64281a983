import type { AgentRecord } from "./agent.ts";
import { bear, isBirth } from "./births.ts";
import type { AgentDefinition } from "./definition.ts";
import { PUBLIC } from "./envelope.ts";
import type { Envelope } from "./envelope.ts";
import { forwardMoved } from "./forwarding.ts";
import type { Kernel } from "./kernel.ts";
import { addressed, addressedAnew } from "./letters.ts";
import type { Mail, OutboxRow, Receipt } from "./ports/index.ts";

/** When mail is delivered, and what of it has to be durable before it leaves the outbox. */
export interface Round {
  readonly at: number;
  readonly durable: Durable;
}

/**
 * Changes of a store that are to be durable: each is noted in the turn in which it is applied, as a loss
 * is told to nobody who asks later.
 */
export class Durable {
  readonly #store: Pick<Kernel["store"], "sync">;
  readonly #waits: Promise<void>[] = [];

  constructor(store: Pick<Kernel["store"], "sync">) {
    this.#store = store;
  }

  note(): void {
    const durable = this.#store.sync();
    // Its loss is told by `all`.
    durable.catch(() => undefined);
    this.#waits.push(durable);
  }

  /** @throws STORE when one of them was lost */
  async all(): Promise<void> {
    await Promise.all(this.#waits);
  }
}

/** Mail for an agent, with the agent's type where it is here. */
export interface Letter {
  readonly envelope: Envelope;
  readonly type: string | undefined;
}

/** Whom a delivery tells. */
export interface DeliveryEvents {
  /** Whose inbox something was put into. */
  readonly delivered: (id: string) => void;
  readonly born: (agent: AgentRecord) => void;
}

/** Puts outgoing mail where it goes: into inboxes here, and by the ports of the kernel elsewhere. */
export class Delivery {
  readonly #kernel: Kernel;
  readonly #events: DeliveryEvents;

  constructor(kernel: Kernel, events: DeliveryEvents) {
    this.#kernel = kernel;
    this.#events = events;
  }

  /**
   * The letter to put into an inbox here; `away` for mail that is for somebody else, as far as that is
   * known here: asks nobody. `busy` when it is to be tried again.
   */
  async place(row: OutboxRow): Promise<Letter | "away" | "busy"> {
    const { store } = this.#kernel;
    const { to, toName, sealed } = row.envelope;
    if (to === PUBLIC || isBirth(row.envelope)) return "away";
    // Whoever has the name here is meant; if nobody has, others are asked.
    if (sealed === "own" && (await store.get(toName ?? to)) === undefined) return "away";
    const envelope = await addressed(this.#kernel, row);
    if (envelope === "busy") return envelope;
    if (typeof envelope === "string") return "away";
    const target = await store.get(envelope.to);
    if (target === undefined) return "away";
    switch (target.status) {
      case "leaving":
      case "arriving":
        return "busy";
      case "terminated":
      case "moved":
        return "away";
      default:
        return { envelope, type: target.type };
    }
  }

  /** Puts letters into inboxes of this store. */
  async here(letters: readonly Letter[], { at, durable }: Round): Promise<readonly Receipt[]> {
    const { store, agents, counters } = this.#kernel;
    const mail = letters.map(({ envelope, type = "" }): Mail => ({
      envelope,
      inbox: inboxOf(agents.get(type)),
      at,
    }));
    const receipts = await store.deliver(mail);
    durable.note();
    counters.received(receipts);
    for (const { envelope } of letters) this.#events.delivered(envelope.to);
    return receipts;
  }

  /** Takes mail to wherever it goes; what was for somebody who is gone, once more, by the name. */
  async away(rows: readonly OutboxRow[], round: Round): Promise<readonly Receipt[]> {
    const letters: (Envelope | Receipt)[] = [];
    for (const row of rows) {
      // Where one cannot be addressed now, none after it goes.
      letters.push(letters.at(-1) === "busy" ? "busy" : await this.#letter(row, round));
    }
    const receipts = [...(await this.#post(letters, round))];
    const gone = rows.flatMap((_, i) => (GONE.has(receipts[i]!) ? [i] : []));
    if (gone.length === 0) return receipts;
    // A name may be another agent's by now, or of one that was only being made.
    const again = await Promise.all(gone.map((i) => addressedAnew(this.#kernel, rows[i]!)));
    const theirs = await this.#post(
      again.map((letter, k) => letter ?? receipts[gone[k]!]!),
      round,
    );
    gone.forEach((i, k) => {
      receipts[i] = theirs[k]!;
    });
    return receipts;
  }

  /** What is to be delivered of a row; a child is made, and its letter has arrived with that. */
  #letter(row: OutboxRow, round: Round): Promise<Envelope | Receipt> {
    if (!isBirth(row.envelope)) return addressed(this.#kernel, row);
    const { born } = this.#events;
    return bear(this.#kernel, row.envelope, {
      round,
      born,
      tell: (note) => this.tell(note, round),
    });
  }

  /** Delivers one letter of the runtime's own. */
  async tell(note: Envelope, round: Round): Promise<Receipt> {
    const [receipt = "busy"] = await this.#put([note], round);
    return receipt;
  }

  /** Puts the runtime's own answers into inboxes, wherever those they are for live by now. */
  async answer(envelopes: readonly Envelope[], round: Round): Promise<readonly Receipt[]> {
    const receipts = await this.here(await this.#letters(envelopes), round);
    return forwardMoved(this.#kernel, { mail: envelopes, receipts });
  }

  /** What became of each letter; one that could not be addressed is a receipt already. */
  async #post(letters: readonly (Envelope | Receipt)[], round: Round): Promise<readonly Receipt[]> {
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
      round,
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

  async #letters(envelopes: readonly Envelope[]): Promise<readonly Letter[]> {
    const { store } = this.#kernel;
    return Promise.all(
      envelopes.map(async (envelope) => ({ envelope, type: (await store.get(envelope.to))?.type })),
    );
  }

  async #put(mail: readonly Envelope[], round: Round): Promise<readonly Receipt[]> {
    const { carrier } = this.#kernel;
    const here = await this.here(await this.#letters(mail), round);
    const receipts = [...(await forwardMoved(this.#kernel, { mail, receipts: here }))];
    if (carrier === undefined) return receipts;
    const away = receipts.flatMap((receipt, i) => (receipt === "unknown" ? [i] : []));
    if (away.length === 0) return receipts;
    const theirs = await carrier.deliver(away.map((i) => mail[i]!));
    away.forEach((i, k) => {
      receipts[i] = theirs[k]!;
    });
    return receipts;
  }
}

/** Receipts of mail whose recipient is not there, or no more. */
const GONE: ReadonlySet<Receipt> = new Set(["unknown", "terminated"]);

/** The inbox rules of an agent type; those of a type that is not known here bind nobody. */
export function inboxOf(definition: AgentDefinition | undefined): Mail["inbox"] {
  return definition?.inbox ?? { depth: 1000, overflow: "dead-letter" };
}
