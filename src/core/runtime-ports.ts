import type { AgentRecord } from "./agent.ts";
import type { RuntimeDefinition } from "./runtime-definition.ts";
import type {
  Brake,
  Carrier,
  Clock,
  Forwarder,
  MemoryTools,
  NameResolver,
  Nursery,
  Random,
  Registry,
  SecretSource,
  Signer,
  Store,
  Thinker,
  TickMemory,
  Tracer,
  TreeMaker,
  Waker,
} from "./ports/index.ts";

/** The ports that a runtime works with. */
export interface RuntimePorts {
  readonly definition: RuntimeDefinition;
  readonly store: Store;
  readonly signer: Signer;
  /** Takes mail to agents that are not in the store. Default: there are none. */
  readonly carrier?: Carrier;
  /** Looks up `name@domain` (NIP-05). Default: such names are nobody's. */
  readonly names?: NameResolver;
  /** What agents remember beside their state. Default: nothing, and no `ctx.memory`. */
  readonly memory?: (tools: MemoryTools) => TickMemory;
  /** Makes agents' trees of files. Default: they have none, and no `ctx.fs`. */
  readonly tree?: TreeMaker;
  /** Lets agents use models. Default: there are none, and a definition that has one is refused. */
  readonly thinker?: Thinker;
  /** Gives names out where the directory is elsewhere. Default: the store does. */
  readonly registry?: Registry;
  /** Makes the agents that agents make, where the directory is elsewhere. Default: they are made in the store. */
  readonly nursery?: Nursery;
  /** Passes on the mail of agents that moved away. Default: it is refused. */
  readonly forwarder?: Forwarder;
  /** Notes spans of mail, ticks and steps. Default: nobody does, and nothing is made for it. */
  readonly tracer?: Tracer | undefined;
  /** The home's secrets by name, for what is asked outside in its name. Default: there are none. */
  readonly secrets?: SecretSource | undefined;
  /** Stops all ticks. Default: one that is let go when the process ends. */
  readonly brake?: Brake;
  /** Keeps the time for what is due. Default: the runtime does, with timers. */
  readonly waker?: Waker;
  /** The release, as bundles name it. Default: that of this package. */
  readonly version?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Told of each agent that begins to live here: made, admitted, arrived or restored. */
  readonly onSettled?: (agent: AgentRecord) => void;
  /** Told what went wrong outside of any tick: a store that failed, an unknown type. */
  readonly onProblem?: (problem: string, error: unknown) => void;
}
