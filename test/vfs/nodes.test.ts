import assert from "node:assert/strict";
import { test } from "node:test";
import { rejects } from "../../src/testing/assert.ts";
import { entries, holds, refused } from "../../src/testing/files/kit.ts";
import { contentFacts, fixedDirectory, nodeService, textOf } from "../../src/vfs/nodes.ts";
import type { FileNode } from "../../src/vfs/nodes.ts";
import { bytes } from "./fixtures.ts";
import { nodeTree } from "./node-tree.ts";

void test("a service of one file has it at its root", async () => {
  const files = nodeService({ read: () => "text\n" });
  assert.deepEqual(await files.stat("/"), {
    ...contentFacts("text\n"),
    name: "",
    kind: "file",
    access: "r",
  });
  await holds(files, "/", "text\n");
  await refused(files.list("/"), "ENOTDIR");
  await refused(files.read("/below"), "ENOTDIR");
  await refused(files.write("/", bytes("x")), "EACCES");
  await refused(files.remove("/"), "EACCES");
  await refused(files.rename("/", "/x"), "EINVAL");
});

void test("what a file can do is what its node has", async () => {
  const kinds: Readonly<Record<string, FileNode>> = {
    "r stream": { follow: async function* () {} },
    "rw exchange": { exchange: async () => "" },
    "w -": { write: async () => undefined },
    "w - ": { append: async () => undefined },
    "rw -": { read: () => "", write: async () => undefined },
    " -": {},
  };
  const files = nodeService(fixedDirectory(kinds));
  for (const name of Object.keys(kinds)) {
    const { access, nature = "-" } = await files.stat(`/${name}`);
    assert.equal(`${access} ${nature}`, name.trimEnd().padStart(name.startsWith(" ") ? 2 : 0));
  }
  await refused(files.read("/w -"), "EACCES");
  assert.deepEqual(await files.read("/r stream"), new Uint8Array(0));
});

void test("a file that takes only what comes after its end is written there alone", async () => {
  const taken: Uint8Array[] = [];
  const files = nodeService(
    fixedDirectory({ log: { append: async (data) => void taken.push(data) } }),
  );
  await files.write("/log", bytes("1"), { at: "end" });
  await refused(files.write("/log", bytes("2")), "EACCES");
  assert.deepEqual(taken, [bytes("1")]);
});

void test("a directory whose entries are fixed is listed in pages, and has no name by chance", async () => {
  const all = Array.from({ length: 7 }, (_, i) => `f${i}`);
  const files = nodeService(
    fixedDirectory(Object.fromEntries(all.map((name) => [name, { read: () => name }]))),
  );
  for (let limit = 1; limit <= 8; limit += 1) {
    assert.deepEqual(
      (await entries(files, "/", limit)).map(({ name }) => name),
      all,
    );
  }
  for (const name of ["constructor", "__proto__", "toString"]) {
    await refused(files.stat(`/${name}`), "ENOENT");
  }
});

void test("more than a file, or a new one, may have is EFBIG", async () => {
  const files = nodeTree({ limit: 4 });
  await refused(files.write("/file", bytes("12345")), "EFBIG");
  await files.write("/file", bytes("1234"));
  await refused(files.write("/file", bytes("12345")), "EFBIG");
  await refused(files.write("/file", bytes("5"), { at: "end" }), "EFBIG");
  await holds(files, "/file", "1234");
  const ranged = nodeService({
    write: async () => undefined,
    facts: () => ({ size: 0, limit: 4, nature: "ranged" }),
  });
  await refused(ranged.write("/", bytes("x"), { at: 4 }), "EFBIG");
});

void test("a directory that names its entries takes what comes after its end", async () => {
  const files = nodeService({
    list: async () => ({ items: [] }),
    at: () => undefined,
    post: async () => "7",
    facts: () => ({ limit: 3 }),
  });
  assert.deepEqual(await files.write("/", bytes("x"), { at: "end" }), { path: "/7" });
  await refused(files.write("/", bytes("x")), "EISDIR");
  await refused(files.write("/", bytes("1234"), { at: "end" }), "EFBIG");
  await refused(files.write("/new", bytes("x")), "EACCES");
});

void test("nothing is at a revision that has none, whatever it is called", async () => {
  const files = nodeService(
    fixedDirectory({
      file: { write: async () => undefined, facts: () => ({ size: 1 }) },
      new: fixedDirectory({}),
    }),
  );
  for (const ifMatch of ["none", "", []]) {
    await rejects(files.write("/file", bytes("x"), { ifMatch }), "PRECONDITION");
    await rejects(files.write("/new/x", bytes("x"), { ifMatch }), "PRECONDITION");
  }
});

void test("one of many who ask for the same revision writes", async () => {
  const files = nodeTree();
  await files.write("/n", bytes("0"));
  const { revision } = await files.stat("/n");
  const tries = await Promise.allSettled(
    Array.from({ length: 10 }, (_, i) =>
      files.write("/n", bytes(`${i + 1}`), { ifMatch: revision }),
    ),
  );
  assert.equal(tries.filter(({ status }) => status === "fulfilled").length, 1);
});

void test("one that fails does not stop those who wait for their turn", async () => {
  let writes = 0;
  const files = nodeService({
    read: () => "",
    write: async () => {
      writes += 1;
      if (writes === 1) throw new Error("the first");
    },
  });
  const [first, ...others] = await Promise.allSettled(
    [1, 2, 3].map(() => files.write("/", bytes("x"), { at: "end" })),
  );
  assert.equal(first!.status, "rejected");
  assert.deepEqual(
    others.map(({ status }) => status),
    ["fulfilled", "fulfilled"],
  );
});

void test("who reads a content cannot change it", async () => {
  const content = bytes("content");
  const files = nodeService({ read: () => content });
  (await files.read("/")).fill(0);
  (await files.read("/", { offset: 1, length: 2 })).fill(0);
  await holds(files, "/", "content");
});

void test("of a change above what is watched its own path is told", async () => {
  const files = nodeService(
    fixedDirectory({ d: fixedDirectory({ f: { read: () => "" } }) }),
    (signal) =>
      (async function* () {
        yield* ["/other", "/d"];
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      })(),
  );
  const stop = new AbortController();
  const watch = files.watch("/d/f", stop.signal)[Symbol.asyncIterator]();
  assert.deepEqual(await watch.next(), { done: false, value: "/d/f" });
  stop.abort();
  assert.equal((await watch.next()).done, true);
});

void test("textOf() takes text in UTF-8 alone", () => {
  assert.equal(textOf(bytes("\ufeffbom"), "it"), "\ufeffbom");
  assert.throws(() => textOf(Uint8Array.of(0xff), "it"), { errno: "EINVAL" });
});
