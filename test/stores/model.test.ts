import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Claim, Store } from "../../src/core/ports/store.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { sqlite } from "../../src/stores/sqlite.ts";
import { equal, rejects } from "../../src/testing/assert.ts";
import { NOW, agent, envelope, mail } from "../../src/testing/store/kit.ts";
import { operation, outcome, prepare, view } from "./operations.ts";

const operations = fc.array(operation, { maxLength: 60, size: "max" });
const runs = { numRuns: Number(process.env["FC_RUNS"] ?? 60) };

void test("a SQLite store does what a memory store does", async () => {
  await fc.assert(
    fc.asyncProperty(operations, async (all) => {
      const memory = memoryStore();
      const dir = mkdtempSync(join(tmpdir(), "sqlite-model-"));
      let file = sqlite(join(dir, "agents.db"));
      const claims = [new Map<string, Claim>(), new Map<string, Claim>()] as const;
      try {
        await prepare(memory);
        await prepare(file);
        for (const [label, run] of all) {
          const actual = await outcome(run(file, claims[0]));
          equal(actual, await outcome(run(memory, claims[1])), label);
          equal(await view(file), await view(memory), `after ${label}`);
        }
        await file.close();
        file = sqlite(join(dir, "agents.db"));
        equal(await view(file), await view(memory), "after a restart");
      } finally {
        await file.close();
        rmSync(dir, { recursive: true });
      }
    }),
    runs,
  );
});

void test("crash() of a memory store leaves what the last sync() made durable", async () => {
  await undoes(async () => {
    const store = memoryStore();
    return { store, lose: async () => store.crash() };
  });
});

void test("a failed group of a SQLite store leaves what the last sync() made durable", async () => {
  await undoes(async () => {
    const store = sqlite(":memory:", { maxMiB: 1 });
    const lose = async () => {
      // In the turn of the changes before it, and too big for the store.
      const huge = { text: "x".repeat(2 ** 21) };
      const first = envelope("huge", "1", { payload: huge });
      const created = store.create(agent("huge"), first);
      const synced = store.sync();
      await rejects(created, "STORE");
      await rejects(synced, "STORE");
    };
    return { store, lose };
  });
});

/** Loses the changes after a sync, sees that they are undone, and that the store goes on. */
async function undoes(
  make: () => Promise<{ store: Store; lose: () => Promise<void> }>,
): Promise<void> {
  const apart = operations.map((all) => all.filter(([label]) => !label.startsWith("sync")));
  await fc.assert(
    fc.asyncProperty(operations, apart, async (before, after) => {
      const { store, lose } = await make();
      const claims = new Map<string, Claim>();
      await prepare(store);
      for (const [, run] of before) await outcome(run(store, claims));
      await store.sync();
      const durable = await view(store);
      for (const [, run] of after) await outcome(run(store, claims));
      await lose();
      equal(await view(store), durable);
      for (const claim of claims.values()) equal(await store.renew(claim, NOW), false, "claim");
      await outcome(store.create(agent("a"), envelope("a", "9")));
      await store.deliver([mail(envelope("a", "99"))]);
      await store.sync();
      await view(store);
      await store.close();
    }),
    runs,
  );
}
