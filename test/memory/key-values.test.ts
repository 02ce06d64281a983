import assert from "node:assert/strict";
import { test } from "node:test";
import { agentMemory } from "../../src/memory/index.ts";
import { errno, fileHome } from "../vfs/home.ts";
import { remembering } from "./remembering.ts";

void test("an agent has only so many keys, and room again for each that is removed", async () => {
  const { memory, files, commit } = remembering({ keys: 3 });
  const { kv } = memory;
  await Promise.all([kv.set("a", 1), kv.set("b", 2), kv.set("a", 3)]);
  assert.equal(files().get("meta/kv"), "2");
  const ends = await Promise.allSettled([kv.set("c", 1), kv.set("d", 1)]);
  assert.deepEqual(
    ends.map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
  await assert.rejects(kv.set("d", 1), { code: "LIMIT", message: /at most 3 keys/ });
  // What is there can be changed.
  await kv.set("a", 4);
  await commit();
  await Promise.all([kv.remove("b"), kv.remove("b"), kv.remove("none")]);
  assert.equal(files().get("meta/kv"), "2");
  await kv.set("d", 1);
  assert.deepEqual(
    (await kv.list()).map(({ key, value }) => [key, value]),
    [
      ["a", 4],
      ["c", 1],
      ["d", 1],
    ],
  );
});

void test("what is set is what it was when set() was called", async () => {
  const { memory } = remembering();
  const value = { list: [1] };
  const setting = memory.kv.set("a", value);
  value.list.push(2);
  await setting;
  assert.deepEqual(await memory.kv.get("a"), { list: [1] });
});

void test("keys that an older version did not count are counted", async () => {
  const stored = new Map(["a", "b", "c"].map((key) => [`memory/kv/${key}`, "1"]));
  const { kv } = agentMemory(
    {
      files: {
        read: async (path) => stored.get(path),
        list: async ({ prefix, after = "", limit }) =>
          [...stored]
            .map(([path, value]) => ({ path, value }))
            .filter(({ path }) => path.startsWith(prefix) && path > after)
            .slice(0, limit),
        search: async () => [],
        write: (path, text) => void stored.set(path, text),
        remove: (path) => void stored.delete(path),
      },
      now: () => 0,
      newId: () => "id",
      npub: (key) => key,
    },
    { keys: 4 },
  );
  await kv.remove("a");
  assert.equal(stored.get("meta/kv"), "2");
  for (const key of ["d", "e"]) await kv.set(key, 1);
  await assert.rejects(kv.set("f", 1), { code: "LIMIT" });
  assert.equal(stored.get("meta/kv"), "4");
});

void test("files of /memory/kv count as keys, and have names that keys have", async () => {
  const { files, within, write, names, tick, runtime } = await fileHome();
  await write("/memory/kv/a", "1");
  await write("/memory/kv/a", "2");
  await within(files.rename("/memory/kv/a", "/memory/kv/b"));
  await tick(({ memory }) => memory.kv.set("c", 1));
  const counted = async (): Promise<unknown> => {
    const { items } = await runtime.files("ada", { prefix: "memory/kv/" });
    return items.length;
  };
  assert.equal(await counted(), 2);
  await within(files.remove("/memory/kv/b"));
  assert.deepEqual(await names("/memory/kv"), ["c"]);
  // What is no key could not be read as one.
  await assert.rejects(write(`/memory/kv/${"k".repeat(201)}`, "1"), errno("EINVAL", /200/));
  // A cursor need not be a key.
  await tick(async ({ memory }) => {
    assert.deepEqual(await memory.kv.list({ after: "b".repeat(300) }), [{ key: "c", value: 1 }]);
  });
});
