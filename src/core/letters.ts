import { addressOf } from "./address.ts";
import type { Envelope } from "./envelope.ts";
import { OpenAgentsError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import type { OutboxRow, Receipt } from "./ports/index.ts";
import { readdress } from "./seal.ts";

/**
 * Outgoing mail with its recipient's npub on it and sealed for that one; what could not be addressed
 * when it was sent is so now, or its receipt says why not.
 */
export async function addressed(kernel: Kernel, row: OutboxRow): Promise<Envelope | Receipt> {
  const { envelope } = row;
  if (envelope.sealed === "own") return address(kernel, row, false);
  return envelope;
}

/**
 * The same for mail whose recipient turned out to be gone: whoever has the name now. Undefined for
 * mail that was sent to a key.
 */
export async function addressedAnew(
  kernel: Kernel,
  row: OutboxRow,
): Promise<Envelope | Receipt | undefined> {
  return row.envelope.toName === undefined ? undefined : address(kernel, row, true);
}

async function address(
  kernel: Kernel,
  { agent, envelope }: OutboxRow,
  fresh: boolean,
): Promise<Envelope | Receipt> {
  try {
    const to = await addressOf(kernel, envelope.toName ?? envelope.to, fresh);
    const sender = await kernel.store.get(agent);
    if (to === undefined || sender === undefined) return "unknown";
    if (to.id === envelope.to && envelope.sealed === "sender") return envelope;
    return await readdress(kernel, sender, { envelope, to });
  } catch (error) {
    // A key that is none has no owner; whatever else it was may pass.
    const none = error instanceof OpenAgentsError && error.code === "INVALID";
    return none ? "unknown" : "busy";
  }
}
