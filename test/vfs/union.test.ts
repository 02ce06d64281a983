import assert from "node:assert/strict";
import { test } from "node:test";
import type { FileService } from "../../src/core/ports/files.ts";
import { entries, holds, names, refused } from "../../src/testing/files/kit.ts";
import { namespace } from "../../src/vfs/namespace.ts";
import { nodeService } from "../../src/vfs/nodes.ts";
import { union } from "../../src/vfs/union.ts";
import { bytes, newScratch } from "./fixtures.ts";

/** A scratch with these files, and the directories that they are in; a content of "/" is a directory. */
async function holding(files: Readonly<Record<string, string>>): Promise<FileService> {
  const service = newScratch();
  for (const [path, content] of Object.entries(files)) {
    if (content === "/") await service.makeDirectory!(path);
    else await service.write(path, bytes(content));
  }
  return service;
}

function readOnly(service: FileService): FileService {
  return namespace([{ path: "/", service, access: "read-only" }]);
}

void test("a file is that of the first that has it, a directory that of all", async () => {
  const [a, b] = [
    await holding({ "/both": "a", "/d": "/", "/d/a": "a", "/x": "a file" }),
    await holding({ "/both": "b", "/d": "/", "/d/b": "b", "/only": "b", "/x": "/", "/x/y": "b" }),
  ];
  const files = union([a, b]);
  await holds(files, "/both", "a");
  await holds(files, "/only", "b");
  assert.deepEqual(await names(files, "/"), ["both", "d", "only", "x"]);
  assert.deepEqual(await names(files, "/d"), ["a", "b"]);
  await refused(files.list("/x"), "ENOTDIR");
  await refused(files.read("/x/y"), "ENOTDIR");
  await refused(files.read("/none"), "ENOENT");
  // The other way round, the directory of the first does not show the file.
  const turned = union([b, a]);
  assert.deepEqual(await names(turned, "/x"), ["y"]);
});

void test("pages of a listing have each name once, as the first has it", async () => {
  const all = Array.from({ length: 9 }, (_, i) => `/f${i}`);
  const part = (keep: (i: number) => boolean, text: string): Promise<FileService> =>
    holding(Object.fromEntries(all.filter((_, i) => keep(i)).map((path) => [path, text])));
  const services = [
    await part((i) => i % 2 === 0, "0"),
    await part((i) => i % 3 === 0, "11"),
    await part(() => true, "222"),
    await part((i) => i > 6, "3333"),
  ];
  const files = union(services);
  for (let limit = 1; limit <= 10; limit += 1) {
    const listed = await entries(files, "/", limit);
    assert.deepEqual(listed.map(({ name }) => `/${name}`).sort(), all);
    for (const { name, size } of listed) {
      assert.equal(size, (await files.stat(`/${name}`)).size, name);
    }
  }
  for (const cursor of ["", "x", ":", "1"]) await refused(files.list("/", { cursor }), "EINVAL");
});

void test("a write goes to the one that has the file, or nowhere", async () => {
  const [a, b] = [await holding({ "/a": "1" }), await holding({ "/a": "2", "/b": "2" })];
  const files = union([readOnly(a), b]);
  await refused(files.write("/a", bytes("x")), "EACCES");
  await files.write("/b", bytes("y"));
  await holds(b, "/a", "2");
  await holds(b, "/b", "y");
  await files.write("/b", bytes("z"), { at: "end", create: "never" });
  await holds(b, "/b", "yz");
  await refused(files.write("/a", bytes("x"), { create: "only" }), "EEXIST");
});

void test("what is new goes to the first that takes it", async () => {
  const [a, b, c] = [
    await holding({}),
    await holding({ "/d": "/" }),
    await holding({ "/d": "/", "/e": "/" }),
  ];
  const files = union([readOnly(a), b, c]);
  await files.write("/new", bytes("x"));
  await holds(b, "/new", "x");
  await files.write("/d/new", bytes("x"));
  await holds(b, "/d/new", "x");
  await files.write("/e/new", bytes("x"));
  await holds(c, "/e/new", "x");
  await files.makeDirectory!("/f");
  assert.equal((await b.stat("/f")).kind, "directory");
  await refused(files.makeDirectory!("/e"), "EEXIST");
  await refused(files.write("/none/new", bytes("x")), "ENOENT");
  await refused(files.write("/new/below", bytes("x")), "ENOTDIR");
  const nowhere = union([readOnly(a), readOnly(b)]);
  await refused(nowhere.write("/newer", bytes("x")), "EACCES");
  assert.equal((await nowhere.stat("/")).access, "r");
  assert.equal((await files.stat("/")).access, "rw");
});

void test("what is removed shows what was behind it, and no directory is removed that looks full", async () => {
  const [a, b] = [
    await holding({ "/f": "a", "/d": "/" }),
    await holding({ "/f": "b", "/d": "/", "/d/x": "b" }),
  ];
  const files = union([a, b]);
  await files.remove("/f");
  await holds(files, "/f", "b");
  await refused(files.remove("/d"), "ENOTEMPTY");
  await files.remove("/d/x");
  await files.remove("/d");
  await files.remove("/d");
  await refused(files.remove("/d"), "ENOENT");
  await refused(union([readOnly(b)]).remove("/f"), "EACCES");
});

void test("a file moves within its service alone, and never behind another", async () => {
  const [a, b] = [
    await holding({ "/front": "a", "/d": "/" }),
    await holding({ "/back": "b", "/other": "b", "/e": "/" }),
  ];
  const files = union([a, b]);
  await refused(files.rename("/back", "/front"), "EXDEV");
  await refused(files.rename("/back", "/d/back"), "EXDEV");
  await refused(files.rename("/back", "/d"), "EISDIR");
  await refused(files.rename("/none", "/x"), "ENOENT");
  await refused(files.rename("/back", "/none/x"), "ENOENT");
  await files.rename("/front", "/other");
  await holds(files, "/other", "a");
  await holds(b, "/other", "b");
  await files.rename("/back", "/e/back");
  await holds(files, "/e/back", "b");
});

void test("only what is not there makes the next one be asked", async () => {
  const secret = namespace([{ path: "/d", service: newScratch(), access: "disabled" }]);
  const open = await holding({ "/d": "/", "/d/file": "x" });
  const files = union([secret, open]);
  await refused(files.read("/d/file"), "EACCES");
  await refused(files.write("/d/file", bytes("y")), "EACCES");
  await refused(files.remove("/d/file"), "EACCES");
  await holds(open, "/d/file", "x");
});

void test("watch() tells of all, and goes on when one of them cannot", async () => {
  const [a, b] = [newScratch(), newScratch()];
  const mute = nodeService({ list: async () => ({ items: [] }), at: () => undefined });
  const files = union([mute, a, b]);
  const stop = new AbortController();
  const watch = files.watch("/", stop.signal)[Symbol.asyncIterator]();
  for (const one of [a, b]) {
    const next = watch.next();
    await one.write("/file", bytes("x"));
    assert.deepEqual(await next, { done: false, value: "/file" });
  }
  const last = watch.next();
  stop.abort();
  assert.deepEqual(await last, { done: true, value: undefined });
  const deaf = union([mute]).watch("/", AbortSignal.timeout(60_000))[Symbol.asyncIterator]();
  await refused(deaf.next(), "ENOTSUP");
});
