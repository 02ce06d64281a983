import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import type { HomeFiles } from "../../src/core/ports/home-files.ts";
import { memoryHomeFiles } from "../../src/stores/memory.ts";
import { sqlite, sqliteHomeFiles } from "../../src/stores/sqlite.ts";
import { equal, rejects } from "../../src/testing/assert.ts";
import { homeFilesConformance } from "../../src/testing/home-files-conformance.ts";

const inMemory = homeFilesConformance(
  async () => {
    const files = memoryHomeFiles();
    return { files, dispose: () => files.close() };
  },
  { noReopen: "They end with their process" },
);
for (const { name, skip, run } of inMemory) void test(`in memory: ${name}`, { skip }, run);

const inSqlite = homeFilesConformance(async () => {
  const dir = mkdtempSync(join(tmpdir(), "home-files-"));
  let files = sqliteHomeFiles(join(dir, "home.db"));
  return {
    files,
    reopen: async () => {
      await files.close();
      files = sqliteHomeFiles(join(dir, "home.db"));
      return files;
    },
    dispose: async () => {
      await files.close();
      rmSync(dir, { recursive: true });
    },
  };
});
for (const { name, skip, run } of inSqlite) void test(`in SQLite: ${name}`, { skip }, run);

void test("a store and a home's files refuse each other's database", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "home-files-"));
  const stores = { agents: sqlite(join(dir, "a.db")), home: sqliteHomeFiles(join(dir, "h.db")) };
  await stores.agents.get("nobody");
  await stores.home.read("nothing");
  await stores.agents.close();
  await stores.home.close();
  const [store, home] = [sqlite(join(dir, "h.db")), sqliteHomeFiles(join(dir, "a.db"))];
  t.after(async () => {
    await store.close();
    await home.close();
    rmSync(dir, { recursive: true });
  });
  await rejects(store.get("nobody"), "CORRUPT");
  await rejects(home.read("nothing"), "CORRUPT");
});

const text = fc.oneof(
  fc.constantFrom("a", "a/", "a/b", "b", "\u{ffff}", "\u{10000}", "\u{10ffff}", "%", "_"),
  fc.string({ unit: "binary", maxLength: 4 }),
);
const file = fc.record({ path: text, value: fc.string({ maxLength: 3 }) });
const expectation = fc.record({
  path: text,
  value: fc.option(fc.constantFrom("", "x"), { nil: undefined }),
});
const step = fc.oneof(
  fc.record({ put: fc.array(file, { maxLength: 4 }), remove: fc.array(text, { maxLength: 2 }) }),
  fc.record({
    put: fc.array(file, { maxLength: 2 }),
    expect: fc.array(expectation, { maxLength: 2 }),
  }),
);
const query = fc.record(
  { prefix: text, after: text, before: text, limit: fc.integer({ min: 0, max: 8 }) },
  { requiredKeys: ["prefix", "limit"] },
);

void test("files in SQLite do what files in memory do", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(step, query), { maxLength: 40 }), async (all) => {
      const pair = [memoryHomeFiles(), sqliteHomeFiles(":memory:")] as const;
      for (const one of all) {
        const [first, second] = await Promise.all(pair.map((files) => outcome(files, one)));
        equal(second, first, JSON.stringify(one));
      }
      await Promise.all(pair.map((files) => files.close()));
    }),
    { numRuns: Number(process.env["FC_RUNS"] ?? 200) },
  );
});

type Step = Parameters<HomeFiles["write"]>[0] | Parameters<HomeFiles["list"]>[0];

async function outcome(files: HomeFiles, step: Step): Promise<unknown> {
  try {
    return await ("limit" in step ? files.list(step) : files.write(step));
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}
