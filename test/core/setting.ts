import { createRuntime, defineRuntime } from "../../src/index.ts";
import type {
  AgentDefinition,
  Limits,
  NameResolver,
  Runtime,
  SecretSource,
  Signer,
  Thinker,
  TickRecord,
  Tracer,
  TreeMaker,
} from "../../src/index.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { MemoryStore } from "../../src/stores/memory.ts";
import { manualClock } from "../../src/testing/index.ts";
import type { ManualClock } from "../../src/testing/index.ts";

export const signer = derivedSigner(newMnemonic());
export const HOUR = 3_600_000;
/** The Saturday before the clocks in Berlin go forward, 12:00 UTC. */
export const START = Date.UTC(2026, 2, 28, 12);

export interface Setting {
  readonly clock: ManualClock;
  readonly store: MemoryStore;
  readonly runtime: Runtime;
  /** Sends and lets all that follows at once happen; the record of the newest tick. */
  readonly tell: (name: string, payload: string, id?: string) => Promise<TickRecord>;
}

export async function setting(
  agents: readonly AgentDefinition[],
  options: {
    readonly store?: MemoryStore;
    readonly clock?: ManualClock;
    readonly limits?: Partial<Limits>;
    readonly names?: NameResolver;
    /** Default: the one that is exported here. */
    readonly signer?: Signer;
    readonly tracer?: Tracer;
    readonly secrets?: SecretSource;
    readonly thinker?: Thinker;
    readonly tree?: TreeMaker;
    readonly onProblem?: (problem: string, error: unknown) => void;
  } = {},
): Promise<Setting> {
  const { store = memoryStore(), clock = manualClock(START), limits = {}, names } = options;
  const ensure = agents.map(({ name }) => ({ name, type: name }));
  const definition = defineRuntime({ agents, ensure, limits });
  const { onProblem = () => undefined } = options;
  const keys = options.signer ?? signer;
  const { tracer } = options;
  const { secrets } = options;
  const { thinker, tree } = options;
  const parts = { ...(thinker && { thinker }), ...(tree && { tree }) };
  const seen = { onProblem, tracer, secrets, ...parts };
  const ports = { definition, store, signer: keys, clock, memory: agentMemory, ...seen };
  const runtime = createRuntime(names === undefined ? ports : { ...ports, names });
  await runtime.start();
  await clock.advance(0);
  const tell = async (name: string, payload: string, id?: string): Promise<TickRecord> => {
    await runtime.send(name, { payload, id });
    await clock.advance(0);
    return (await runtime.status(name)).lastTick!;
  };
  return { clock, store, runtime, tell };
}
