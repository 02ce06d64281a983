import type { Clock } from "../../core/ports/index.ts";
import type { NostrDriver } from "../../drivers/nostr.ts";

export interface SessionOptions {
  /** What has to be over before this one may begin. */
  readonly after: Promise<void>;
  /** Makes the driver, started; undefined when there is nothing to do. */
  readonly begin: () => Promise<Running | undefined>;
  readonly clock: Clock;
  /** How long nothing has to happen until it ends, ms. */
  readonly stay: number;
  /** How long it waits for relays that do not answer, ms. */
  readonly patience: number;
  /** Told of what an operator should know. */
  readonly warn: (text: string) => void;
}

/** A driver at work. */
export interface Running {
  readonly driver: NostrDriver;
  readonly stop: () => Promise<void>;
}

/** How often it is looked whether something happens, ms. */
const LOOK = 250;

/**
 * Relays are connected from the beginning of a session to its end, which comes when all that they had
 * stored is taken in, nobody uses it, and for a while nothing came or went.
 */
export class RelaySession {
  /** Resolves when the connections are closed. Never rejects. */
  readonly done: Promise<void>;
  readonly #options: SessionOptions;
  readonly #running: Promise<Running | undefined>;
  #users = 0;
  #over = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#running = options.after.then(() => options.begin());
    this.done = this.#run();
  }

  /** True when it ends, and so nobody can use it. */
  get over(): boolean {
    return this.#over;
  }

  /** Does something with the driver, which is connected or about to be; undefined when there is none. */
  async use<T>(work: (driver: NostrDriver) => Promise<T>): Promise<T | undefined> {
    this.#users += 1;
    try {
      const running = await this.#running;
      return running && (await work(running.driver));
    } finally {
      this.#users -= 1;
    }
  }

  async #run(): Promise<void> {
    const { warn } = this.#options;
    try {
      const running = await this.#running;
      if (running !== undefined) {
        await this.#quiet(running.driver);
        this.#over = true;
        await running.stop();
      }
    } catch (error) {
      warn(`Cannot use relays: ${String(error)}`);
    }
    this.#over = true;
  }

  /** Resolves when there is nothing to stay for. */
  async #quiet(driver: NostrDriver): Promise<void> {
    const { clock, stay, patience } = this.#options;
    const begun = clock.now();
    let [seen, since] = [-1, begun];
    for (;;) {
      const { received, taken, repeated, published, declined, relays } = driver.metrics();
      const happened = received + taken + repeated + published + declined;
      const now = clock.now();
      if (happened !== seen || this.#users > 0) [seen, since] = [happened, now];
      // One that is not connected by then is tried again the next time.
      const late = now - begun >= patience;
      const settled = relays.every(({ connected, caughtUp }) => caughtUp || (late && !connected));
      if (settled && now - since >= stay) return;
      await new Promise<void>((resolve) => void clock.after(LOOK, resolve));
    }
  }
}
