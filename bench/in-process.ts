import { agentMemory } from "../src/memory/index.ts";
import { createRuntime } from "../src/core/create-runtime.ts";
import { defineRuntime } from "../src/core/runtime-definition.ts";
import type { AgentRecord } from "../src/core/agent.ts";
import type { Envelope } from "../src/core/envelope.ts";
import type { Signer, Store, Tracer } from "../src/core/ports/index.ts";
import type { Runtime } from "../src/core/runtime.ts";
import { derivedSigner } from "../src/identity/derived-signer.ts";
import { AGENTS } from "./agents.ts";

/** The test mnemonic of BIP-39. */
const MNEMONIC = `${"abandon ".repeat(11)}about`;

/** The signer of a runtime that is measured. */
export function benchSigner(): Signer {
  return derivedSigner(MNEMONIC);
}

/** A started runtime on a store, in this process. */
export async function startRuntime(
  store: Store,
  signer = benchSigner(),
  tracer?: Tracer,
): Promise<Runtime> {
  const runtime = createRuntime({
    memory: agentMemory,
    definition: defineRuntime({ agents: AGENTS }),
    store,
    signer,
    tracer,
    onProblem(problem, error) {
      throw new Error(problem, { cause: error });
    },
  });
  await runtime.start();
  return runtime;
}

/** The name of the `i`th agent that `createAgents` or `fillStore` makes. */
export function nameOf(i: number): string {
  return `agent-${i}`;
}

/** Creates agents as an operator does; their ids, once each had its first tick. */
export async function createAgents(
  runtime: Runtime,
  { type, count }: { readonly type: string; readonly count: number },
): Promise<string[]> {
  const ids: string[] = [];
  const { ticks } = runtime.metrics();
  for (let i = 0; i < count; i += 1) {
    ids.push((await runtime.create({ name: nameOf(i), type })).id);
  }
  await untilTicked(runtime, ticks + count);
  return ids;
}

/** Sends one message and waits until what it did is durable. */
export async function tell(runtime: Runtime, ref: string): Promise<void> {
  const { outcome } = await runtime.ask(ref, { payload: "tick" }, { timeout: 60_000 });
  if (outcome !== "done") throw new Error(`A message to "${ref}" ended as "${outcome}"`);
}

/** Agents that are written before a runtime takes them up. */
const BATCH = 500;

/**
 * Puts many agents into a store, makes them dormant and closes it. They are written through the
 * store's own `create`, many to an fsync, and with made-up keys, for to derive a key takes longer
 * than all the rest. A runtime runs the first tick of each, as it does for any new agent.
 */
export async function fillStore(
  store: Store,
  { type, count }: { readonly type: string; readonly count: number },
): Promise<void> {
  const runtime = await startRuntime(store);
  for (let i = 0; i < count; i += 1) {
    const agent = madeUp(i, type);
    await store.create(agent, firstMail(agent));
    if (i % BATCH !== BATCH - 1 && i !== count - 1) continue;
    await store.sync();
    // To start once more is to take up what is due.
    await runtime.start();
    await untilTicked(runtime, i + 1);
  }
  await runtime.stop();
}

async function untilTicked(runtime: Runtime, ticks: number): Promise<void> {
  while (runtime.metrics().ticks < ticks) await new Promise((resolve) => setTimeout(resolve, 1));
}

function madeUp(i: number, type: string): AgentRecord {
  const key = crypto.getRandomValues(new Uint8Array(58));
  const charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
  return {
    id: `npub1${Array.from(key, (byte) => charset[byte % 32]).join("")}`,
    publicKey: Buffer.from(key.subarray(0, 32)).toString("hex"),
    name: nameOf(i),
    type,
    labels: [],
    status: "creating",
    account: i + 1,
    createdAt: Date.now(),
  };
}

function firstMail({ id, createdAt }: AgentRecord): Envelope {
  return {
    id: "initialize",
    sentAt: createdAt,
    source: "control",
    from: "operator",
    to: id,
    type: "initialize",
    payload: "initialize",
    priority: 100,
  };
}
