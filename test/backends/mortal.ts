import type { Store } from "../../src/index.ts";

/** A store as one process sees it. */
export interface Mortal {
  readonly store: Store;
  /** The process dies: no call of its store comes back or does anything. The file is let go. */
  readonly die: () => Promise<void>;
}

export function mortal(store: Store): Mortal {
  let dead = false;
  const never = new Promise<never>(() => undefined);
  const proxy = new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        if (dead) return never;
        const result = await method.apply(target, args);
        return dead ? never : result;
      };
    },
  });
  return {
    store: proxy,
    async die() {
      dead = true;
      await store.close();
    },
  };
}
