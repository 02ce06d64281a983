import assert from "node:assert/strict";
import { test } from "node:test";
import type { Store } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { fileHome } from "./home.ts";

/** An agent with so many files of 100 kB, and how many rows of its files were read of the store. */
async function remembering(count: number) {
  const inner = memoryStore();
  let rows = 0;
  const store: Store = new Proxy(inner, {
    get(of, key) {
      const value: unknown = Reflect.get(of, key, of);
      if (typeof value !== "function") return value;
      return async (...given: unknown[]) => {
        const result: unknown = await Reflect.apply(value, of, given);
        if (key === "files" || key === "read") rows += (result as readonly unknown[]).length;
        return result;
      };
    },
  });
  const home = await fileHome({ store });
  const text = "x".repeat(100_000);
  await home.tick(async ({ fs }) => {
    for (let i = 100; i < 100 + count; i += 1) await fs.write(`/memory/files/${i}`, `${i}${text}`);
  });
  return { ...home, rows: () => rows };
}

void test("memory/export reads no more files than the range has that is asked for", async () => {
  const { files, rows } = await remembering(60);
  const before = rows();
  const first = await files.read("/memory/export", { offset: 0, length: 1 });
  assert.equal(new TextDecoder().decode(first), "{");
  assert.ok(rows() - before <= 4, `${rows() - before} rows`);
});

void test("memory/export goes on where a read ended, and gives all of it so", async () => {
  const { files, rows, write } = await remembering(60);
  const whole = await files.read("/memory/export");
  for (const length of [1_048_576, 99_991]) {
    const before = rows();
    const parts: Uint8Array[] = [];
    for (let offset = 0; offset < whole.byteLength; offset += length) {
      parts.push(await files.read("/memory/export", { offset, length }));
    }
    assert.deepEqual(Buffer.concat(parts), Buffer.from(whole));
    // Each file is read for a size and a content, and a few more where a page ends.
    const most = 120 + 16 * parts.length;
    assert.ok(rows() - before <= most, `${rows() - before} rows in ${parts.length} parts`);
  }
  // What is remembered of a read is not of what was changed since.
  const part = await files.read("/memory/export", { offset: 0, length: 300_000 });
  await write("/memory/files/000", "first");
  const changed = await files.read("/memory/export");
  assert.notDeepEqual(changed.slice(0, 300_000), part);
  const rest = await files.read("/memory/export", { offset: 300_000 });
  assert.deepEqual(rest, changed.slice(300_000));
});

void test("memory/export in a tick has what the tick has written, whatever was read outside", async () => {
  const { files, tick } = await remembering(5);
  await files.read("/memory/export", { offset: 0, length: 5 });
  let got = "";
  const record = await tick(async ({ fs }) => {
    await fs.write("/memory/files/000", "first");
    got = await fs.read("/memory/export");
  });
  assert.equal(record.outcome, "done", JSON.stringify(record.error));
  assert.match(got, /^\{"path":"memory\/files\/000","text":"first"\}\n/);
});
