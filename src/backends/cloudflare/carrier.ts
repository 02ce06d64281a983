import { isKey, isNpub } from "../../core/agent.ts";
import type { Envelope } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Carrier, Receipt } from "../../core/ports/index.ts";
import { encodeNpub } from "../../identity/nip19.ts";
import type { Directory } from "./directory.ts";
import type { ObjectNamespace } from "./platform.ts";
import { call } from "./wire.ts";

/**
 * Takes mail from an agent's object to those of others, each recipient's in one call and in order.
 * Once a call failed, the next ones to that recipient say that it is a second try, so that mail that
 * ends its object is found out there.
 */
export function objectCarrier(agents: ObjectNamespace, directory: Directory): Carrier {
  const failed = new Set<string>();

  const deliverTo = async (to: string, mail: readonly Envelope[]): Promise<readonly Receipt[]> => {
    try {
      for (let look = 1; ; look += 1) {
        const remembered = directory.remembers(to);
        const id = await idOf(directory, to);
        const input = { mail: mail.map((one) => ({ ...one, to: id })), again: failed.has(to) };
        const receipts = await call<Receipt[]>(agents, id, { method: "deliver", input });
        failed.delete(to);
        if (look === LOOKS || !receipts.some((receipt) => GONE.has(receipt))) return receipts;
        // The name may be another agent's by now, or of one that is only being made. What arrived is
        // known there by its id.
        if (remembered) directory.forget(to);
        else if (!(await directory.complete(to))) return receipts;
      }
    } catch (error) {
      if (error instanceof OpenAgentsError && error.code === "NOT_FOUND") {
        return mail.map((): Receipt => "unknown");
      }
      failed.add(to);
      return mail.map((): Receipt => "busy");
    }
  };

  return {
    async deliver(mail) {
      const receipts: Receipt[] = [];
      const byRecipient = Map.groupBy(mail.keys(), (i) => mail[i]!.to);
      await Promise.all(
        [...byRecipient].map(async ([to, indexes]) => {
          const theirs = await deliverTo(
            to,
            indexes.map((i) => mail[i]!),
          );
          indexes.forEach((i, k) => {
            receipts[i] = theirs[k] ?? "busy";
          });
        }),
      );
      return receipts;
    },
  };
}

/** How often a recipient is looked for: where it was, where it is, and once it is made. */
const LOOKS = 3;
/** Receipts of mail whose recipient is not the one that was meant, or no more. */
const GONE: ReadonlySet<Receipt> = new Set(["unknown", "terminated"]);

/** The npub that a name, an npub or a hex key stands for. @throws NOT_FOUND for a name of nobody */
export async function idOf(directory: Directory, ref: string): Promise<string> {
  if (isNpub(ref)) return ref;
  return isKey(ref) ? encodeNpub(ref.toLowerCase()) : directory.idOf(ref);
}
