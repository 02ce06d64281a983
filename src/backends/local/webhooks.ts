import { webhookTimer, webhooks } from "../../control/webhooks.ts";
import type { Webhooks } from "../../control/webhooks.ts";
import type { Clock, HomeFiles, Random } from "../../core/ports/index.ts";
import type { Runtime } from "../../core/runtime.ts";
import { webhookPost } from "./webhook-post.ts";

/** The webhooks of this machine, kept going by timers. */
export interface LocalWebhooks {
  readonly webhooks: Webhooks;
  /** Notes what agents do from now on. To be called before they do anything. */
  watch(runtime: Pick<Runtime, "watch">): void;
  /** Begins to send, and to note what they did while nobody watched, which may take long. */
  start(runtime: Pick<Runtime, "list" | "log">): void;
  /** Lets requests under way end for `grace` ms. */
  stop(grace: number): Promise<void>;
}

export interface LocalWebhooksOptions {
  readonly files: HomeFiles;
  readonly clock: Clock;
  readonly random: Random;
  readonly allowPrivate: boolean;
  readonly warn: (text: string) => void;
}

/** How long after a failure what was missed is looked for again, ms. */
const AGAIN = 10_000;

export function localWebhooks(options: LocalWebhooksOptions): LocalWebhooks {
  const { files, clock, random, allowPrivate, warn } = options;
  const timer = webhookTimer(clock);
  const post = webhookPost({ allowPrivate });
  const hooks = webhooks({ files, clock, random, post, allowPrivate, due: timer.due });
  const problem = (error: unknown): void =>
    warn(
      `Cannot go on with webhooks now: ${error instanceof Error ? error.message : String(error)}`,
    );
  const caughtUp = Promise.withResolvers<void>();
  const ending = new AbortController();
  // What was missed is noted, or will be by the next start: until then nothing newer may be.
  const catchUp = async (runtime: Pick<Runtime, "list" | "log">): Promise<void> => {
    while (!ending.signal.aborted) {
      try {
        if (await hooks.catchUp(runtime, ending.signal)) caughtUp.resolve();
        return;
      } catch (error) {
        problem(error);
      }
      await new Promise<void>((resolve) => {
        clock.after(AGAIN, resolve);
        ending.signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  };
  let catching: Promise<void> = Promise.resolve();
  let unwatch: (() => void) | undefined;
  let stopTimer: (() => void) | undefined;
  return {
    webhooks: hooks,
    watch(runtime) {
      // What comes now waits until all that was missed is noted: an agent's ticks are noted in their order.
      unwatch = runtime.watch(undefined, (tick) => {
        caughtUp.promise.then(() => hooks.notice([tick])).catch(problem);
      });
    },
    start(runtime) {
      catching = catchUp(runtime);
      stopTimer = timer.start(hooks, problem);
    },
    async stop(grace) {
      unwatch?.();
      ending.abort();
      stopTimer?.();
      let cancel = (): void => undefined;
      const late = new Promise<void>((resolve) => {
        cancel = clock.after(grace, resolve);
      });
      await Promise.race([catching.then(() => hooks.stop()).catch(problem), late]);
      cancel();
      post.close();
    },
  };
}
