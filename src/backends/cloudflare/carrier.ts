import { isKey, isNpub } from "../../core/agent.ts";
import type { Envelope } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Carrier, Receipt } from "../../core/ports/index.ts";
import { encodeNpub } from "../../identity/nip19.ts";
import type { Directory } from "./directory.ts";
import type { ObjectNamespace } from "./platform.ts";
import { call } from "./wire.ts";

/** Where mail goes. */
export interface CarrierParts {
  readonly agents: ObjectNamespace;
  readonly directory: Directory;
  /** Takes mail of this object's agent to relays. Default: there are none. */
  readonly post?: ((mail: readonly Envelope[]) => Promise<readonly Receipt[]>) | undefined;
}

/**
 * Takes mail from an agent's object to those of others, each recipient's in one call and in order,
 * and to the relays what is for nobody here. Once a call failed, the next ones to that recipient say
 * that it is a second try, so that mail that ends its object is found out there.
 */
export function objectCarrier({ agents, directory, post }: CarrierParts): Carrier {
  const failed = new Set<string>();

  const deliverTo = async (to: string, mail: readonly Envelope[]): Promise<readonly Receipt[]> => {
    try {
      const input = { mail, again: failed.has(to) };
      const receipts = await call<Receipt[]>(agents, to, { method: "deliver", input });
      failed.delete(to);
      return receipts;
    } catch (error) {
      if (isNobody(error)) return mail.map((): Receipt => "unknown");
      failed.add(to);
      return mail.map((): Receipt => "busy");
    }
  };

  /** Whoever is not here may be elsewhere. */
  const deliverAway = async (
    mail: readonly Envelope[],
    receipts: readonly Receipt[],
  ): Promise<readonly Receipt[]> => {
    const away = mail.filter((_, i) => receipts[i] === "unknown");
    if (post === undefined || away.length === 0) return receipts;
    const theirs = await post(away).catch(() => []);
    return receipts.map((receipt, i) =>
      receipt === "unknown" ? (theirs[away.indexOf(mail[i]!)] ?? "busy") : receipt,
    );
  };

  return {
    ...(post !== undefined && {
      async publish(envelope: Envelope) {
        const [receipt = "busy"] = await post([envelope]);
        return receipt;
      },
    }),
    async find(name, fresh) {
      if (fresh) {
        await directory.complete(name);
        // After it, as others may have asked for the name in the meantime.
        directory.forget(name);
      }
      try {
        return await directory.recentIdOf(name);
      } catch (error) {
        if (isNobody(error)) return undefined;
        throw error;
      }
    },
    async deliver(mail) {
      const receipts: Receipt[] = [];
      const byRecipient = Map.groupBy(mail.keys(), (i) => mail[i]!.to);
      await Promise.all(
        [...byRecipient].map(async ([to, indexes]) => {
          const letters = indexes.map((i) => mail[i]!);
          const theirs = await deliverAway(letters, await deliverTo(to, letters));
          indexes.forEach((i, k) => {
            receipts[i] = theirs[k] ?? "busy";
          });
        }),
      );
      return receipts;
    },
  };
}

function isNobody(error: unknown): boolean {
  return error instanceof OpenAgentsError && error.code === "NOT_FOUND";
}

/** The npub that a name, an npub or a hex key stands for. @throws NOT_FOUND for a name of nobody */
export async function idOf(directory: Directory, ref: string): Promise<string> {
  if (isNpub(ref)) return ref;
  return isKey(ref) ? encodeNpub(ref.toLowerCase()) : directory.idOf(ref);
}
