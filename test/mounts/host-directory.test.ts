import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { TestContext } from "node:test";
import { FileError } from "../../src/core/file-error.ts";
import { OpenAgentsError } from "../../src/core/errors.ts";
import type { FileService, FileStat } from "../../src/core/ports/index.ts";
import { hostDirectory } from "../../src/mounts/host-directory.ts";
import { targetOf } from "../../src/mounts/host-directory/facts.ts";

const SECRET = "what nobody may read";

interface Place {
  /** The directory that is open to the service. */
  readonly root: string;
  /** What is beside it: `secret`, a file, and `private`, a directory with one. */
  readonly outside: string;
}

function makePlace(t: TestContext): Place {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "openagents-host-")));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const [root, outside] = [join(base, "root"), join(base, "outside")];
  mkdirSync(root);
  mkdirSync(join(outside, "private"), { recursive: true });
  writeFileSync(join(outside, "secret"), SECRET);
  writeFileSync(join(outside, "private", "secret"), SECRET);
  return { root, outside };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function text(files: FileService, path: string): Promise<string> {
  return new TextDecoder().decode(await files.read(path));
}

async function all(files: FileService, path: string, limit = 1000): Promise<FileStat[]> {
  const items: FileStat[] = [];
  let cursor: string | undefined;
  do {
    const page = await files.list(path, { limit, cursor });
    assert.ok(page.items.length <= limit);
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return items;
}

/** That something is refused with one of these errors, and says nothing of the host's own paths. */
async function refuses(what: Promise<unknown>, ...errnos: readonly string[]): Promise<void> {
  await assert.rejects(what, (error: unknown) => {
    assert.ok(error instanceof FileError, String(error));
    assert.ok(errnos.includes(error.errno), `${error.errno}: ${error.message}`);
    assert.doesNotMatch(error.message.replace(/"[^"]*"/g, ""), /openagents-host-|\/proc\//);
    assert.doesNotMatch(error.message, /\/proc\/self\/fd/);
    return true;
  });
}

for (const held of process.platform === "linux" ? [true, false] : [false]) {
  void suite(
    held ? "a host directory walked by handles" : "a host directory that is checked",
    () => {
      const open = (root: string, limit?: number): FileService =>
        hostDirectory(root, { held, limit });

      void test("write() makes a file, replaces it and keeps its mode", async (t) => {
        const { root } = makePlace(t);
        const files = open(root);
        assert.deepEqual(await files.write("/a", bytes("one")), { path: "/a" });
        assert.equal(readFileSync(join(root, "a"), "utf8"), "one");
        chmodSync(join(root, "a"), 0o4751);
        await files.write("/a", bytes("two"));
        assert.equal(await text(files, "/a"), "two");
        assert.equal(statSync(join(root, "a")).mode & 0o7777, 0o751);
        assert.deepEqual(readdirSync(root), ["a"]);
        await refuses(files.write("/none/a", bytes("x")), "ENOENT");
        await refuses(files.write("/a/b", bytes("x")), "ENOTDIR");
        await refuses(files.write("/", bytes("x")), "EISDIR");
      });

      void test("write() makes a file anew, or only one that is there, as it is told", async (t) => {
        const { root } = makePlace(t);
        const files = open(root);
        await refuses(files.write("/a", bytes("x"), { create: "never" }), "ENOENT");
        await refuses(files.write("/a", bytes("x"), { create: "never", at: 0 }), "ENOENT");
        await refuses(files.write("/a", bytes("x"), { create: "never", at: "end" }), "ENOENT");
        await files.write("/a", bytes("x"), { create: "only" });
        await refuses(files.write("/a", bytes("y"), { create: "only" }), "EEXIST");
        await refuses(files.write("/a", bytes("y"), { create: "only", at: 0 }), "EEXIST");
        await files.write("/b", bytes("y"), { create: "only", at: 2 });
        assert.equal(await text(files, "/a"), "x");
        assert.equal(await text(files, "/b"), "\0\0y");
        const made = await Promise.allSettled(
          Array.from({ length: 20 }, (_, i) =>
            files.write("/c", bytes(`${i}`), { create: "only" }),
          ),
        );
        assert.equal(made.filter(({ status }) => status === "fulfilled").length, 1);
        assert.deepEqual(readdirSync(root).sort(), ["a", "b", "c"]);
      });

      void test("write() puts bytes at an offset and at the end, and resize() cuts and fills", async (t) => {
        const { root } = makePlace(t);
        const files = open(root);
        await files.write("/a", bytes("hello"));
        await files.write("/a", bytes("J"), { at: 0 });
        await files.write("/a", bytes("!"), { at: "end" });
        assert.equal(await text(files, "/a"), "Jello!");
        await files.write("/a", bytes("x"), { at: 8 });
        assert.equal(await text(files, "/a"), "Jello!\0\0x");
        await files.resize?.("/a", 2);
        assert.equal(await text(files, "/a"), "Je");
        await files.resize?.("/a", 4);
        assert.equal(await text(files, "/a"), "Je\0\0");
        await refuses(files.resize!("/none", 1), "ENOENT");
        await refuses(files.resize!("/a", -1), "EINVAL");
        await refuses(files.write("/a", bytes("x"), { at: -1 }), "EINVAL");
        await refuses(files.write("/", bytes("x"), { at: "end" }), "ENOTSUP");
        await Promise.all(
          Array.from({ length: 200 }, () => files.write("/log", bytes("line\n"), { at: "end" })),
        );
        assert.equal(await text(files, "/log"), "line\n".repeat(200));
      });

      void test("read() gives ranges, and no more than there is", async (t) => {
        const { root } = makePlace(t);
        const files = open(root);
        await files.write("/a", bytes("0123456789"));
        const part = async (offset?: number, length?: number): Promise<string> =>
          new TextDecoder().decode(await files.read("/a", { offset, length }));
        assert.equal(await part(3), "3456789");
        assert.equal(await part(3, 2), "34");
        assert.equal(await part(8, 100), "89");
        assert.equal(await part(100, 1), "");
        assert.equal(await part(0, 0), "");
        await refuses(files.read("/a", { offset: -1 }), "EINVAL");
        await refuses(files.read("/none"), "ENOENT");
        await refuses(files.read("/"), "EISDIR");
        await refuses(files.read("/a/b"), "ENOTDIR");
      });

      void test("stat() says what a file is, and another revision after each write", async (t) => {
        const { root } = makePlace(t);
        const files = open(root, 1000);
        const revisions = new Set<string | undefined>();
        for (let i = 0; i < 50; i += 1) {
          await files.write("/a", bytes(`${i % 10}`), i % 3 === 0 ? { at: 0 } : {});
          revisions.add((await files.stat("/a")).revision);
        }
        assert.equal(revisions.size, 50);
        const { revision, modifiedAt, ...rest } = await files.stat("/a");
        assert.equal(typeof revision, "string");
        assert.equal(typeof modifiedAt, "number");
        const facts = { size: 1, nature: "ranged", limit: 1000 };
        assert.deepEqual(rest, { name: "a", kind: "file", access: "rw", ...facts });
        assert.equal((await files.stat("/")).kind, "directory");
        assert.equal((await files.stat("/")).name, "");
        await refuses(files.stat("/none"), "ENOENT");
        await refuses(files.write("/a", new Uint8Array(1001)), "EFBIG");
        await refuses(files.write("/a", new Uint8Array(2), { at: 999 }), "EFBIG");
        await refuses(files.write("/a", new Uint8Array(1000), { at: "end" }), "EFBIG");
        await refuses(files.resize!("/a", 1001), "EFBIG");
      });

      void test("write() looks at the revision when it is asked to", async (t) => {
        const { root } = makePlace(t);
        const files = open(root);
        await files.write("/a", bytes("1"));
        const { revision } = await files.stat("/a");
        await files.write("/a", bytes("2"), { ifMatch: revision });
        for (const at of [undefined, 0, "end"] as const) {
          await assert.rejects(
            files.write("/a", bytes("3"), { ifMatch: revision, at }),
            (error: unknown) => error instanceof OpenAgentsError && error.code === "PRECONDITION",
          );
        }
        assert.equal(await text(files, "/a"), "2");
        const now = (await files.stat("/a")).revision;
        const all = await Promise.allSettled(
          Array.from({ length: 10 }, (_, i) => files.write("/a", bytes(`${i}`), { ifMatch: now })),
        );
        assert.equal(all.filter(({ status }) => status === "fulfilled").length, 1);
      });

      void test("makeDirectory(), remove() and rename() do as their names say", async (t) => {
        const { root } = makePlace(t);
        const files = open(root);
        await files.makeDirectory?.("/d");
        await refuses(files.makeDirectory!("/d"), "EEXIST");
        await refuses(files.makeDirectory!("/none/d"), "ENOENT");
        await files.write("/d/a", bytes("a"));
        await files.write("/b", bytes("b"));
        await refuses(files.remove("/d"), "ENOTEMPTY");
        await refuses(files.remove("/none"), "ENOENT");
        await refuses(files.remove("/"), "EBUSY");
        await files.rename("/d/a", "/b");
        assert.equal(await text(files, "/b"), "a");
        await refuses(files.rename("/d/a", "/b"), "ENOENT");
        await refuses(files.rename("/b", "/d"), "EISDIR");
        await refuses(files.rename("/b", "/none/b"), "ENOENT");
        await refuses(files.rename("/d", "/d/e"), "EINVAL");
        await files.rename("/d", "/e");
        await files.rename("/b", "/e/b");
        await files.rename("/e/b", "/e/b");
        await files.remove("/e/b");
        await files.remove("/e");
        assert.deepEqual(readdirSync(root), []);
      });

      void test("nobody who reads sees a part of a write", async (t) => {
        const { root } = makePlace(t);
        const files = open(root);
        await files.write("/a", new Uint8Array(300_000).fill(65));
        const state = { done: false };
        const writing = (async () => {
          for (let i = 0; i < 60; i += 1)
            await files.write("/a", new Uint8Array(300_000).fill(66 + i));
          state.done = true;
        })();
        let reads = 0;
        while (!state.done) {
          const seen = readFileSync(join(root, "a"));
          assert.equal(seen.length, 300_000);
          assert.ok(seen.every((byte) => byte === seen[0]));
          assert.deepEqual(
            (await all(files, "/")).map(({ name }) => name),
            ["a"],
          );
          reads += 1;
        }
        await writing;
        assert.ok(reads > 1);
      });

      void test("links are shown with where they lead inside, and never followed", async (t) => {
        const { root, outside } = makePlace(t);
        const files = open(root);
        mkdirSync(join(root, "d/e"), { recursive: true });
        writeFileSync(join(root, "d/file"), "inside");
        const links: readonly (readonly [string, string, string | undefined])[] = [
          ["plain", "d/file", "d/file"],
          ["d/up", "../d/file", "file"],
          ["d/e/top", "../..", "../.."],
          ["absolute", join(root, "d/file"), "d/file"],
          ["d/e/absolute", join(root, "d"), ".."],
          ["self", ".", "."],
          ["out", "../outside/secret", undefined],
          ["root", "/", undefined],
          ["out-absolute", join(outside, "secret"), undefined],
          ["out-directory", outside, undefined],
          ["beside", `${root}-2/x`, undefined],
          ["proc", "/proc/self/root", undefined],
          ["around", "d/../../root/d", undefined],
          ["chain", "out-directory/private", "out-directory/private"],
          ["loop", "loop", "loop"],
        ];
        for (const [name, target] of links) symlinkSync(target, join(root, name));
        for (const [name, , target] of links) {
          const stat = await files.stat(`/${name}`);
          assert.equal(stat.kind, "link");
          assert.equal(stat.target, target, name);
          const path = `/${name}`;
          await refuses(files.read(path), "ELOOP");
          await refuses(files.list(path), ...(held ? ["ELOOP"] : ["ELOOP", "ENOENT"]));
          await refuses(files.write(path, bytes("x")), "ELOOP");
          await refuses(files.write(path, bytes("x"), { at: 0 }), "ELOOP");
          await refuses(files.write(path, bytes("x"), { at: "end" }), "ELOOP");
          await refuses(files.write(path, bytes("x"), { create: "only" }), "EEXIST", "ELOOP");
          await refuses(files.resize!(path, 0), "ELOOP");
          await refuses(files.makeDirectory!(path), "EEXIST");
          for (const below of [`${path}/secret`, `${path}/private/secret`]) {
            const errnos = held ? ["ELOOP"] : ["ELOOP", "ENOENT", "ENOTDIR"];
            await refuses(files.stat(below), ...errnos);
            await refuses(files.read(below), ...errnos);
            await refuses(files.write(below, bytes("x")), ...errnos);
            await refuses(files.remove(below), ...errnos);
            await refuses(files.rename(below, "/stolen"), ...errnos);
            await refuses(files.rename("/d/file", below), ...errnos);
            await refuses(files.makeDirectory!(below), ...errnos);
          }
        }
        // What is done with a link is done with the link.
        await files.rename("/out", "/moved");
        await files.remove("/moved");
        await files.remove("/out-directory");
        assert.equal(readFileSync(join(outside, "secret"), "utf8"), SECRET);
        await files.write("/new", bytes("new"));
        await files.rename("/new", "/out-absolute");
        assert.equal(await text(files, "/out-absolute"), "new");
        assert.equal(readFileSync(join(outside, "secret"), "utf8"), SECRET);
        assert.deepEqual(readdirSync(outside).sort(), ["private", "secret"]);
      });

      void test("no way of writing a path leads out", async (t) => {
        const { root, outside } = makePlace(t);
        const files = open(root);
        const ways = [
          "/../outside/secret",
          "/./../outside/secret",
          "/x/../../outside/secret",
          "/..",
          "..",
          "",
          "outside",
          "//etc/passwd",
          "/etc//passwd",
          "/a/",
          "/a\0b",
          "/\ud800",
          "/a\n",
        ];
        const strange = [
          "/%2e%2e/outside/secret",
          "/%2e%2e%2foutside%2fsecret",
          "/..%2foutside/secret",
          "/..%c0%afoutside",
          "/\u2024\u2024/outside/secret",
          "/\uff0e\uff0e/outside/secret",
          "/\uff0e\uff0e\uff0foutside\uff0fsecret",
          "/.\u200b./outside/secret",
          "/.. /outside/secret",
          "/.../outside/secret",
          "/..\\outside\\secret",
          "/~/secret",
          "/$HOME/secret",
          join("/", outside, "secret"),
        ];
        for (const path of [...ways, ...strange]) {
          const errnos = ways.includes(path) ? ["EINVAL"] : ["ENOENT", "EINVAL"];
          await refuses(files.stat(path), ...errnos);
          await refuses(files.read(path), ...errnos);
          await refuses(files.list(path), ...errnos);
          await refuses(files.remove(path), ...errnos);
          await refuses(files.rename(path, "/stolen"), ...errnos);
          const made = files.write(path, bytes("x"));
          if (ways.includes(path)) await refuses(made, "EINVAL");
          else await made.catch(() => undefined);
        }
        // A name that looks like two is one, and stands inside.
        assert.deepEqual(readdirSync(outside).sort(), ["private", "secret"]);
        assert.equal(readFileSync(join(outside, "secret"), "utf8"), SECRET);
        assert.deepEqual(readdirSync(join(root, "..")).sort(), ["outside", "root"]);
      });

      void test("pipes, sockets and devices are shown, and never opened", async (t) => {
        const { root } = makePlace(t);
        const files = open(root);
        execFileSync("mkfifo", [join(root, "pipe")]);
        const server = createServer().listen(join(root, "socket"));
        t.after(() => server.close());
        const names = ["pipe", "socket"];
        try {
          execFileSync("mknod", [join(root, "null"), "c", "1", "3"], { stdio: "ignore" });
          names.push("null");
        } catch {
          // Only root makes devices.
        }
        for (const name of names) {
          const { kind, access, size } = await files.stat(`/${name}`);
          assert.deepEqual({ kind, access, size }, { kind: "file", access: "", size: undefined });
          await refuses(files.read(`/${name}`), "EACCES");
          for (const at of [undefined, 0, "end"] as const) {
            await refuses(files.write(`/${name}`, bytes("x"), { at }), "EACCES");
          }
          await refuses(files.resize!(`/${name}`, 0), "EACCES");
          await refuses(files.remove(`/${name}`), "EACCES");
          await refuses(files.rename(`/${name}`, "/other"), "EACCES");
          await refuses(files.list(`/${name}`), "ENOTDIR");
          await refuses(files.stat(`/${name}/x`), "ENOTDIR");
        }
      });

      void test("list() gives each of 100,000 entries once, in order and in pages", async (t) => {
        const { root } = makePlace(t);
        const files = open(root);
        mkdirSync(join(root, "many"));
        const most = held ? 100_000 : 2_000;
        for (let i = 0; i < most; i += 1)
          writeFileSync(join(root, "many", `${(i * 7919) % most}`), "");
        const names = (await all(files, "/many")).map(({ name }) => name);
        assert.equal(names.length, most);
        assert.deepEqual(names, [...names].sort());
        assert.equal(new Set(names).size, most);
        // A page goes on after a name, whatever became of the directory.
        const first = await files.list("/many", { limit: 2 });
        assert.deepEqual(
          first.items.map(({ name }) => name),
          ["0", "1"],
        );
        rmSync(join(root, "many", "10"));
        writeFileSync(join(root, "many", "1-new"), "");
        const second = await files.list("/many", { limit: 2, cursor: first.cursor });
        assert.deepEqual(
          second.items.map(({ name }) => name),
          ["1-new", "100"],
        );
        await refuses(files.list("/many", { cursor: "!" }), "EINVAL");
        await refuses(files.list("/many", { limit: 0 }), "EINVAL");
        await refuses(files.list("/many", { limit: 1001 }), "EINVAL");
        await refuses(files.list("/many/1"), "ENOTDIR");
      });

      void test("list() leaves out what no path can name, and what is not whole yet", async (t) => {
        const { root } = makePlace(t);
        const files = open(root);
        writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x41])]), "");
        writeFileSync(join(root, "a\nb"), "");
        writeFileSync(join(root, "é"), "composed");
        writeFileSync(join(root, "e\u0301"), "decomposed");
        const left = `.openagents-${"0".repeat(32)}.tmp`;
        writeFileSync(join(root, left), "");
        assert.deepEqual((await all(files, "/")).map(({ name }) => name).sort(), ["e\u0301", "é"]);
        assert.equal(await text(files, "/é"), "composed");
        assert.equal(await text(files, "/e\u0301"), "decomposed");
        for (const path of [`/${left}`, `/${left}/x`]) {
          await refuses(files.stat(path), "EINVAL");
          await refuses(files.write(path, bytes("x")), "EINVAL");
          await refuses(files.makeDirectory!(path), "EINVAL");
          await refuses(files.rename("/é", path), "EINVAL");
        }
      });

      void test("remove() takes a directory in which only a dead writer's file is left", async (t) => {
        const { root } = makePlace(t);
        const files = open(root);
        mkdirSync(join(root, "d"));
        const left = join(root, "d", `.openagents-${"0".repeat(32)}.tmp`);
        writeFileSync(left, "");
        await refuses(files.remove("/d"), "ENOTEMPTY");
        utimesSync(left, 1, 1);
        await files.remove("/d");
        assert.equal(existsSync(join(root, "d")), false);
      });

      void test("a hard link is a file like any other; a whole write parts it from its twin", async (t) => {
        const { root, outside } = makePlace(t);
        const files = open(root);
        linkSync(join(outside, "secret"), join(root, "twin"));
        assert.equal(await text(files, "/twin"), SECRET);
        await files.write("/twin", bytes("mine"));
        assert.equal(readFileSync(join(outside, "secret"), "utf8"), SECRET);
        assert.equal(lstatSync(join(root, "twin")).nlink, 1);
      });

      void test("watch() tells of what changes, also in directories that come later", async (t) => {
        const { root } = makePlace(t);
        mkdirSync(join(root, "d/e"), { recursive: true });
        const files = open(root);
        const ends = new AbortController();
        const seen = new Set<string>();
        const watching = (async () => {
          for await (const path of files.watch("/d", ends.signal)) seen.add(path);
        })();
        const comes = async (path: string, change: () => void): Promise<void> => {
          for (seen.clear(); !seen.has(path); await new Promise((go) => setTimeout(go, 20)))
            change();
        };
        let n = 0;
        const touch = (path: string) => () => writeFileSync(join(root, path), `${(n += 1)}`);
        await comes("/d/a", touch("d/a"));
        await comes("/d/e/b", touch("d/e/b"));
        mkdirSync(join(root, "d/new/deep"), { recursive: true });
        await comes("/d/new/deep/c", touch("d/new/deep/c"));
        execFileSync("mv", [join(root, "d/new"), join(root, "d/newer")]);
        await comes("/d/newer/deep/c", touch("d/newer/deep/c"));
        execFileSync("mv", [join(root, "d"), join(root, "gone")]);
        mkdirSync(join(root, "d"));
        await comes("/d/again", touch("d/again"));
        await files.write("/d/whole", bytes("x"));
        touch("other")();
        await comes("/d/last", touch("d/last"));
        assert.deepEqual(
          [...seen].filter((path) => !path.startsWith("/d") || path.includes("tmp")),
          [],
        );
        ends.abort();
        await watching;
        const none = files.watch("/none/x", new AbortController().signal)[Symbol.asyncIterator]();
        await refuses(none.next(), "ENOENT");
      });

      void test("watch() sees nothing of what a link leads to", async (t) => {
        const { root, outside } = makePlace(t);
        symlinkSync(outside, join(root, "link"));
        const files = open(root);
        const ends = new AbortController();
        const seen: string[] = [];
        const watching = (async () => {
          for await (const path of files.watch("/", ends.signal)) seen.push(path);
        })();
        while (!seen.includes("/mark")) {
          writeFileSync(join(outside, "new"), "x");
          writeFileSync(join(outside, "private", "new"), "x");
          writeFileSync(join(root, "mark"), "x");
          await new Promise((go) => setTimeout(go, 20));
        }
        ends.abort();
        await watching;
        assert.deepEqual(
          seen.filter((path) => path !== "/mark" && path !== "/"),
          [],
        );
      });
    },
  );
}

void test("targetOf() never names anything above the root", () => {
  assert.equal(targetOf("../../a", "/x/y", "/r"), undefined);
  assert.equal(targetOf("../a", "/x/y", "/r"), "../a");
  assert.equal(targetOf("/r/../etc", "/x", "/r"), undefined);
  assert.equal(targetOf("/etc/passwd", "/a/x", "/"), "../etc/passwd");
  assert.equal(targetOf("a\nb", "/x", "/r"), undefined);
});
