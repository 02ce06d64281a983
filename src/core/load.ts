import { OpenAgentsError } from "./errors.ts";
import type { AgentRecord } from "./agent.ts";
import type { Kernel, LoadedAgent } from "./kernel.ts";
import type { Store, TreeRow } from "./ports/index.ts";
import { lastSegment, paths, timerOf } from "./tree.ts";

/** Reads an agent into memory. @throws CONFIG when its type is not in this runtime */
export async function loadAgent(kernel: Kernel, record: AgentRecord): Promise<LoadedAgent> {
  const definition = kernel.agents.get(record.type);
  if (definition === undefined) {
    throw new OpenAgentsError(
      "CONFIG",
      `Cannot tick "${record.name}": there is no agent type "${record.type}" in this runtime`,
    );
  }
  const { store } = kernel;
  const { id } = record;
  const [state, head, [version, failures], [timer], [journaled]] = await Promise.all([
    readState(store, id),
    store.head(id),
    store.read(id, [paths.version, paths.failures]),
    store.files(id, { prefix: paths.timers, limit: 1 }),
    store.files(id, { prefix: paths.journals, limit: 1 }),
  ]);
  return {
    record,
    definition,
    state,
    version: Number(version ?? 0),
    head,
    wakeAt: timer === undefined ? null : timerOf(timer.path).at,
    failures: Number(failures ?? 0),
    journaled: journaled !== undefined,
    parked: undefined,
    cold: true,
  };
}

/** A file that holds text; undefined where there is none. */
export async function readText(
  store: Store,
  id: string,
  path: string,
): Promise<string | undefined> {
  const [value] = await store.read(id, [path]);
  return value as string | undefined;
}

/** An agent's state as JSON by top-level key. */
export async function readState(store: Store, id: string): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  for await (const { path, value } of allFiles(store, id, paths.state)) {
    state.set(lastSegment(path), value as string);
  }
  return state;
}

/** Every file below a prefix, in pages. */
export async function* allFiles(store: Store, id: string, prefix: string): AsyncIterable<TreeRow> {
  const limit = 256;
  let after: string | undefined;
  for (;;) {
    const rows = await store.files(id, { prefix, after, limit });
    yield* rows;
    if (rows.length < limit) return;
    after = rows.at(-1)!.path;
  }
}
