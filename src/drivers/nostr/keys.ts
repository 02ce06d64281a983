import type { Clock, Lock } from "../../core/ports/index.ts";

/** Whether the keys of agents can be used now. */
export interface Keys {
  readonly locked: boolean;
  /** Resolves once they can be used, which may be at once; never after `stop`. */
  opened(): Promise<void>;
  /** Ends the waiting. Idempotent. */
  stop(): void;
}

/** How often it is looked whether somebody opened the keys, ms. */
const LOOK = 500;

/** The keys behind a lock, which is open where there is none. Once open they stay so. */
export function keysOf(lock: Lock | undefined, clock: Pick<Clock, "after">): Keys {
  const isLocked = (): boolean => lock?.locked === true;
  let waiting: PromiseWithResolvers<void> | undefined;
  let cancel: (() => void) | undefined;
  const look = (): void => {
    cancel = undefined;
    if (isLocked()) cancel = clock.after(LOOK, look);
    else waiting?.resolve();
  };
  return {
    get locked() {
      return isLocked();
    },
    async opened() {
      if (!isLocked()) return;
      waiting ??= Promise.withResolvers<void>();
      cancel ??= clock.after(LOOK, look);
      await waiting.promise;
    },
    stop() {
      cancel?.();
      cancel = undefined;
    },
  };
}
