import { memoryBrake } from "./brake.ts";
import { Counters } from "./counters.ts";
import type { RuntimeDefinition } from "./runtime-definition.ts";
import { OpenAgentsError } from "./errors.ts";
import { factotum, isFactotum } from "./factotum.ts";
import { Followers } from "./followers.ts";
import { KeyWaits } from "./key-waits.ts";
import { Cache, Serial } from "./kernel.ts";
import type { Kernel, LoadedAgent } from "./kernel.ts";
import { lockedError } from "./locked.ts";
import { Owed } from "./owed.ts";
import type { Mind, Thinker } from "./ports/model.ts";
import type { RuntimePorts } from "./runtime-ports.ts";
import { systemClock, systemRandom } from "./system.ts";
import { PACKAGE_VERSION } from "./version.ts";
import type { Watchers } from "./watchers.ts";

/** What a kernel tells the runtime that it is of. */
export interface KernelEars {
  readonly watchers: Watchers;
  readonly problem: (problem: string, error: unknown) => void;
  /** What waited for the keys from this source is to be taken up again. */
  readonly held: (source: string) => void;
}

/** A kernel over the given ports, with what they leave out by default. @throws CONFIG */
export function makeKernel(ports: RuntimePorts, ears: KernelEars): Kernel {
  const { definition, signer, clock = systemClock, random = systemRandom } = ports;
  return {
    store: ports.store,
    signer: isFactotum(signer) ? signer : factotum(signer, clock),
    carrier: ports.carrier,
    memory: ports.memory,
    tree: ports.tree,
    minds: mindsOf(definition, ports.thinker),
    relays: definition.relays,
    names: ports.names,
    registry: ports.registry,
    nursery: ports.nursery,
    forwarder: ports.forwarder,
    waker: ports.waker,
    brake: ports.brake ?? memoryBrake(),
    tracer: ports.tracer,
    secrets: ports.secrets,
    counters: new Counters(),
    owed: new Owed(),
    clock,
    random,
    agents: definition.agents,
    limits: definition.limits,
    version: ports.version ?? PACKAGE_VERSION,
    startedAt: clock.now(),
    carefulUntil: 0,
    cache: new Cache<LoadedAgent>(definition.limits.cached),
    watchers: ears.watchers,
    followers: new Followers({ clock, random }, ears.problem),
    keyWaits: new KeyWaits(signer.lock, {
      first: () => ears.problem("Agents wait for their keys", lockedError()),
      held: ears.held,
    }),
    suspects: new Serial(),
  };
}

/** The minds of all definitions. @throws CONFIG */
function mindsOf(
  { agents }: RuntimeDefinition,
  thinker: Thinker | undefined,
): ReadonlyMap<string, Mind> {
  if (thinker !== undefined) {
    return new Map(
      [...agents].map(([name, { thinking, budget }]) => [
        name,
        thinker(name, thinking ?? {}, budget),
      ]),
    );
  }
  for (const { name, thinking } of agents.values()) {
    if (thinking === undefined) continue;
    throw new OpenAgentsError(
      "CONFIG",
      `Cannot run agents of type "${name}": they have a model or tools, and there is no thinker: give "thinker" to createRuntime()`,
    );
  }
  return new Map();
}
