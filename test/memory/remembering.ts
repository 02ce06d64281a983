import type { AgentFiles, TickMemory } from "../../src/core/ports/memory.ts";
import { TreeDraft } from "../../src/core/tree-draft.ts";
import { openFiles } from "../../src/core/tick-tree.ts";
import { agentMemory } from "../../src/memory/index.ts";
import type { MemoryLimits } from "../../src/memory/limits.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { Claim, Store } from "../../src/core/ports/index.ts";
import { START } from "../core/setting.ts";

const ID = "npub1remembering";

/** An agent's memory over the files of a real store, with ticks that are ended by hand. */
export function remembering(limits: Partial<MemoryLimits> = {}): {
  readonly memory: TickMemory;
  readonly files: () => ReadonlyMap<string, string>;
  /** Ends the tick well: what it changed is stored. */
  readonly commit: () => Promise<void>;
  /** Ends it as if it had never been. */
  readonly rollBack: () => void;
  readonly advance: (ms: number) => void;
  readonly now: () => number;
} {
  const store = memoryStore();
  const draftOf = (): TreeDraft => new TreeDraft(store, { id: ID, limit: 1024 * 1024 });
  let draft = draftOf();
  let time = START;
  let ids = 0;
  const claimed = begin(store);
  const files: AgentFiles = openFiles(() => draft);
  const waiting = async <T>(work: () => Promise<T>): Promise<T> => {
    await claimed;
    return work();
  };
  const memory = agentMemory(
    {
      files: {
        read: (path) => waiting(() => files.read(path)),
        list: (query) => waiting(() => files.list(query)),
        search: (query) => waiting(() => files.search(query)),
        write: (path, text) => files.write(path, text),
        remove: (path) => files.remove(path),
      },
      now: () => time,
      newId: () => `id-${(ids += 1)}`,
      npub: (key) => key,
    },
    limits,
  );
  const stored = new Map<string, string>();
  let n = 0;
  return {
    memory,
    files: () => {
      const now = new Map(stored);
      apply(now, draft);
      return now;
    },
    async commit() {
      const claim = await claimed;
      const put = [];
      const remove = [];
      for (const [path, value] of draft.changes) {
        if (value === undefined) remove.push(path);
        else put.push({ path, value });
      }
      n += 1;
      await store.commit(claim, {
        log: { n, hash: `${n}`, record: "{}", output: undefined },
        put,
        remove,
      });
      apply(stored, draft);
      draft = draftOf();
    },
    rollBack: () => void (draft = draftOf()),
    advance: (ms) => void (time += ms),
    now: () => time,
  };
}

async function begin(store: Store): Promise<Claim> {
  await store.create({
    id: ID,
    publicKey: "0".repeat(64),
    name: "remembering",
    type: "any",
    labels: [],
    status: "live",
    account: 0,
    createdAt: START,
  });
  return (await store.claim(ID, START, Number.MAX_SAFE_INTEGER))!;
}

function apply(files: Map<string, string>, draft: TreeDraft): void {
  for (const [path, value] of draft.changes) {
    if (value !== undefined) files.set(path, value as string);
    else if (!path.endsWith("/")) files.delete(path);
    else for (const file of files.keys()) if (file.startsWith(path)) files.delete(file);
  }
}
