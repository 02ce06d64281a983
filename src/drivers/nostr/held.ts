import type { Envelope } from "../../core/envelope.ts";

/**
 * Mail whose agents are between two homes, in the order in which it came. What comes for such an
 * agent meanwhile has to wait behind it. What there is no room for has to be read again later.
 */
export class Held {
  readonly #mail = new Map<string, Envelope[]>();
  /** Agents of whose mail some had no room: none of it may get past that. */
  readonly #gaps = new Set<string>();
  readonly #room: number;
  #size = 0;

  constructor(room: number) {
    this.#room = room;
  }

  /** True when there is mail that is not durable. */
  get any(): boolean {
    return this.#size > 0 || this.#gaps.size > 0;
  }

  /** True when mail for this agent has to wait behind other. */
  blocks({ to }: Envelope): boolean {
    return this.#mail.has(to) || this.#gaps.has(to);
  }

  /** Keeps mail behind what is held for its agent; false when there is no room for it. */
  add(envelope: Envelope): boolean {
    const { to, id, from } = envelope;
    const mail = this.#mail.get(to) ?? [];
    if (mail.some((other) => other.id === id && other.from === from)) return true;
    if (this.#gaps.has(to) || this.#size >= this.#room) {
      this.#gaps.add(to);
      return false;
    }
    mail.push(envelope);
    this.#mail.set(to, mail);
    this.#size += 1;
    return true;
  }

  /** All that is held, in order. */
  all(): readonly Envelope[] {
    return [...this.#mail.values()].flat();
  }

  /** Lets go of mail that was delivered. */
  remove(envelope: Envelope): void {
    const mail = this.#mail.get(envelope.to) ?? [];
    const at = mail.indexOf(envelope);
    if (at === -1) return;
    mail.splice(at, 1);
    this.#size -= 1;
    if (mail.length === 0) this.#mail.delete(envelope.to);
  }

  /** True, once, when nothing is held any more and some mail had no room: it is to be read again. */
  takeGaps(): boolean {
    if (this.#size > 0 || this.#gaps.size === 0) return false;
    this.#gaps.clear();
    return true;
  }

  clear(): void {
    this.#mail.clear();
    this.#gaps.clear();
    this.#size = 0;
  }
}
