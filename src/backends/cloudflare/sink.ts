import type { Envelope } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { isKey } from "../../core/agent.ts";
import type { Receipt, Sink } from "../../core/ports/index.ts";
import { idOf } from "./carrier.ts";
import type { Directory } from "./directory.ts";
import type { ObjectNamespace } from "./platform.ts";
import type { Arrival } from "./relays.ts";
import { call } from "./wire.ts";

/** Receipts of an object whose agent is not, or not any more, the one of a name. */
const ELSEWHERE: ReadonlySet<Receipt> = new Set(["unknown", "terminated"]);

/**
 * Where drivers put envelopes in a Worker: each recipient's in one call of its object, in order. Once a
 * call failed, the next ones to that recipient say that it is a second try, so that mail that ends its
 * object is found out there; the receipt is `busy` then.
 */
export function driverSink({
  agents,
  directory,
}: {
  readonly agents: ObjectNamespace;
  readonly directory: Directory;
}): Sink {
  const failed = new Set<string>();

  const accept = async (ref: string, mail: readonly Envelope[]): Promise<readonly Receipt[]> => {
    let id: string | undefined;
    try {
      const to = (id = await idOf(directory, ref));
      const input: Arrival = {
        mail: mail.map((envelope) => ({ ...envelope, to })),
        uses: [],
        again: failed.has(to),
      };
      const receipts = await call<Receipt[]>(agents, to, { method: "accept", input });
      failed.delete(to);
      return receipts;
    } catch (error) {
      const code = error instanceof OpenAgentsError ? error.code : undefined;
      if (code === "NOT_FOUND") return mail.map((): Receipt => "unknown");
      // What is wrong with the mail is for whoever made it.
      if (code === "INVALID") throw error;
      if (id !== undefined) failed.add(id);
      return mail.map((): Receipt => "busy");
    }
  };

  /** That a name went to another agent since it was looked up is noticed by the object that had it. */
  const acceptFor = async (ref: string, mail: readonly Envelope[]): Promise<readonly Receipt[]> => {
    const remembered = !isKey(ref) && directory.remembers(ref);
    const receipts = await accept(ref, mail);
    if (isKey(ref) || !receipts.every((receipt) => ELSEWHERE.has(receipt))) return receipts;
    // An agent whose object was not told of its birth hears of it now.
    const completed = await directory.complete(ref).catch(() => false);
    if (!remembered && !completed) return receipts;
    directory.forget(ref);
    return accept(ref, mail);
  };

  return async (mail) => {
    const receipts: Receipt[] = [];
    const byRecipient = Map.groupBy(mail.keys(), (i) => mail[i]!.to);
    await Promise.all(
      [...byRecipient].map(async ([ref, indexes]) => {
        const theirs = await acceptFor(
          ref,
          indexes.map((i) => mail[i]!),
        );
        indexes.forEach((i, k) => {
          receipts[i] = theirs[k] ?? "busy";
        });
      }),
    );
    return receipts;
  };
}
