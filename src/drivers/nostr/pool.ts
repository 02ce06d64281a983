import { OpenAgentsError } from "../../core/errors.ts";
import { Recent } from "./recent.ts";
import { Relay } from "./relay.ts";
import type { Prover, RelayKit, RelayReport } from "./relay.ts";
import { relayUrl } from "./wire.ts";

/** How many relays of others are kept connected, and for how long after their last use, ms. */
const GUESTS = 32;
const IDLE = 60_000;
/**
 * How long a relay of others that did not answer is left alone, ms: at first, and twice as long each time.
 * Of how many of them that is kept.
 */
const FIRST_REST = 10_000;
const LONGEST_REST = 600_000;
const RESTING = 10_000;

export interface PoolOptions extends RelayKit {
  /** Who we are to our own relays, and to those of others. */
  readonly agents: Prover;
  readonly nobody: Prover;
  /** Whether a relay that somebody else named may be connected to. */
  readonly mayVisit: (url: string) => boolean;
}

interface Guest {
  readonly relay: Relay;
  cancel: () => void;
}

/** A relay of others that did not answer when it was last tried. */
interface Resting {
  readonly until: number;
  readonly wait: number;
}

/**
 * The relays of a driver: its own, which stay connected, and those that others name for their mail,
 * which are connected when there is something for them, if they may be. Those do not hear who our
 * agents are.
 */
export class Pool {
  /** The relays of the configuration. */
  readonly own: readonly Relay[];
  readonly #options: PoolOptions;
  readonly #byUrl: ReadonlyMap<string, Relay>;
  readonly #guests = new Recent<Guest>(GUESTS);
  readonly #resting = new Recent<Resting>(RESTING);
  #running = false;

  /** @throws CONFIG for an address that is none of a relay */
  constructor(urls: readonly string[], options: PoolOptions) {
    this.#options = options;
    const { agents } = options;
    const own = new Map<string, Relay>();
    for (const text of urls) {
      const url = relayUrl(text);
      if (url === undefined) {
        throw new OpenAgentsError(
          "CONFIG",
          `Cannot use relay "${text}": write its address as wss://HOST or ws://HOST:PORT`,
        );
      }
      own.set(url, new Relay(url, options, { prover: agents, guest: false }));
    }
    this.#byUrl = own;
    this.own = [...own.values()];
  }

  start(): void {
    this.#running = true;
    for (const relay of this.own) relay.start();
  }

  stop(): void {
    this.#running = false;
    for (const relay of this.own) relay.stop();
    for (const { relay, cancel } of this.#guests.values()) {
      cancel();
      relay.stop();
    }
  }

  /** Ends every connection of our own relays; each is opened again after a wait. */
  drop(reason: string): void {
    for (const relay of this.own) relay.drop(reason);
  }

  /**
   * The relay with this address, once it is connected; undefined for one that may not be used.
   * @throws UNREACHABLE when it cannot be connected to in time; at once, when it could not a while ago
   */
  async reach(url: string): Promise<Relay | undefined> {
    const own = this.#byUrl.get(url);
    if (own !== undefined) {
      if (own.connected) return own;
      throw unreachable(url);
    }
    if (!this.#options.mayVisit(url)) return undefined;
    if (!this.#running) throw unreachable(url);
    // Else whoever names relays that never answer would hold up mail to everybody.
    if ((this.#resting.get(url)?.until ?? 0) > this.#options.clock.now()) throw unreachable(url);
    const relay = this.#guest(url);
    if (relay.connected) return relay;
    try {
      await this.#connected(relay);
    } catch (error) {
      this.answered(url, false);
      throw error;
    }
    return relay;
  }

  /** Says whether a relay has answered: one of others that has not is left alone for a while. */
  answered(url: string, yes: boolean): void {
    if (this.#byUrl.has(url)) return;
    if (yes) {
      this.#resting.delete(url);
      return;
    }
    const wait = Math.min((this.#resting.get(url)?.wait ?? FIRST_REST / 2) * 2, LONGEST_REST);
    this.#resting.set(url, { until: this.#options.clock.now() + wait, wait });
  }

  /** How our own relays are. */
  reports(): readonly RelayReport[] {
    return this.own.map((relay) => relay.report());
  }

  #guest(url: string): Relay {
    const { nobody, clock } = this.#options;
    const known = this.#guests.get(url);
    const guest = known ?? {
      relay: new Relay(url, this.#options, { prover: nobody, guest: true }),
      cancel: () => undefined,
    };
    guest.cancel();
    guest.cancel = clock.after(IDLE, () => {
      this.#guests.delete(url);
      guest.relay.stop();
    });
    if (known !== undefined) return guest.relay;
    const dropped = this.#guests.set(url, guest);
    dropped?.cancel();
    dropped?.relay.stop();
    guest.relay.start();
    return guest.relay;
  }

  async #connected(relay: Relay): Promise<void> {
    const { clock, limits } = this.#options;
    const done = Promise.withResolvers<void>();
    const unwatch = relay.watch((connected) => connected && done.resolve());
    const stop = clock.after(limits.patience, () => done.reject(unreachable(relay.url)));
    try {
      await done.promise;
    } finally {
      unwatch();
      stop();
    }
  }
}

function unreachable(url: string): OpenAgentsError {
  return new OpenAgentsError("UNREACHABLE", `Cannot reach relay "${url}": it is not connected`);
}
