import type { Envelope } from "../../core/envelope.ts";
import type { OutboxRow } from "../../core/ports/store.ts";
import type { Undo } from "./undo.ts";

/** The outgoing mail of all agents of a memory store. */
export class Outbox {
  readonly #undo: Undo;
  readonly #rows = new Map<number, OutboxRow>();
  /** The last `seq` given: it is not taken back. */
  #seq = 0;

  constructor(undo: Undo) {
    this.#undo = undo;
  }

  add(agent: string, envelope: Envelope): void {
    this.#seq += 1;
    const row = { seq: this.#seq, agent, envelope: structuredClone(envelope) };
    this.#undo.set(this.#rows, row.seq, row);
  }

  /** Copies of rows by rising `seq`. */
  read(after: number, limit: number, ofAgent: (id: string) => boolean): readonly OutboxRow[] {
    return [...this.#rows.values()]
      .filter((row) => row.seq > after && ofAgent(row.agent))
      .sort((a, b) => a.seq - b.seq)
      .slice(0, limit)
      .map((row) => structuredClone(row));
  }

  /** False when it is not there. */
  take(seq: number): boolean {
    return this.#undo.delete(this.#rows, seq);
  }

  /** Takes out all that an agent was to send. */
  erase(agent: string): void {
    for (const row of this.#rows.values()) {
      if (row.agent === agent) this.#undo.delete(this.#rows, row.seq);
    }
  }
}
