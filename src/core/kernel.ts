import type { AgentRecord } from "./agent.ts";
import type { Factotum } from "./factotum.ts";
import type { Followers } from "./followers.ts";
import type { Counters } from "./counters.ts";
import type { AgentDefinition } from "./definition.ts";
import type { Limits } from "./runtime-definition.ts";
import type { KeyWaits } from "./key-waits.ts";
import type {
  Brake,
  Carrier,
  Clock,
  Forwarder,
  LogHead,
  NameResolver,
  Nursery,
  Random,
  Registry,
  SecretSource,
  Store,
  Tracer,
  TreeMaker,
  Waker,
} from "./ports/index.ts";
import type { MemoryTools, TickMemory } from "./ports/memory.ts";
import type { Mind } from "./ports/model.ts";
import type { Owed } from "./owed.ts";
import { uuidv7 } from "./uuid.ts";
import type { Watchers } from "./watchers.ts";

/** What every part of the kernel works with: the ports, and what the configuration says. */
export interface Kernel {
  readonly store: Store;
  readonly signer: Factotum;
  /** Takes mail to agents that are not in the store; without one there are none. */
  readonly carrier: Carrier | undefined;
  /** The npub behind `name@domain`; without it such names are nobody's. */
  readonly names: NameResolver | undefined;
  /** What agents remember beside their state; without one they have no `ctx.memory`. */
  readonly memory: ((tools: MemoryTools) => TickMemory) | undefined;
  /** Makes agents' trees of files; without one there is no `ctx.fs`. */
  readonly tree: TreeMaker | undefined;
  /** How agents think, by the name of their definition; none where the runtime was made without models. */
  readonly minds: ReadonlyMap<string, Mind>;
  /** The relays of the home. */
  readonly relays: readonly string[];
  /** Gives names out where the directory is elsewhere; without one the store does. */
  readonly registry: Registry | undefined;
  /** Makes the agents that agents make, where the directory is elsewhere; without one the store does. */
  readonly nursery: Nursery | undefined;
  /** Passes on the mail of agents that moved away; without one it is refused. */
  readonly forwarder: Forwarder | undefined;
  /** Keeps the time for what is due; without one the kernel has timers. */
  readonly waker: Waker | undefined;
  /** Notes spans; without one nothing is made for it. */
  readonly tracer: Tracer | undefined;
  /** The home's secrets by name; without it there are none. Ticks use `tickSecrets`. */
  readonly secrets: SecretSource | undefined;
  readonly counters: Counters;
  /** What ticks spent that left no trace. */
  readonly owed: Owed;
  /** Stops all ticks. */
  readonly brake: Brake;
  readonly clock: Clock;
  readonly random: Random;
  readonly agents: ReadonlyMap<string, AgentDefinition>;
  readonly limits: Limits;
  /** The release that this is. */
  readonly version: string;
  /** When this process began: a trigger from before then may be what ended the one before. */
  readonly startedAt: number;
  /** Until then nothing is acted on that could still be lost: see `suspects.ts`. */
  carefulUntil: number;
  /** Agents in memory, by id. */
  readonly cache: Cache<LoadedAgent>;
  /** Told of durable ticks. */
  readonly watchers: Watchers;
  /** Told of what happens inside running ticks. */
  readonly followers: Followers;
  /** What waits for the keys while they are locked. */
  readonly keyWaits: KeyWaits;
  /** Runs triggers that may have killed a process one at a time, so that only the culprit is blamed. */
  readonly suspects: Serial;
}

/** An agent in memory, as of its last commit. All that is kept of an agent between its ticks. */
export interface LoadedAgent {
  record: AgentRecord;
  readonly definition: AgentDefinition;
  /** JSON by top-level key. */
  readonly state: Map<string, string>;
  /** Version of the state's shape; 0 before the first tick. */
  version: number;
  head: LogHead | undefined;
  /** The time of the earliest timer. */
  wakeAt: number | null;
  /** Dead-lettered triggers in a row. */
  failures: number;
  /** There may be journal files. */
  journaled: boolean;
  /** How many ticks are parked; undefined until that is asked for: see `parked.ts`. */
  parked: number | undefined;
  /** Its first tick since it was dormant is still to come. */
  cold: boolean;
}

/** A new envelope id. */
export function newId(kernel: Pick<Kernel, "clock" | "random">): string {
  return uuidv7(kernel.clock.now(), kernel.random.bytes(10));
}

/** Keeps the most recently used values, at most `size` of them. */
export class Cache<T> {
  readonly #values = new Map<string, T>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#values.size;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** Looks a value up. */
  peek(key: string): T | undefined {
    return this.#values.get(key);
  }

  /** Looks a value up and makes it the most recently used. */
  get(key: string): T | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) {
      this.#values.delete(key);
      this.#values.set(key, value);
    }
    return value;
  }

  set(key: string, value: T): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= this.#size) return;
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest);
      return;
    }
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  clear(): void {
    this.#values.clear();
  }
}

/** Runs work one piece after the other. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
