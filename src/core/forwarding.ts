import type { Envelope } from "./envelope.ts";
import type { Kernel } from "./kernel.ts";
import { moveOf } from "./move.ts";
import type { Receipt } from "./ports/index.ts";

/**
 * Passes on what could not be delivered because its recipient moved, where the agent's old home is to
 * do so; the receipts, with what became of it there. What cannot be passed on now is `busy`.
 */
export async function forwardMoved(
  kernel: Kernel,
  mail: readonly Envelope[],
  receipts: readonly Receipt[],
): Promise<readonly Receipt[]> {
  const { store, forwarder } = kernel;
  const moved = receipts.flatMap((receipt, i) => (receipt === "moved" ? [i] : []));
  if (moved.length === 0 || forwarder === undefined) return receipts;
  const result = [...receipts];
  for (const [id, places] of Map.groupBy(moved, (i) => mail[i]!.to)) {
    const home = moveOf((await store.get(id)) ?? {}).moved;
    if (home === undefined || home.policy === "refuse") continue;
    const to = { url: home.url, agent: id, ticket: home.ticket };
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
