import assert from "node:assert/strict";
import { test } from "node:test";
import { errnoOf, FileError } from "../../src/core/file-error.ts";
import type { FileService, FileStat } from "../../src/core/ports/index.ts";
import { scratch } from "../../src/vfs/scratch.ts";
import { subtree } from "../../src/vfs/subtree.ts";
import { manualClock } from "../../src/testing/index.ts";
import { bytes, text } from "./content.ts";

async function place(): Promise<{ readonly whole: FileService; readonly part: FileService }> {
  const whole = scratch({}, manualClock(1));
  await whole.makeDirectory?.("/a");
  await whole.makeDirectory?.("/a/b");
  await whole.write("/a/secret", bytes("above"));
  await whole.write("/a/b/file", bytes("inside"));
  return { whole, part: subtree(whole, "/a/b") };
}

void test("subtree() shows what is below its path, with that path as the root", async () => {
  const { whole, part } = await place();
  assert.equal(await text(part, "/file"), "inside");
  assert.equal((await part.stat("/")).name, "");
  assert.equal((await part.stat("/")).kind, "directory");
  assert.deepEqual(
    (await part.list("/")).items.map(({ name }) => name),
    ["file"],
  );
  assert.deepEqual(await part.write("/new", bytes("new")), { path: "/new" });
  assert.equal(await text(whole, "/a/b/new"), "new");
  await part.rename("/new", "/newer");
  await part.makeDirectory?.("/d");
  await part.remove("/newer");
  assert.deepEqual(
    (await whole.list("/a/b")).items.map(({ name }) => name),
    ["d", "file"],
  );
});

void test("subtree() of a file is that file", async () => {
  const { whole } = await place();
  const file = subtree(whole, "/a/b/file");
  assert.equal(await text(file, "/"), "inside");
  assert.equal((await file.stat("/")).name, "");
  await assert.rejects(file.read("/x"), (error) => errnoOf(error) === "ENOTDIR");
});

void test("subtree() lets nobody above it, and names nothing there", async () => {
  const { part } = await place();
  for (const path of [
    "/..",
    "/../secret",
    "..",
    "/x/../../secret",
    "secret",
    "",
    "/%2e%2e/secret",
  ]) {
    for (const what of [
      () => part.stat(path),
      () => part.read(path),
      () => part.list(path),
      () => part.remove(path),
      () => part.rename(path, "/stolen"),
      () => part.rename("/none", path),
    ]) {
      await assert.rejects(what, (error: unknown) => {
        assert.ok(error instanceof FileError);
        assert.ok(["EINVAL", "ENOENT"].includes(error.errno), error.message);
        return true;
      });
    }
  }
  await assert.rejects(part.read("/none"), /Cannot find "\/none"/);
  await assert.rejects(part.list("/file"), /"\/file"/);
  await assert.rejects(subtree((await place()).whole, "/a/c").stat("/"), /Cannot find "\/"/);
  await assert.rejects(
    part.write("/file", bytes("x"), { ifMatch: "other" }),
    (error: Error) => error.message.includes('"/file"') && !error.message.includes("/a/b"),
  );
});

void test("subtree() watches below its path, by paths from there", async () => {
  const { whole, part } = await place();
  const ends = new AbortController();
  const seen = part.watch("/", ends.signal)[Symbol.asyncIterator]();
  const first = seen.next();
  await whole.write("/a/secret", bytes("x"));
  await whole.write("/a/b/file", bytes("x"));
  assert.equal((await first).value, "/file");
  ends.abort();
  assert.equal((await seen.next()).done, true);
});

void test("subtree() shows no link that leads out of it", async () => {
  const { whole } = await place();
  const linked = (target: string): FileService => {
    const stat = async (): Promise<FileStat> => ({ name: "l", kind: "link", access: "r", target });
    const list = async () => ({ items: [await stat()] });
    return subtree({ ...whole, stat, list }, "/a/b");
  };
  for (const [target, at, shown] of [
    ["file", "/l", true],
    ["d/../file", "/l", true],
    ["../x", "/d/l", true],
    ["../secret", "/l", false],
    ["../../x", "/d/l", false],
    ["d/../../secret", "/l", false],
    ["/a/b/file", "/l", false],
    ["file", "/", false],
  ] as const) {
    assert.equal((await linked(target).stat(at)).target, shown ? target : undefined, target);
  }
  assert.equal((await linked("../secret").list("/")).items[0]?.target, undefined);
});

void test("subtree() can do what the service can, and no more", async () => {
  const { whole } = await place();
  const bare: FileService = {
    stat: (path) => whole.stat(path),
    list: (path, query) => whole.list(path, query),
    read: (path, range) => whole.read(path, range),
    write: (path, data, options) => whole.write(path, data, options),
    remove: (path) => whole.remove(path),
    rename: (from, to) => whole.rename(from, to),
    watch: (path, signal) => whole.watch(path, signal),
  };
  const part = subtree(bare, "/a");
  for (const name of ["makeDirectory", "resize", "exchange", "follow"] as const) {
    assert.equal(name in part, false);
  }
  const answers = subtree(
    {
      ...bare,
      exchange: async (path, data) => bytes(`${path} ${data.byteLength}`),
      async *follow(path) {
        yield bytes(path);
      },
    },
    "/a",
  );
  const answer = await answers.exchange?.("/x", bytes("12"));
  assert.equal(new TextDecoder().decode(answer), "/a/x 2");
  for await (const line of answers.follow!("/y", new AbortController().signal)) {
    assert.equal(new TextDecoder().decode(line), "/a/y");
  }
});
