import assert from "node:assert/strict";
import { test } from "node:test";
import type { Access, FileService, FileStat } from "../../src/core/ports/files.ts";
import { manualClock } from "../../src/testing/manual-clock.ts";
import { entries, refused } from "../../src/testing/files/kit.ts";
import { namespace } from "../../src/vfs/namespace.ts";
import type { Namespace } from "../../src/vfs/namespace.ts";
import { nodeService } from "../../src/vfs/nodes.ts";
import { bytes, growing, loud, newScratch } from "./fixtures.ts";

/** A namespace with one scratch at `/fs/work`, in which there is a file and a directory with another. */
async function withWork(access: Access): Promise<Namespace> {
  const service = newScratch();
  await service.write("/file", bytes("content"));
  await service.makeDirectory!("/d");
  await service.write("/d/deep", bytes("deep"));
  const budget = { writes: 2, per: 1000 };
  return namespace([{ path: "/fs/work", service, access, budget }], { clock: { now: () => 0 } });
}

/** All that can be tried with a file and beside it; the names of what was let through. */
async function tried(files: Namespace, directory: string): Promise<string> {
  const signal = AbortSignal.abort();
  const attempts: Readonly<Record<string, () => Promise<unknown>>> = {
    stat: () => files.stat(`${directory}/file`),
    list: () => files.list(directory),
    read: () => files.read(`${directory}/file`),
    watch: () => files.watch(directory, signal)[Symbol.asyncIterator]().next(),
    write: () => files.write(`${directory}/file`, bytes("x")),
    create: () => files.write(`${directory}/new`, bytes("x")),
    append: () => files.write(`${directory}/file`, bytes("x"), { at: "end" }),
    resize: () => files.resize!(`${directory}/file`, 1),
    makeDirectory: () => files.makeDirectory!(`${directory}/e`),
    rename: () => files.rename(`${directory}/file`, `${directory}/moved`),
    remove: () => files.remove(`${directory}/d/deep`),
  };
  const through: string[] = [];
  for (const [name, attempt] of Object.entries(attempts)) {
    const error = await attempt().then(
      () => undefined,
      (error: Error) => error,
    );
    if (error === undefined) through.push(name);
    else assert.match(error.message, /the mount "\/fs\/work" is|its budget is/);
  }
  return through.join(" ");
}

void test("each level of access lets through what it is for, and says so when it does not", async () => {
  const changes = "write create append resize makeDirectory rename remove";
  assert.equal(
    await tried(await withWork("read-write"), "/fs/work"),
    `stat list read watch ${changes}`,
  );
  assert.equal(await tried(await withWork("read-only"), "/fs/work"), "stat list read watch");
  assert.equal(await tried(await withWork("sign-only"), "/fs/work"), "stat list read watch");
  assert.equal(
    await tried(await withWork("budgeted"), "/fs/work"),
    "stat list read watch write create",
  );
  // To watch what is over already is nothing.
  assert.equal(await tried(await withWork("disabled"), "/fs/work"), "watch");
});

void test("stat() and list() show what is left of the access, and nothing of a disabled mount", async () => {
  const files = await withWork("read-only");
  assert.equal((await files.stat("/fs/work/file")).access, "r");
  assert.deepEqual(
    (await files.list("/fs/work")).items.map(({ name, access }) => [name, access]),
    [
      ["d", "r"],
      ["file", "r"],
    ],
  );
  files.setAccess("/fs/work", "disabled");
  const point = { name: "work", kind: "directory", access: "" };
  assert.deepEqual(await files.stat("/fs/work"), point);
  assert.deepEqual((await files.list("/fs")).items, [point]);
  await refused(files.stat("/fs/work/file"), "EACCES");
  await refused(files.stat("/fs/work/none"), "EACCES");
  files.setAccess("/fs/work", "read-write");
  assert.equal((await files.stat("/fs/work/file")).access, "rw");
});

void test("sign-only lets a file named sign answer and no other", async () => {
  const service = nodeService({
    list: async () => ({ items: [] }),
    at: (name) => ({ exchange: async () => name }),
  });
  const files = namespace([{ path: "/identity", service, access: "sign-only" }]);
  assert.deepEqual(await files.exchange!("/identity/sign", bytes("x")), bytes("sign"));
  assert.equal((await files.stat("/identity/sign")).access, "rw");
  assert.equal((await files.stat("/identity/encrypt")).access, "r");
  for (const name of ["encrypt", "decrypt", "Sign", "sign "]) {
    await refused(files.exchange!(`/identity/${name}`, bytes("x")), "EACCES");
  }
});

void test("a budget is spent by writes and exchanges, and comes back as time goes by", async () => {
  const clock = manualClock(1_000_000);
  const budget = { writes: 2, per: 1000 };
  const files = namespace(
    [
      { path: "/b", service: newScratch(), access: "budgeted", budget },
      { path: "/loud", service: loud(), access: "budgeted", budget },
    ],
    { clock },
  );
  await files.write("/b/1", bytes("x"));
  await clock.advance(600);
  await files.makeDirectory!("/b/d");
  await refused(files.remove("/b/1"), "EDQUOT");
  await files.exchange!("/loud", bytes("x"));
  await files.exchange!("/loud", bytes("x"));
  await refused(files.exchange!("/loud", bytes("x")), "EDQUOT");
  assert.deepEqual(await files.read("/b/1"), bytes("x"));
  await clock.advance(415);
  await files.remove("/b/1");
  // In any second there are two: one of them is 415 ms old.
  await refused(files.remove("/b/d"), "EDQUOT");
  // A mount that comes back has no more than what was left.
  files.unmount("/b");
  files.mount({ path: "/b", service: newScratch(), access: "budgeted", budget });
  await refused(files.write("/b/2", bytes("x")), "EDQUOT");
  await clock.advance(600);
  await files.write("/b/2", bytes("x"));
});

void test("a mount that is disabled while its budget is asked for is not written", async () => {
  const service = newScratch();
  const asked = Promise.withResolvers<void>();
  const files = namespace(
    [{ path: "/b", service, access: "budgeted", budget: { writes: 9, per: 1 } }],
    { budgets: { spend: () => asked.promise } },
  );
  const write = files.write("/b/file", bytes("x"));
  files.setAccess("/b", "disabled");
  asked.resolve();
  await refused(write, "EACCES");
  assert.deepEqual((await service.list("/")).items, []);
});

void test("mount() refuses a level that it cannot hold to, and a path that is taken or is none", () => {
  const service = newScratch();
  const files = namespace([{ path: "/a", service, access: "read-write" }]);
  const code = (errno: string) => ({ errno });
  const mount = (path: string, access: Access) => () => files.mount({ path, service, access });
  assert.throws(mount("/b", "budgeted"), code("EINVAL"));
  assert.throws(mount("/b", "toString" as Access), code("EINVAL"));
  assert.throws(mount("/a/", "read-only"), code("EBUSY"));
  assert.throws(mount("/../a", "read-only"), code("EINVAL"));
  assert.throws(() => files.setAccess("/a", "budgeted"), code("EINVAL"));
  assert.throws(() => files.setAccess("/b", "read-only"), code("ENOENT"));
  assert.throws(() => files.unmount("/a/b"), code("ENOENT"));
  assert.deepEqual(files.mounts(), [{ path: "/a", service, access: "read-write" }]);
  assert.equal(files.mountAt("/a/b/c")?.path, "/a");
  assert.equal(files.mountAt("/ab"), undefined);
});

void test("no path leads out of the mount that it is in", async () => {
  const [inside, outside] = [newScratch(), newScratch()];
  await outside.write("/secret", bytes("x"));
  const asked: string[] = [];
  const spy = new Proxy(inside, {
    get: (target, key) => {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        asked.push(String(args[0]));
        return (member as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  const files = namespace([
    { path: "/", service: outside, access: "disabled" },
    { path: "/in", service: spy, access: "read-write" },
  ]);
  const attempts = [
    "/in/../secret",
    "/in/..",
    "/in/./../secret",
    "/in//..//secret",
    "/in/a/../../secret",
  ];
  for (const path of attempts) await refused(files.read(path), "EINVAL");
  for (const path of ["/in/%2e%2e/secret", "/in/．．/secret", "/in/..\\secret", "/in/.../secret"]) {
    await refused(files.read(path), "ENOENT");
  }
  await refused(files.read("/in\0/../secret"), "EINVAL");
  await refused(files.read("/secret"), "EACCES");
  await refused(files.rename("/in/a", "/in/../b"), "EINVAL");
  assert.ok(asked.every((path) => path.startsWith("/") && !path.split("/").includes("..")));
});

void test("a mount of one file is a file, and what is above a mount is a directory", async () => {
  const below = newScratch();
  await below.write("/a", bytes("hidden by the mounts below it"));
  const files = namespace([
    { path: "/", service: below, access: "read-write" },
    { path: "/loud", service: loud(), access: "read-write" },
    { path: "/a/b/c", service: newScratch(), access: "read-write" },
  ]);
  assert.deepEqual(await files.exchange!("/loud", bytes("hi")), bytes("HI"));
  const { name, kind } = await files.stat("/loud");
  assert.deepEqual([name, kind], ["loud", "file"]);
  await refused(files.list("/loud"), "ENOTDIR");
  for (const path of ["/a", "/a/b"]) {
    assert.deepEqual(await files.stat(path), {
      name: path.at(-1)!,
      kind: "directory",
      access: "r",
    });
    await refused(files.read(path), "EISDIR");
    await refused(files.write(path, bytes("x")), "EISDIR");
    await refused(files.write(path, bytes("x"), { at: "end" }), "EISDIR");
    await refused(files.resize!(path, 0), "EISDIR");
    await refused(files.exchange!(path, bytes("x")), "EISDIR");
    await refused(files.makeDirectory!(path), "EEXIST");
    await refused(files.remove(path), "ENOTEMPTY");
    await refused(files.rename(path, "/z"), "EBUSY");
  }
  await refused(files.write("/a/x", bytes("x")), "EACCES");
  await refused(files.rename("/loud", "/z"), "EBUSY");
  assert.deepEqual(
    (await files.list("/")).items.map((entry) => entry.name),
    ["a", "loud"],
  );
});

void test("pages of a listing have each entry once, whatever part of it is mount points", async () => {
  const service = newScratch();
  const own = Array.from({ length: 7 }, (_, i) => `own-${i}`);
  const both = ["both-0", "both-1", "own-3"];
  await service.makeDirectory!("/d");
  for (const name of [...own, "both-0"]) await service.write(`/d/${name}`, bytes(name));
  const point = newScratch();
  const files = namespace([
    { path: "/", service, access: "read-write" },
    ...both.map((name) => ({ path: `/d/${name}`, service: point, access: "read-only" as const })),
    { path: "/d/between/far", service: point, access: "read-only" },
    { path: "/d/\u{10000}", service: point, access: "read-only" },
    { path: "/d/\u{ffff}", service: point, access: "read-only" },
  ]);
  const all = [...new Set([...own, ...both, "between", "\u{10000}", "\u{ffff}"])].sort();
  for (let limit = 1; limit <= all.length + 2; limit += 1) {
    const listed = await entries(files, "/d", limit);
    assert.deepEqual(listed.map(({ name }) => name).sort(), all, `pages of ${limit}`);
    const kinds = listed.filter(({ kind }) => kind === "directory").length;
    assert.equal(kinds, both.length + 3, "mount points are what is mounted");
  }
  for (const cursor of ["", "x", "own-1"]) await refused(files.list("/d", { cursor }), "EINVAL");
});

void test("a listing goes on where it was when mounts come and go between its pages", async () => {
  const service = newScratch();
  for (const name of ["w", "x", "y", "z"]) await service.write(`/${name}`, bytes(name));
  const files = namespace([{ path: "/", service, access: "read-write" }]);
  const mount = (path: string): void => files.mount({ path, service, access: "read-only" });
  for (const path of ["/a", "/b", "/c"]) mount(path);
  const seen: string[] = [];
  let page = await files.list("/", { limit: 1 });
  const changes = [
    () => mount("/a1"),
    () => files.unmount("/b"),
    () => {
      files.unmount("/c");
      mount("/d");
    },
    () => mount("/d1"),
    () => files.unmount("/a"),
  ];
  for (;;) {
    seen.push(...page.items.map(({ name }) => name));
    changes.shift()?.();
    if (page.cursor === undefined) break;
    page = await files.list("/", { limit: 1, cursor: page.cursor });
  }
  assert.deepEqual(seen, ["a", "a1", "c", "d", "d1", "w", "x", "y", "z"]);
});

void test("one mount that cannot be reached fails no listing of what is above it", async () => {
  const broken = nodeService({
    list: () => Promise.reject(new Error("gone")),
    at: () => undefined,
    facts: () => Promise.reject(new Error("gone")),
  });
  const files = namespace([
    { path: "/fs/broken", service: broken, access: "read-write" },
    { path: "/fs/fine", service: newScratch(), access: "read-write" },
  ]);
  const { items } = await files.list("/fs");
  assert.deepEqual(
    items.map(({ name, kind, access }) => [name, kind, access]),
    [
      ["broken", "directory", ""],
      ["fine", "directory", "rw"],
    ],
  );
});

void test("what a service names and says has the paths of the namespace", async () => {
  const service = nodeService({
    list: async () => ({ items: [] }),
    at: (name) => (name === "7" ? { read: () => "x" } : undefined),
    post: async () => "7",
    create: async () => "7",
  });
  const files = namespace([{ path: "/inbox", service, access: "read-write" }]);
  assert.deepEqual(await files.write("/inbox", bytes("x"), { at: "end" }), { path: "/inbox/7" });
  assert.deepEqual(await files.write("/inbox/any", bytes("x")), { path: "/inbox/7" });
  const message = (path: string) => ({ message: new RegExp(`"${path}"`) });
  await assert.rejects(files.read("/inbox/$&"), message("/inbox/\\$&"));
  await assert.rejects(files.write("/inbox/7", bytes("x")), message("/inbox/7"));
  await assert.rejects(files.read("/inbox"), message("/inbox"));
  await assert.rejects(files.write("/inbox/7", bytes("x"), { ifMatch: "1" }), message("/inbox/7"));
});

void test("what a service cannot do is ENOTSUP", async () => {
  const inner = newScratch();
  const least: FileService = {
    stat: (path) => inner.stat(path),
    list: (path, query) => inner.list(path, query),
    read: (path, range) => inner.read(path, range),
    write: (path, data, options) => inner.write(path, data, options),
    remove: (path) => inner.remove(path),
    rename: (from, to) => inner.rename(from, to),
    watch: (path, signal) => inner.watch(path, signal),
  };
  const files = namespace([{ path: "/", service: least, access: "read-write" }]);
  await files.write("/file", bytes("x"));
  await refused(files.makeDirectory!("/d"), "ENOTSUP");
  await refused(files.resize!("/file", 0), "ENOTSUP");
  await refused(files.exchange!("/file", bytes("x")), "ENOTSUP");
  const follow = files.follow!("/file", AbortSignal.timeout(60_000))[Symbol.asyncIterator]();
  await refused(follow.next(), "ENOTSUP");
});

void test("links are shown and not followed", async () => {
  const link: FileStat = { name: "out", kind: "link", access: "rw", target: "/secret" };
  const inner = newScratch();
  const service: FileService = Object.assign(Object.create(inner) as FileService, {
    stat: async () => link,
  });
  const files = namespace([
    { path: "/l", service, access: "read-only" },
    { path: "/secret", service: inner, access: "read-write" },
  ]);
  assert.deepEqual(await files.stat("/l/out"), { ...link, access: "r" });
});

void test("a file cannot be moved to another mount, not even of the same service", async () => {
  const service = newScratch();
  await service.write("/file", bytes("x"));
  const files = namespace([
    { path: "/a", service, access: "read-write" },
    { path: "/b", service, access: "read-write" },
    { path: "/ro", service, access: "read-only" },
  ]);
  await refused(files.rename("/a/file", "/b/moved"), "EXDEV");
  await refused(files.rename("/a/file", "/nowhere"), "EXDEV");
  await refused(files.rename("/a/file", "/ro/moved"), "EACCES");
  await refused(files.rename("/ro/file", "/a/moved"), "EACCES");
  await refused(files.rename("/a/file", "/b"), "EBUSY");
  await files.rename("/a/file", "/a/moved");
  assert.deepEqual(await files.read("/b/moved"), bytes("x"));
});

/** What an iterator that waits is told: a value, `end`, or an errno. */
async function toldTo(next: Promise<IteratorResult<unknown>>): Promise<unknown> {
  return next.then(
    ({ done, value }) => (done === true ? "end" : value),
    (error: { readonly errno: string }) => error.errno,
  );
}

void test("who follows or watches what is taken away, covered or disabled is told at once", async () => {
  const endings: Readonly<Record<string, (files: Namespace) => void>> = {
    ENOENT: (files) => files.unmount("/m/logs"),
    EACCES: (files) => files.setAccess("/m/logs", "disabled"),
  };
  for (const [errno, end] of Object.entries(endings)) {
    const { service } = growing();
    const files = namespace([
      { path: "/m", service: newScratch(), access: "read-write" },
      { path: "/m/logs", service, access: "read-only" },
    ]);
    const stop = new AbortController();
    const follow = files.follow!("/m/logs", stop.signal)[Symbol.asyncIterator]();
    const following = follow.next();
    // The service of this one cannot be watched.
    files.unmount("/m/logs");
    assert.equal(await toldTo(following), "ENOENT");
    files.mount({ path: "/m/logs", service: newScratch(), access: "read-only" });
    const watch = files.watch("/m/logs", stop.signal)[Symbol.asyncIterator]();
    const watching = watch.next();
    const above = files.watch("/m", stop.signal)[Symbol.asyncIterator]();
    const aboveNext = above.next();
    end(files);
    assert.equal(await toldTo(watching), errno);
    assert.equal(await toldTo(watch.next()), "end");
    assert.equal(await toldTo(aboveNext), "/m/logs");
    // What is above goes on.
    const next = above.next();
    await files.write("/m/file", bytes("x"));
    assert.equal(await toldTo(next), "/m/file");
    stop.abort();
    assert.equal(await toldTo(above.next()), "end");
  }
});

void test("who watches what another mount comes to cover is told, and who watches around it goes on", async () => {
  const service = newScratch();
  await service.makeDirectory!("/d");
  const files = namespace([{ path: "/m", service, access: "read-write" }]);
  const stop = new AbortController();
  const covered = files.watch("/m/d", stop.signal)[Symbol.asyncIterator]();
  const around = files.watch("/m", stop.signal)[Symbol.asyncIterator]();
  const [coveredNext, aroundNext] = [covered.next(), around.next()];
  const other = newScratch();
  files.mount({ path: "/m/d", service: other, access: "read-write" });
  assert.equal(await toldTo(coveredNext), "ENOENT");
  assert.equal(await toldTo(aroundNext), "/m/d");
  // What it hides is not told of, and what is in the new one is.
  const next = around.next();
  await service.write("/d/hidden", bytes("x"));
  await other.write("/seen", bytes("x"));
  assert.equal(await toldTo(next), "/m/d/seen");
  stop.abort();
});

void test("watch() of what is above many mounts tells of all of them", async () => {
  const services = Array.from({ length: 5 }, newScratch);
  const { service } = growing();
  const files = namespace([
    ...services.map((service, i) => ({ path: `/fs/${i}`, service, access: "read-only" as const })),
    // One that nobody can watch does not matter.
    { path: "/fs/log", service, access: "read-only" },
  ]);
  const stop = new AbortController();
  const watch = files.watch("/", stop.signal)[Symbol.asyncIterator]();
  for (const [i, one] of services.entries()) {
    const next = watch.next();
    await one.write("/file", bytes("x"));
    assert.equal(await toldTo(next), `/fs/${i}/file`);
  }
  stop.abort();
  const alone = files.watch("/fs/log", AbortSignal.timeout(60_000))[Symbol.asyncIterator]();
  assert.equal(await toldTo(alone.next()), "ENOTSUP");
  const none = files.watch("/none", AbortSignal.timeout(60_000))[Symbol.asyncIterator]();
  assert.equal(await toldTo(none.next()), "ENOENT");
});

void test("follow() ends with its signal when its source does not heed it", async () => {
  const service: FileService = Object.assign(Object.create(newScratch()) as FileService, {
    async *follow() {
      yield bytes("one\n");
      await new Promise(() => undefined);
    },
  });
  const files = namespace([{ path: "/log", service, access: "read-only" }]);
  const stop = new AbortController();
  const follow = files.follow!("/log/x", stop.signal)[Symbol.asyncIterator]();
  assert.deepEqual(await toldTo(follow.next()), bytes("one\n"));
  const next = follow.next();
  stop.abort();
  assert.equal(await toldTo(next), "end");
});

void test("names that are none, of a service that nobody should trust, are not passed on", async () => {
  const names = [
    "fine",
    "..",
    ".",
    "",
    "a/b",
    "../../etc",
    "x\u001b[2J",
    "\ud800",
    "y".repeat(300),
  ];
  const hostile: FileService = {
    stat: async (path) => {
      const kind = path === "/file" ? "file" : "directory";
      return { name: "../../etc", kind, access: "rw" };
    },
    list: async () => ({ items: names.map((name) => ({ name, kind: "file", access: "rw" })) }),
    read: async () => new Uint8Array(0),
    write: async () => ({ path: "/../../etc/passwd" }),
    remove: async () => undefined,
    rename: async () => undefined,
    watch: async function* () {
      yield* ["/../../etc", "relative", "/a//b", "/x\u0000", "/fine"];
    },
  };
  for (const files of [
    namespace([{ path: "/fs/h", service: hostile, access: "read-write" }]),
    namespace([{ path: "/fs/h", service: [newScratch(), hostile], access: "read-write" }]),
  ]) {
    assert.deepEqual(
      (await files.list("/fs/h")).items.map(({ name }) => name),
      ["fine"],
    );
    assert.equal((await files.stat("/fs/h/d")).name, "d");
    await refused(files.write("/fs/h/file", bytes("x")), "EIO");
    const stop = new AbortController();
    const watch = files.watch("/fs", stop.signal)[Symbol.asyncIterator]();
    assert.equal(await toldTo(watch.next()), "/fs/h/fine");
    stop.abort();
  }
});
