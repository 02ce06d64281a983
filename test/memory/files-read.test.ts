import assert from "node:assert/strict";
import { test } from "node:test";
import type { NotedRead } from "../../src/core/ports/memory.ts";
import { remembering } from "./remembering.ts";

const PAGE = "https://example.org/a report.html?page=1&q=ü#part";

void test("what was read is noted once, and each read of it counted", async () => {
  const { memory, advance, now, commit, rollBack } = remembering();
  const { files } = memory;
  const first = await files.note(PAGE, { digest: "v1", size: 12, summary: "All about whales" });
  assert.deepEqual(first, {
    id: first.id,
    path: PAGE,
    digest: "v1",
    size: 12,
    summary: "All about whales",
    readAt: now(),
    reads: 1,
  });
  assert.match(first.id, /^[0-9a-f]{16}$/);
  await commit();
  advance(60_000);
  // The same content: what was known of it holds.
  const again = await files.note(PAGE, { digest: "v1" });
  assert.deepEqual(again, { ...first, readAt: now(), reads: 2 });
  // Another one: nothing does.
  const other = await files.note(PAGE, { digest: "v2", size: 9 });
  assert.deepEqual([other.digest, other.size, other.summary, other.reads], ["v2", 9, undefined, 3]);
  rollBack();
  assert.deepEqual(await files.get(PAGE), first);
  const bare = await files.note(PAGE, { digest: null, size: null, summary: null });
  assert.deepEqual(Object.keys(bare), ["id", "path", "readAt", "reads"]);
  await files.forget(PAGE);
  await files.forget(PAGE);
  assert.equal(await files.get(PAGE), undefined);
  assert.deepEqual(await files.list(), []);
});

void test("what was read is listed in pages, and found by path and summary", async () => {
  const { memory, commit } = remembering();
  const { files } = memory;
  const noted = Array.from({ length: 25 }, (_, i) => `/fs/books/${i}.txt`);
  await Promise.all(noted.map((path, i) => files.note(path, { summary: `Chapter ${i}: the sea` })));
  await commit();
  const seen: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await files.list({ after, limit: 10 });
    seen.push(...page.map(({ path }) => path));
    if (page.length < 10) break;
    after = seen.at(-1);
  }
  assert.deepEqual(seen.toSorted(), noted.toSorted());
  const [hit, ...others] = await memory.search("chapter 7", { in: ["read"] });
  assert.deepEqual(others, []);
  const { id } = (await files.get("/fs/books/7.txt"))!;
  assert.deepEqual(hit, {
    in: "read",
    id: "/fs/books/7.txt",
    path: `/memory/read/${id}`,
    text: "/fs/books/7.txt\nChapter 7: the sea",
  });
  assert.equal((await memory.search("books sea", { limit: 100 })).length, 25);
  assert.deepEqual(await memory.search("books", { in: ["files"] }), []);
});

void test("what was not read for the longest time is forgotten when there is too much", async () => {
  const { memory, advance, commit, files } = remembering({ read: 32 });
  for (let i = 0; i < 32; i += 1) {
    advance(1);
    await memory.files.note(`f${i}`);
  }
  advance(1);
  await memory.files.note("f0");
  await commit();
  assert.equal(files().get("meta/read"), "32");
  await memory.files.note("new");
  await commit();
  const left = (await memory.files.list({ limit: 1000 })).map(({ path }) => path);
  // A sixteenth goes at once.
  assert.equal(left.length, 31);
  assert.equal(files().get("meta/read"), "31");
  for (const gone of ["f1", "f2"]) assert.ok(!left.includes(gone), gone);
  for (const kept of ["f0", "f3", "f31", "new"]) assert.ok(left.includes(kept), kept);
  await Promise.all(Array.from({ length: 40 }, (_, i) => memory.files.note(`more${i}`)));
  await commit();
  const many = (await memory.files.list({ limit: 1000 })).length;
  assert.ok(many <= 32);
  assert.equal(files().get("meta/read"), String(many));
});

void test("what cannot be noted as read is refused, and changes nothing", async () => {
  const { memory, files } = remembering();
  const wrong: readonly (readonly [string, NotedRead?])[] = [
    [""],
    ["a\nb"],
    ["x".repeat(2001)],
    ["\ud800"],
    [7 as unknown as string],
    ["a", { digest: "" }],
    ["a", { digest: "x".repeat(201) }],
    ["a", { size: -1 }],
    ["a", { size: 0.5 }],
    ["a", { size: "9" as unknown as number }],
    ["a", { summary: "x".repeat(2001) }],
    ["a", { summary: "\udfff" }],
  ];
  for (const [path, facts] of wrong) {
    await assert.rejects(
      memory.files.note(path, facts),
      { code: "INVALID" },
      JSON.stringify(facts),
    );
  }
  assert.equal(files().size, 0);
  assert.equal(await memory.files.get(7 as unknown as string), undefined);
});
