import type { Envelope } from "./envelope.ts";
import type { Kernel } from "./kernel.ts";
import { moveOf } from "./move.ts";
import type { Receipt } from "./ports/index.ts";

/** How many homes may pass mail on, one after the other: beyond that two send it to each other. */
const MAX_HOPS = 16;

/**
 * Passes on what could not be delivered because its recipient moved, where the agent's old home is to
 * do so; the receipts, with what became of it there. What cannot be passed on now is `busy`. `hops` is
 * how many homes have passed it on already.
 */
export async function forwardMoved(
  kernel: Kernel,
  sent: {
    readonly mail: readonly Envelope[];
    readonly receipts: readonly Receipt[];
    readonly hops?: number;
  },
): Promise<readonly Receipt[]> {
  const { store, forwarder } = kernel;
  const { mail, receipts, hops = 0 } = sent;
  // A command is for this home alone: another one takes none from here.
  const moved = receipts.flatMap((receipt, i) =>
    receipt === "moved" && mail[i]!.type !== "control" ? [i] : [],
  );
  if (moved.length === 0) return receipts;
  const result = [...receipts];
  for (const [id, places] of Map.groupBy(moved, (i) => mail[i]!.to)) {
    const home = moveOf((await store.get(id)) ?? {}).moved;
    if (home === undefined) {
      // It has come back, or is about to, since its mail was refused.
      for (const i of places) result[i] = "busy";
      continue;
    }
    if (home.policy === "refuse" || forwarder === undefined || hops >= MAX_HOPS) continue;
    const to = { url: home.url, agent: id, ticket: home.ticket, hops: hops + 1 };
    const theirs = await forwarder
      .forward(
        to,
        places.map((i) => mail[i]!),
      )
      .catch(() => []);
    places.forEach((i, k) => {
      result[i] = theirs[k] ?? "busy";
    });
  }
  return result;
}
