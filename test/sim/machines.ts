import type { Clock, Random, Store } from "../../src/core/ports/index.ts";
import { seeded } from "./world.ts";

/** A simulated machine. Its process is a *life*: a crash ends it at any point where it waits. */
export class Machine {
  life = 0;
  #ended: PromiseWithResolvers<never> = Promise.withResolvers();

  constructor() {
    this.#ended.promise.catch(() => undefined);
  }

  /** Rejects when the life that it was asked in is over. */
  get ended(): Promise<never> {
    return this.#ended.promise;
  }

  /** Ends the life of its process. */
  end(): void {
    this.life += 1;
    this.#ended.reject(new Error("The machine went down"));
    this.#ended = Promise.withResolvers();
    this.#ended.promise.catch(() => undefined);
  }
}

interface Pause {
  readonly machine: Machine;
  readonly life: number;
  go(): void;
}

interface Timer extends Omit<Pause, "go"> {
  readonly at: number;
  readonly seq: number;
  run(): void;
}

/** Several machines with one time, one chance, and one order in which everything on them goes on. */
export class Machines {
  readonly chance: () => number;
  time = 1_700_000_000_000;
  #pauses: Pause[] = [];
  #timers: Timer[] = [];
  #seq = 0;

  constructor(seed: number) {
    this.chance = seeded(seed);
  }

  /** Waits until chance has it go on: never, once the machine went down. */
  pause(machine: Machine, life: number = machine.life): Promise<void> {
    if (life !== machine.life) return new Promise(() => undefined);
    return new Promise((resolve) => {
      this.#pauses.push({ machine, life, go: resolve });
    });
  }

  clock(machine: Machine): Clock {
    const { life } = machine;
    return {
      now: () => this.time,
      after: (ms, run) => {
        this.#seq += 1;
        const timer = { machine, life, at: this.time + Math.max(0, ms), seq: this.#seq, run };
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

  /** The store as a process sees it: each call may be held up on its way in and out. */
  shaky(machine: Machine, store: Store): Store {
    const { life } = machine;
    return new Proxy(store, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]): Promise<unknown> => {
          await this.pause(machine, life);
          const result = await method.apply(target, args);
          await this.pause(machine, life);
          return result;
        };
      },
    });
  }

  /** Lets one thing go on. False when there is nothing to do for `horizon` ms. */
  async step(horizon: number): Promise<boolean> {
    await settled();
    const alive = ({ machine, life }: Omit<Pause, "go">): boolean => machine.life === life;
    this.#pauses = this.#pauses.filter(alive);
    this.#timers = this.#timers.filter(alive).sort((a, b) => a.at - b.at || a.seq - b.seq);
    const [timer] = this.#timers;
    // Now and then time goes on although something waits: else whoever asks again and again stops it.
    const near = timer !== undefined && timer.at <= this.time + horizon;
    const late = near && this.chance() < (timer.at <= this.time ? 0.2 : 0.002);
    if (this.#pauses.length > 0 && !late) {
      const [pause] = this.#pauses.splice(Math.floor(this.chance() * this.#pauses.length), 1);
      pause!.go();
      await settled();
      return true;
    }
    if (!near) return false;
    this.#timers.shift();
    this.time = Math.max(this.time, timer.at);
    timer.run();
    await settled();
    return true;
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
