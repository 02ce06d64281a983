import type { AgentDefinition } from "./definition.ts";
import type { Envelope } from "./envelope.ts";
import type { ErrorCode } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import type { Mail, OutboxRow, Receipt } from "./ports/index.ts";

/** What the courier tells the runtime. */
export interface CourierEvents {
  /** Mail was put into this agent's inbox. */
  readonly delivered: (id: string) => void;
  /** A round failed; the rows stay and are taken up with the next `poke`. */
  readonly failed: (error: unknown) => void;
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
  #again = false;

  constructor(kernel: Kernel, events: CourierEvents) {
    this.#kernel = kernel;
    this.#events = events;
  }

  /** Says that there may be outgoing mail. */
  poke(): void {
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when the round under way, if any, is over. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        for (;;) {
          const rows = await this.#kernel.store.outbox(0, BATCH);
          if (rows.length === 0) break;
          await this.#carry(rows);
        }
      }
    } catch (error) {
      this.#events.failed(error);
    }
  }

  async #carry(rows: readonly OutboxRow[]): Promise<void> {
    const { store, clock, agents } = this.#kernel;
    const at = clock.now();
    const targets = await Promise.all(rows.map(({ envelope }) => store.get(envelope.to)));
    const mail = rows.map(({ envelope }, i): Mail => {
      const target = targets[i];
      const to = target?.id ?? envelope.to;
      return { envelope: { ...envelope, to }, inbox: inboxOf(agents.get(target?.type ?? "")), at };
    });
    const receipts = await store.deliver(mail);
    const reasons = receipts.map((receipt) => REASONS[receipt]);
    const bounces = rows.flatMap(({ envelope }, i): Mail[] => {
      // One that is only kept with the dead letters will not be answered either.
      const reason = receipts[i] === "dead-lettered" ? REASONS.rejected : reasons[i];
      if (reason === undefined || envelope.type !== "request") return [];
      return [{ envelope: bounce(envelope, reason, at), inbox: inboxOf(undefined), at }];
    });
    if (bounces.length > 0) await store.deliver(bounces);
    for (const { envelope } of [...mail, ...bounces]) this.#events.delivered(envelope.to);
    // Only what is durable in the inbox may leave the outbox.
    await store.sync();
    await store.sent(
      rows.map((row, i) => {
        const reason = reasons[i];
        return reason === undefined ? { row } : { row, reason: reason.text };
      }),
    );
  }
}

/** Why mail with this receipt goes back to its sender's dead letters; undefined when it arrived. */
const REASONS = {
  accepted: undefined,
  duplicate: undefined,
  "dead-lettered": undefined,
  rejected: { code: "INBOX_FULL", text: "The recipient's inbox is full" },
  unknown: { code: "NOT_FOUND", text: "There is no such agent" },
  terminated: { code: "TERMINATED", text: "The recipient is terminated" },
} as const satisfies Record<Receipt, Reason | undefined>;

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
    payload: `Cannot deliver to "${request.to}": ${reason.text}`,
    replyTo: request.id,
    headers: { error: reason.code },
  };
}
