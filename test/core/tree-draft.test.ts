import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { comparePaths } from "../../src/core/path-order.ts";
import type { Ledger, TreeRow } from "../../src/core/ports/index.ts";
import { TreeDraft } from "../../src/core/tree-draft.ts";

/** Stored files, and how many rows of them were given. */
function stored(files: ReadonlyMap<string, string>) {
  let rows = 0;
  const all = [...files]
    .map(([path, value]): TreeRow => ({ path, value }))
    .sort((a, b) => comparePaths(a.path, b.path));
  const store: Pick<Ledger, "read" | "files" | "search"> = {
    search: async () => [],
    read: async (_id, paths) => paths.map((path) => files.get(path)),
    async files(_id, { prefix, after = "", limit }) {
      const page = all
        .filter(({ path }) => path.startsWith(prefix) && comparePaths(path, after) > 0)
        .slice(0, limit);
      rows += page.length;
      return page;
    },
  };
  const draft = new TreeDraft(store, { id: "a", limit: 1000 });
  return { draft, rows: () => rows };
}

void test("list() of a draft gives what is stored with all that was changed, page by page", async () => {
  const path = fc.constantFrom(
    ...["a", "b", "c"].flatMap((d) => [d, ...Array.from({ length: 10 }, (_, n) => `${d}/${n}`)]),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(path),
      fc.array(fc.record({ path, gone: fc.boolean() }), { maxLength: 40 }),
      fc.constantFrom("", "a", "a/", "b/", "c/1"),
      fc.integer({ min: 1, max: 12 }),
      async (before, changes, prefix, limit) => {
        const files = new Map(before.map((one) => [one, `old ${one}`]));
        const { draft } = stored(new Map(files));
        for (const [i, { path: changed, gone }] of changes.entries()) {
          if (gone) {
            draft.remove(changed);
            files.delete(changed);
          } else {
            draft.write(changed, `new ${i}`);
            files.set(changed, `new ${i}`);
          }
        }
        const wanted = [...files]
          .filter(([one]) => one.startsWith(prefix))
          .map(([one, value]) => ({ path: one, value }))
          .sort((a, b) => comparePaths(a.path, b.path));
        const got: (typeof wanted)[number][] = [];
        for (;;) {
          const page = await draft.list({ prefix, after: got.at(-1)?.path, limit });
          got.push(...page);
          if (page.length < limit) break;
        }
        assert.deepEqual(got, wanted);
      },
    ),
    { numRuns: Number(process.env["FC_RUNS"] ?? 500) },
  );
});

void test("list() of a draft reads no rows for what was changed elsewhere or is not in the way", async () => {
  const names = (directory: string): string[] =>
    Array.from({ length: 2000 }, (_, i) => `${directory}/${String(i).padStart(4, "0")}`);
  const { draft, rows } = stored(
    new Map([...names("a"), ...names("b")].map((name) => [name, "x"])),
  );
  for (const name of names("a").slice(1000)) draft.remove(name);
  for (const name of names("b")) draft.write(name, "y");
  const read = async (query: Parameters<TreeDraft["list"]>[0], most: number): Promise<void> => {
    const before = rows();
    assert.equal((await draft.list(query)).length, query.limit);
    assert.ok(rows() - before <= most, `${rows() - before} rows`);
  };
  await read({ prefix: "a/", limit: 10 }, 10);
  await read({ prefix: "b/", limit: 10 }, 10);
  await read({ prefix: "", after: "b/1000", limit: 10 }, 10);
  // Only here they are in the way.
  await read({ prefix: "", after: "a/0990", limit: 20 }, 1600);
});
