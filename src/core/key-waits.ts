import type { Envelope } from "./envelope.ts";
import { OpenAgentsError } from "./errors.ts";
import { isLocked } from "./locked.ts";
import type { Lock } from "./ports/index.ts";

/** Whom it concerns that something waits for the keys. */
export interface KeyWaitEvents {
  /** The first one does; the others are not told of. */
  readonly first: () => void;
  /** A trigger was tried, and needs a key. */
  readonly held: (source: string) => void;
}

/** What `KeyWaits.attempt` gives when the work has to wait for a key. */
export const HELD: unique symbol = Symbol("held");

/**
 * The triggers that wait for the keys while these are locked: sealed mail, and whatever was tried and
 * turned out to need a key. Each waits as it is, with no try counted, and the agent goes on with what
 * else is due. None of this is stored: it is found out anew. A `source` names a trigger among those of
 * its agent: see `mailSource` and `timerSource`.
 */
export class KeyWaits {
  readonly #lock: Lock | undefined;
  readonly #events: KeyWaitEvents;
  /** Sources that were tried, by agent. */
  readonly #held = new Map<string, Set<string>>();
  #told = false;

  constructor(lock: Lock | undefined, events: KeyWaitEvents) {
    this.#lock = lock;
    this.#events = events;
  }

  get locked(): boolean {
    return this.#lock?.locked === true;
  }

  /** True when they were locked, or could have been. */
  get opened(): boolean {
    return this.#lock?.locked === false;
  }

  /** True for a trigger that is not to be tried before the keys are open. */
  holds(agent: string, source: string): boolean {
    return this.locked && this.#held.get(agent)?.has(source) === true;
  }

  /** True for mail that cannot be opened now. */
  seals({ sealed }: Envelope): boolean {
    if (!this.locked || sealed === undefined) return false;
    this.#tell();
    return true;
  }

  /** True when a timer of this agent has gone off and waits. */
  holdsTimer(agent: string): boolean {
    if (!this.locked) return false;
    return [...(this.#held.get(agent) ?? [])].some((source) => source.startsWith(TIMER));
  }

  /** Does the work of a trigger; from here on that waits when it needs a key while they are locked. */
  async attempt<T>(
    agent: string,
    source: string,
    work: () => Promise<T>,
  ): Promise<T | typeof HELD> {
    try {
      return await work();
    } catch (error) {
      // They may have been opened since, or it is another signer that has no lock here.
      if (!isLocked(error) || !this.locked) throw error;
    }
    const sources = this.#held.get(agent) ?? new Set();
    this.#held.set(agent, sources.add(source));
    this.#tell();
    this.#events.held(source);
    return HELD;
  }

  /** Opens the keys: nothing waits any more. @throws INVALID where there is no lock, DENIED */
  async open(passphrase: string): Promise<void> {
    if (this.#lock === undefined) {
      throw new OpenAgentsError("INVALID", "Cannot unlock: the keys here are never locked");
    }
    await this.#lock.open(passphrase);
    this.#held.clear();
  }

  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    this.#events.first();
  }
}

const TIMER = "timer ";

/** The source that mail is, by its envelope's id. */
export function mailSource(id: string): string {
  return `mail ${id}`;
}

/** The source that a timer is, by its path. */
export function timerSource(path: string): string {
  return TIMER + path;
}
