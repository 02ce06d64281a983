import type { RetryPolicy } from "./definition.ts";
import { toMs } from "./duration.ts";
import type { Kernel, LoadedAgent } from "./kernel.ts";
import type { Occasion } from "./perceive.ts";
import type { Claim } from "./ports/index.ts";
import { paths } from "./tree.ts";

/** An agent is held while its suspect rests, so not for longer than this, ms. */
const LONGEST_REST = 30_000;

/**
 * Keeps a trigger that kills its process from doing so for ever, at no cost to the others: only
 * triggers that were already there when this process began are counted, durably, before they are
 * acted on. One that was counted before, and so did not come to its end, waits as long as after any
 * failure, so that a process that is killed for other reasons has no time to blame it; and runs while
 * no other such one does: if the process dies again, it alone is to blame. Past the retries it is refused.
 *
 * A tick may begin before its trigger is durable; a process that dies then forgets both. So that a
 * trigger cannot hide in this way, everything is made durable before it is acted on for a while
 * after a crash.
 */
export async function watchSuspect<T>(
  kernel: Kernel,
  input: { readonly agent: LoadedAgent; readonly claim: Claim; readonly occasion: Occasion },
  act: (occasion: Occasion) => Promise<T>,
): Promise<T> {
  const { agent, claim, occasion } = input;
  if (occasion.refusal !== undefined) return act(occasion);
  if (!occasion.suspect) {
    if (kernel.clock.now() < kernel.carefulUntil) await kernel.store.sync();
    return act(occasion);
  }
  const path = paths.crashes(occasion.envelope.id);
  const [value] = await kernel.store.read(agent.record.id, [path]);
  const crashes = Number(value ?? 0);
  if (crashes > agent.definition.retry.retries) {
    const message = `The process died ${crashes} times while it worked on this`;
    return act({ ...occasion, refusal: { outcome: "failed", error: { code: "FAILED", message } } });
  }
  const mark = (count: number): Promise<void> =>
    kernel.store.journal(claim, [{ path, value: String(count) }]);
  const count = async (): Promise<T> => {
    await mark(crashes + 1);
    await kernel.store.sync();
    try {
      return await act(occasion);
    } catch (error) {
      // It was cut off or could not be committed: whatever it was, the process lives.
      await mark(crashes).catch(() => undefined);
      throw error;
    }
  };
  if (crashes === 0) return count();
  await until(kernel, kernel.startedAt + restOf(kernel, agent.definition.retry, crashes));
  return kernel.suspects.run(count);
}

/**
 * How long after its start a process leaves a suspect alone, ms: by chance half as long or half as
 * long again as after that many failures, since processes that share their fate begin at one time.
 */
function restOf({ random }: Kernel, { backoff, maxBackoff }: RetryPolicy, crashes: number): number {
  const rest = Math.min(toMs(backoff) * 2 ** (crashes - 1), toMs(maxBackoff), LONGEST_REST);
  return Math.round(rest * (0.5 + random.bytes(1)[0]! / 255));
}

function until({ clock }: Kernel, at: number): Promise<void> | void {
  const left = at - clock.now();
  if (left > 0) return new Promise((resolve) => void clock.after(left, resolve));
}
