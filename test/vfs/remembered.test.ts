import assert from "node:assert/strict";
import { test } from "node:test";
import type { Memory } from "../../src/core/ports/memory.ts";
import { errno, fileHome } from "./home.ts";

void test("conversations are directories of messages, read and written from outside", async () => {
  const { files, within, write, read, json, names, runtime, tick } = await fileHome();
  await write("/memory/conversations/bob/first", "Hello\n");
  await write("/memory/conversations/bob/2", '{"role":"assistant","content":"Hi","tokens":3}');
  await write("/memory/conversations/bob/whatever", "How are you?");
  assert.deepEqual(await names("/memory/conversations"), ["bob/"]);
  assert.deepEqual(await names("/memory/conversations/bob"), ["1", "2", "3"]);
  const { at, ...second } = (await json("/memory/conversations/bob/2")) as Record<string, unknown>;
  assert.equal(typeof at, "number");
  assert.deepEqual(second, { n: 2, role: "assistant", content: "Hi", tokens: 3 });
  const stat = await files.stat("/memory/conversations/bob/2");
  assert.equal(stat.size, (await read("/memory/conversations/bob/2")).length);
  // Corrected, as it was read.
  await write(
    "/memory/conversations/bob/2",
    (await read("/memory/conversations/bob/2")).replace('"Hi"', '"Good day"'),
  );
  await write("/memory/conversations/bob/summary", "They greeted each other.");
  assert.deepEqual(await names("/memory/conversations/bob"), ["1", "2", "3", "summary"]);
  const before: unknown[] = [];
  const remember = (memory: Memory): Promise<unknown> =>
    memory.conversations
      .get("bob")
      .context({ tokens: 100 })
      .then((context) => before.push(context));
  await tick(async (ctx) => {
    await ctx.memory.conversations.get("bob").append({ role: "user", content: "Bye" });
    // What the tick did is seen in its own tree.
    before.push((await ctx.fs.list("/memory/conversations/bob")).items.map(({ name }) => name));
    await remember(ctx.memory);
  });
  assert.deepEqual(before[0], ["1", "2", "3", "4", "summary"]);
  const { summary, messages, omitted } = before[1] as {
    summary: { upTo: number; text: string };
    messages: { n: number; content: string }[];
    omitted: number;
  };
  assert.deepEqual([summary.upTo, summary.text], [3, "They greeted each other."]);
  assert.deepEqual(
    messages.map(({ n, content }) => [n, content]),
    [[4, "Bye"]],
  );
  assert.equal(omitted, 0);
  await assert.rejects(
    write("/memory/conversations/bob/9", "x"),
    errno("EINVAL", /next message is 5/),
  );
  await assert.rejects(write("/memory/conversations/bob/5", "{}"), errno("EINVAL", /"role"/));
  await assert.rejects(
    write("/memory/conversations/bob/5", '{"role":"x","content":1}'),
    errno("EINVAL"),
  );
  await assert.rejects(write("/memory/conversations/bob/a/b", "x"), errno("ENOENT"));
  await assert.rejects(write("/memory/conversations/a/b/c", "x"), errno("EINVAL"));
  await assert.rejects(write("/memory/conversations/bob", "x"), errno("EISDIR"));
  await assert.rejects(
    within(files.remove("/memory/conversations/bob/2")),
    errno("EACCES", /older/),
  );
  // As `rm -r` does it.
  for (const name of await names("/memory/conversations/bob")) {
    await within(files.remove(`/memory/conversations/bob/${name}`));
  }
  await within(files.remove("/memory/conversations/bob"));
  assert.deepEqual(await names("/memory/conversations"), []);
  assert.equal((await runtime.verify("ada")).ok, true);
});

void test("a directory of many messages is listed in pages, and follows what changes", async () => {
  const { files, names, tick, runtime } = await fileHome();
  await tick(async ({ memory }) => {
    for (let i = 1; i <= 250; i += 1) {
      await memory.conversations.get("bob").append({ role: "user", content: `m${i}` });
    }
  });
  assert.deepEqual(
    await names("/memory/conversations/bob"),
    Array.from({ length: 250 }, (_, i) => `${i + 1}`),
  );
  const stop = new AbortController();
  const watching = files.watch("/memory/conversations/bob", stop.signal)[Symbol.asyncIterator]();
  const next = watching.next();
  await tick(({ memory }) =>
    memory.conversations.get("bob").append({ role: "user", content: "x" }),
  );
  assert.equal((await next).value, "/memory/conversations/bob/251");
  stop.abort();
  await tick(({ memory }) => memory.conversations.get("bob").remove());
  assert.equal((await runtime.verify("ada")).ok, true);
  // Not a path for each message.
  const { removed = [] } = (await runtime.status("ada")).lastTick!;
  assert.deepEqual(
    removed.filter((path) => path.startsWith("memory/")),
    ["memory/conversations/bob/", "memory/talks/bob"],
  );
});

void test("patterns are files that are learned, corrected and forgotten", async () => {
  const { files, within, write, json, names, tick } = await fileHome();
  await write("/memory/patterns/new", "Bob is late on Mondays\n");
  const [id] = await names("/memory/patterns");
  assert.match(id!, /^[0-9a-f]{16}$/);
  const path = `/memory/patterns/${id}`;
  const pattern = async (): Promise<Record<string, unknown>> =>
    (await json(path)) as Record<string, unknown>;
  assert.equal((await pattern())["confidence"], 0.5);
  await write("/memory/patterns/again", "bob is late  on mondays");
  assert.deepEqual(await names("/memory/patterns"), [id]);
  assert.equal((await pattern())["confidence"], 0.6);
  await write(path, JSON.stringify({ ...(await pattern()), confidence: 0.25 }));
  assert.equal((await pattern())["confidence"], 0.25);
  await write(path, "Bob is late on Tuesdays");
  assert.equal((await names("/memory/patterns")).length, 1);
  // What is refused in the middle of a tick takes nothing away, also when the agent goes on.
  const [kept = ""] = await names("/memory/patterns");
  await tick(({ fs }) =>
    fs.write(`/memory/patterns/${kept}`, '{"text":"a","confidence":7}').catch(() => undefined),
  );
  assert.deepEqual(await names("/memory/patterns"), [kept]);
  await assert.rejects(write("/memory/patterns/x", "{}"), errno("EINVAL", /"text"/));
  await assert.rejects(write("/memory/patterns/x", '{"text":"a","confidence":7}'), errno("EINVAL"));
  const [name] = await names("/memory/patterns");
  await within(files.remove(`/memory/patterns/${name}`));
  assert.deepEqual(await names("/memory/patterns"), []);
});

void test("ctx.memory.kv and /memory/kv are the same files", async () => {
  const { write, read, tick } = await fileHome();
  await write("/memory/kv/from-outside", "plain\n");
  await write("/memory/kv/json", '{"a":[1]}\n');
  const said: unknown[] = [];
  await tick(async ({ memory: { kv } }) => {
    said.push(await kv.get("from-outside"), await kv.get("json"), (await kv.get("none")) ?? null);
    await kv.set("own", { deep: true });
    await kv.remove("json");
    said.push(await kv.list());
  });
  const own = { key: "own", value: { deep: true } };
  assert.deepEqual(said, [
    "plain",
    { a: [1] },
    null,
    [{ key: "from-outside", value: "plain" }, own],
  ]);
  assert.equal(await read("/memory/kv/own"), '{"deep":true}');
});

void test("what was read are files that are noted, corrected and forgotten", async () => {
  const { files, within, write, json, names, tick, runtime } = await fileHome();
  await tick(({ memory }) => memory.files.note("https://example.org/", { summary: "An example" }));
  const [id] = await names("/memory/read");
  const path = `/memory/read/${id}`;
  assert.match(id!, /^[0-9a-f]{16}$/);
  const first = (await json(path)) as Record<string, unknown>;
  assert.deepEqual([first["path"], first["summary"]], ["https://example.org/", "An example"]);
  assert.equal((await files.stat(path)).modifiedAt, first["readAt"]);
  // What is written takes its place, and what it does not say is gone.
  await write(path, JSON.stringify({ ...first, digest: "d", summary: undefined }));
  const { readAt: _at, ...then } = (await json(path)) as Record<string, unknown>;
  assert.deepEqual(then, { id, path: "https://example.org/", digest: "d", reads: 2 });
  await assert.rejects(write(path, '{"path":"other"}'), errno("EINVAL", /note of/));
  await assert.rejects(write(path, '{"size":-1}'), errno("EINVAL", /"size"/));
  await write("/memory/read/new", "/fs/books/a.txt\n");
  await assert.rejects(write("/memory/read/x", '{"digest":"d"}'), errno("EINVAL", /"path"/));
  assert.equal((await names("/memory/read")).length, 2);
  for (const name of await names("/memory/read")) {
    await within(files.remove(`/memory/read/${name}`));
  }
  assert.deepEqual(await names("/memory/read"), []);
  assert.equal((await runtime.verify("ada")).ok, true);
});

void test("what nests without end is kept as any value, and the agent goes on", async () => {
  const { write, names, tick, runtime } = await fileHome();
  const deep = `${"[".repeat(30_000)}"anchor"${"]".repeat(30_000)}`;
  const { outcome } = await tick(({ fs }) => fs.write("/memory/kv/deep", deep));
  assert.equal(outcome, "done");
  await write("/memory/kv/deeper", deep);
  assert.deepEqual(await names("/memory/kv"), ["deep", "deeper"]);
  const found = await runtime.searchMemory("ada", "anchor");
  assert.deepEqual(
    found.map(({ id }) => id),
    ["deeper", "deep"],
  );
});
