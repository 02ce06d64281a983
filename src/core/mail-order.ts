import type { OutboxRow } from "./ports/index.ts";

/**
 * What waits in one pass through the outbox, so that no mail overtakes what its sender sent before it to
 * the same recipient. Whom mail is for, it says by key and by name: what shares one of them is in order.
 */
export class MailOrder {
  /** With whom what waits goes together, by sender and recipient. */
  readonly #waiting = new Map<string, string>();

  /**
   * True when mail has to wait, which is noted: for what comes after it. What goes together with all that
   * it would wait for does not wait.
   */
  waits(row: OutboxRow, together = ""): boolean {
    const before = pathsOf(row).flatMap((path) => this.#waiting.get(path) ?? []);
    if (before.every((other) => other === together && other !== "")) return false;
    this.hold(row);
    return true;
  }

  /** Notes that mail waits, or goes later together with other mail. */
  hold(row: OutboxRow, together = ""): void {
    for (const path of pathsOf(row)) this.#waiting.set(path, together);
  }

  /** True when something waits. */
  get any(): boolean {
    return this.#waiting.size > 0;
  }
}

function pathsOf({ agent, envelope: { to, toName } }: OutboxRow): readonly string[] {
  return [to, ...(toName === undefined ? [] : [toName])].map((one) => `${agent} ${one}`);
}
