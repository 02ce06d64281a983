import type { Clock, Random, Store } from "../../src/core/ports/index.ts";
import { OpenAgentsError } from "../../src/core/errors.ts";
import type { MemoryStore } from "../../src/stores/memory.ts";

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Lets everything happen that follows without waiting. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Something that waits to go on: a call on its way into the store, or on its way out. */
interface Pause {
  readonly life: number;
  /** The store's method, when it is a call of the store. */
  readonly call: string | undefined;
  go(): void;
  fail(error: Error): void;
}

/**
 * One simulated machine: its time, its chance, and the order in which everything on it goes on. All
 * of it follows from the seed. A process on it is a *life*; a crash ends a life at any point where
 * it waits, and what was not durable is gone.
 */
export class World {
  readonly chance: () => number;
  time = 1_700_000_000_000;
  /** The process that runs now. Whatever an earlier one still waits for never comes. */
  life = 0;
  crashes = 0;
  losses = 0;
  readonly #pauses: Pause[] = [];
  #timers: {
    readonly at: number;
    readonly seq: number;
    readonly life: number;
    readonly run: () => void;
  }[] = [];
  #seq = 0;

  constructor(seed: number) {
    this.chance = seeded(seed);
  }

  /** Waits until chance has it go on. */
  pause(life: number, call?: string): Promise<void> {
    if (life !== this.life) return new Promise(() => undefined);
    return new Promise((resolve, reject) => {
      this.#pauses.push({ life, call, go: resolve, fail: reject });
    });
  }

  /** The clock of one life. */
  clock(life: number): Clock {
    return {
      now: () => this.time,
      after: (ms, run) => {
        this.#seq += 1;
        const timer = { at: this.time + Math.max(0, ms), seq: this.#seq, life, run };
        this.#timers.push(timer);
        return () => {
          this.#timers = this.#timers.filter((other) => other !== timer);
        };
      },
    };
  }

  random(): Random {
    return {
      bytes: (length) => Uint8Array.from({ length }, () => Math.floor(this.chance() * 256)),
    };
  }

  /** The process dies: nothing of it goes on. */
  crash(store: MemoryStore): void {
    this.crashes += 1;
    this.life += 1;
    this.#pauses.length = 0;
    this.#timers = [];
    store.crash();
  }

  /** The disk refuses: what is applied and not durable is undone, and every call under way fails. */
  lose(store: MemoryStore): void {
    this.losses += 1;
    store.crash();
    for (const pause of this.#pauses.splice(0)) {
      if (pause.call === undefined) this.#pauses.push(pause);
      else pause.fail(new OpenAgentsError("STORE", `The disk refused: ${pause.call}`));
    }
  }

  /** Lets one thing go on. False when there is nothing to do for `horizon` ms. */
  async step(horizon: number): Promise<boolean> {
    await settled();
    if (this.#pauses.length > 0) {
      const [pause] = this.#pauses.splice(Math.floor(this.chance() * this.#pauses.length), 1);
      pause!.go();
    } else {
      this.#timers.sort((a, b) => a.at - b.at || a.seq - b.seq);
      const [timer] = this.#timers;
      if (timer === undefined || timer.at > this.time + horizon) return false;
      this.#timers.shift();
      this.time = Math.max(this.time, timer.at);
      timer.run();
    }
    await settled();
    return true;
  }
}

/**
 * The store as one life sees it: every call may be held up on its way in and on its way out, and a
 * call of a life that is over never comes back.
 */
export function shaky(world: World, store: Store): Store {
  const { life } = world;
  const methods = new Map<string | symbol, unknown>();
  return new Proxy(store, {
    get(target, name) {
      const known = methods.get(name);
      if (known !== undefined) return known;
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      const wrapped = async (...args: unknown[]): Promise<unknown> => {
        await world.pause(life, String(name));
        const result = await method.apply(target, args);
        await world.pause(life, String(name));
        return result;
      };
      methods.set(name, wrapped);
      return wrapped;
    },
  });
}
