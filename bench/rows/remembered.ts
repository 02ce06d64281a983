import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openFiles } from "../../src/core/tick-tree.ts";
import { TreeDraft } from "../../src/core/tree-draft.ts";
import { paths } from "../../src/core/tree.ts";
import type { TickMemory } from "../../src/core/ports/memory.ts";
import type { Claim, Store } from "../../src/core/ports/index.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { sqlite } from "../../src/stores/sqlite.ts";
import type { Bench, Figures } from "../bench.ts";
import { median, round, tails, time } from "../measure.ts";

const ID = "npub1remembering";
/** Tokens of a context: of messages of 40, 200 fit. */
const BUDGET = 8000;
const WORDS =
  "the ship sails to a harbour of red roofs where nobody asks who comes and when it goes";

/** Ms for the context of 8,000 tokens out of a conversation of 10,000 messages, of which 200 fit. */
export async function memoryContext(bench: Bench): Promise<Figures> {
  const path = await filled(bench);
  const store = sqlite(path);
  const took: number[] = [];
  let rows = 0;
  for (let i = 0; i < bench.sizes.contexts; i += 1) {
    const { memory } = inTick(store);
    took.push(
      await time(async () => {
        const { messages } = await memory.conversations.get("bob").context({ tokens: BUDGET });
        rows = messages.length;
      }),
    );
  }
  await store.close();
  const db = new DatabaseSync(path);
  const query = db.prepare(
    "SELECT path, value FROM tree WHERE agent = 1 AND path < ? ORDER BY path DESC LIMIT ?",
  );
  const floor: number[] = [];
  for (let i = 0; i < bench.sizes.contexts; i += 1) {
    floor.push(await time(() => query.all(`${paths.conversation("bob")}1`, rows).length));
  }
  db.close();
  const { p50, p99 } = tails(took);
  return {
    value: p50,
    unit: "ms",
    p50,
    p99,
    ratio: round(median(floor) / p50),
    against: `${round(median(floor))} ms: raw node:sqlite reading the same ${rows} rows`,
  };
}

/** Ms to find the newest ten of the messages with two words, out of 10,000, of which a hundredth has both. */
export async function memorySearch(bench: Bench): Promise<Figures> {
  const path = await filled(bench);
  const store = sqlite(path);
  const took: number[] = [];
  for (let i = 0; i < bench.sizes.contexts; i += 1) {
    const { memory } = inTick(store);
    took.push(
      await time(async () => {
        const hits = await memory.search("harbour seldom7");
        if (hits.length !== 10) throw new Error(`${hits.length} were found`);
      }),
    );
  }
  await store.close();
  const db = new DatabaseSync(path);
  const query = db.prepare(
    `SELECT path, value FROM tree WHERE agent = 1 AND path GLOB 'memory/conversations/*'
     AND value LIKE '%harbour%' AND value LIKE '%seldom7 %' ORDER BY path DESC LIMIT 1000`,
  );
  const floor: number[] = [];
  for (let i = 0; i < 10; i += 1) floor.push(await time(() => query.all().length));
  db.close();
  const { p50, p99 } = tails(took);
  return {
    value: p50,
    unit: "ms",
    p50,
    p99,
    ratio: round(median(floor) / p50),
    against: `${round(median(floor))} ms: raw node:sqlite looking at every message with LIKE`,
  };
}

/** A store with one agent and its conversation of many messages. */
function filled(bench: Bench): Promise<string> {
  return bench.once("remembered", async () => {
    const path = join(bench.directory(), "agents.db");
    const store = sqlite(path);
    await store.create({
      id: ID,
      publicKey: "0".repeat(64),
      name: "remembering",
      type: "any",
      labels: [],
      status: "live",
      account: 0,
      createdAt: 0,
    });
    const claim = (await store.claim(ID, 0, Number.MAX_SAFE_INTEGER))!;
    const { messages } = bench.sizes;
    for (let n = 0, at = 0; n < messages; at += 1) {
      const tick = inTick(store);
      for (const end = Math.min(n + 500, messages); n < end; n += 1) {
        const content = `${WORDS}, message ${n} seldom${n % 100} and so on`;
        const role = n % 2 === 0 ? "user" : "assistant";
        await tick.memory.conversations.get("bob").append({ role, content, tokens: 40 });
      }
      await commit(store, claim, { n: at + 1, draft: tick.draft });
    }
    await store.close();
    return path;
  });
}

/** The memory of the agent in a tick of its own. */
function inTick(store: Store): { readonly memory: TickMemory; readonly draft: TreeDraft } {
  const draft = new TreeDraft(store, { id: ID, limit: 1024 * 1024 });
  const files = openFiles(() => draft);
  const memory = agentMemory({ files, now: Date.now, newId: () => "", npub: (key) => key });
  return { memory, draft };
}

async function commit(
  store: Store,
  claim: Claim,
  { n, draft }: { readonly n: number; readonly draft: TreeDraft },
): Promise<void> {
  const put = [...draft.changes].flatMap(([path, value]) =>
    value === undefined ? [] : { path, value },
  );
  await store.commit(claim, { log: { n, hash: `${n}`, record: "{}", output: undefined }, put });
}
