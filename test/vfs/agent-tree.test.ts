import assert from "node:assert/strict";
import { test } from "node:test";
import type { Store } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { errno, fileHome } from "./home.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

void test("agentTree() lists the services, each with what its user may do", async () => {
  const { files, names, runtime } = await fileHome();
  assert.deepEqual(await names("/"), [
    "alarms/",
    "children/",
    "config",
    "ctl",
    "deadletter/",
    "goals/",
    "identity/",
    "inbox/",
    "logs/",
    "memory/",
    "metrics",
    "mounts",
    "nostr/",
    "outbox/",
    "state",
    "status",
  ]);
  assert.equal((await files.stat("/goals")).access, "rw");
  assert.equal((await runtime.fs("ada", "read").stat("/goals")).access, "r");
  assert.equal((await files.stat("/status")).access, "r");
});

void test("agentTree() has what agent code writes there with the tick, and not when it fails", async () => {
  const { tick, read, names, json, runtime } = await fileHome();
  const done = await tick(async ({ fs }) => {
    await fs.write("/memory/files/notes/a.txt", "one");
    assert.equal(await fs.read("/memory/files/notes/a.txt"), "one");
    await fs.write("/goals/g", "Find it");
    await fs.write("/state", '{"n": 1}');
    await fs.write("/alarms/soon", '{"in": "1h", "payload": [1]}');
    await fs.write("/memory/kv/colour", "blue");
    await assert.rejects(async () => fs.read("/memory/files/none"), errno("ENOENT"));
    await assert.rejects(async () => fs.read("/ctl"), errno("EACCES"));
    await assert.rejects(async () => fs.write("/config", "{}"), errno("EACCES"));
    await assert.rejects(async () => fs.write("/inbox/x", "hello"), errno("EACCES"));
  });
  assert.equal(done.outcome, "done", JSON.stringify(done.error));
  assert.equal(await read("/memory/files/notes/a.txt"), "one");
  assert.equal(await read("/memory/kv/colour"), "blue");
  assert.deepEqual(await json("/state"), { n: 1 });
  assert.equal((await json("/goals/g")).title, "Find it");
  assert.deepEqual((await json("/alarms/soon")).payload, [1]);
  const failed = await tick(async ({ fs }) => {
    await fs.write("/memory/files/notes/b.txt", "two");
    await fs.remove("/goals/g");
    throw new Error("told to");
  });
  assert.equal(failed.outcome, "failed");
  assert.deepEqual(await names("/memory/files/notes"), ["a.txt"]);
  assert.deepEqual(await names("/goals"), ["g"]);
  assert.equal((await runtime.verify("ada")).ok, true);
});

void test("agentTree() makes each change of the agent's own from outside a tick on its record", async () => {
  const { files, write, within, read, runtime } = await fileHome();
  const { ticks } = await runtime.status("ada");
  assert.equal(await write("/goals/g", '{"title": "Find it", "priority": 3}'), "/goals/g");
  await within(files.makeDirectory!("/memory/files/box"));
  await within(files.write("/memory/files/box/raw", new Uint8Array([0, 255, 128])));
  await within(files.rename("/memory/files/box/raw", "/memory/files/box/it"));
  await within(files.remove("/goals/g"));
  assert.equal((await runtime.status("ada")).ticks, ticks + 5);
  assert.deepEqual([...(await files.read("/memory/files/box/it"))], [0, 255, 128]);
  const [row] = await runtime.log("ada", ticks, 1);
  assert.ok(row!.record.includes('"goals/g"'), row!.record);
  assert.equal((await runtime.verify("ada")).ok, true);
  await assert.rejects(read("/inbox/../inbox"), errno("EINVAL"));
});

void test("agentTree() refuses from outside what the user may not, and what is wrong, with no tick", async () => {
  const { files, runtime, within } = await fileHome();
  const { ticks } = await runtime.status("ada");
  const reader = runtime.fs("ada", "read");
  const operator = runtime.fs("ada", "operate");
  for (const path of ["/goals/g", "/state", "/memory/kv/x", "/inbox/x", "/mounts", "/ctl"]) {
    await assert.rejects(reader.write(path, bytes("x")), errno("EACCES"), path);
  }
  await assert.rejects(reader.remove("/memory/kv/x"), errno("EACCES"));
  await assert.rejects(reader.rename("/memory/kv/x", "/memory/kv/y"), errno("EACCES"));
  await assert.rejects(reader.makeDirectory!("/memory/files/x"), errno("EACCES"));
  await assert.rejects(operator.write("/mounts", bytes("unmount /fs/x")), errno("EACCES"));
  const hash = bytes("ab".repeat(32));
  await assert.rejects(operator.exchange!("/identity/sign", hash), errno("EACCES"));
  await assert.rejects(files.write("/state", bytes("[1]")), errno("EINVAL", /must be an object/));
  await assert.rejects(files.write("/goals/g", bytes("{")), errno("EINVAL", /must be JSON/));
  await assert.rejects(files.write("/goals/g", bytes("x"), { at: 3 }), errno("ENOTSUP"));
  await assert.rejects(files.write("/status", bytes("x")), errno("EACCES"));
  await assert.rejects(files.rename("/goals/g", "/memory/files/g"), errno("EXDEV"));
  await assert.rejects(within(files.remove("/goals/none")), errno("ENOENT"));
  assert.equal((await runtime.status("ada")).ticks, ticks);
});

void test("agentTree() has writers of one file take turns, each with the whole of it", async () => {
  const { write, json } = await fileHome();
  const titles = ["a", "b", "c", "d"].map((letter) => letter.repeat(400));
  await Promise.all(titles.map((title) => write("/goals/g", JSON.stringify({ title }))));
  assert.ok(titles.includes((await json("/goals/g")).title));
});

void test("agentTree() writes a file only for whoever knows its revision", async () => {
  const { files, write } = await fileHome();
  await write("/memory/kv/x", "one");
  const { revision } = await files.stat("/memory/kv/x");
  await write("/memory/kv/x", "two", { ifMatch: revision });
  await assert.rejects(write("/memory/kv/x", "three", { ifMatch: revision }), errno("ESTALE"));
  await assert.rejects(write("/memory/kv/x", "three", { create: "only" }), errno("EEXIST"));
  await assert.rejects(write("/memory/kv/y", "three", { create: "never" }), errno("ENOENT"));
});

void test("agentTree() names a new goal before its tick, so that it can be told", async () => {
  const { write, json } = await fileHome();
  const path = await write("/goals", "Find it", { at: "end" });
  assert.match(path, /^\/goals\/[0-9a-f]{16}$/);
  assert.equal((await json(path)).title, "Find it");
  await assert.rejects(write("/alarms", "{}", { at: "end" }), errno("ENOTSUP"));
});

void test("agentTree() says whose a path is", async () => {
  const { tick, runtime } = await fileHome({
    agent: { mounts: [{ path: "/fs/desk", kind: "scratch", source: "", access: "read-write" }] },
  });
  const record = await tick(async ({ fs }) => {
    await fs.write("/fs/desk/a", "x");
    assert.equal(await fs.read("/fs/desk/a"), "x");
    await fs.list("/fs");
    await assert.rejects(fs.read("/fs/none/a"), errno("ENOENT"));
  });
  assert.equal(record.outcome, "done", JSON.stringify(record.error));
  const keys = record.steps!.map(({ key, error }) => [key, error?.code]);
  assert.deepEqual(keys, [
    ["step:fs:write:/fs/desk/a#0", undefined],
    ["step:fs:read:/fs/desk/a#0", undefined],
    ["fs:read:/fs/none/a", "NOT_FOUND"],
  ]);
  assert.equal(new TextDecoder().decode(await runtime.fs("ada").read("/fs/desk/a")), "x");
  await assert.rejects(runtime.fs("ada", "read").write("/fs/desk/a", bytes("y")), errno("EACCES"));
});

void test("agentTree() watches the whole tree, and parts of it", async () => {
  const { files, write } = await fileHome();
  const stop = new AbortController();
  const all = files.watch("/", stop.signal)[Symbol.asyncIterator]();
  const goals = files.watch("/goals", stop.signal)[Symbol.asyncIterator]();
  const [first, goal] = [all.next(), goals.next()];
  await new Promise(setImmediate);
  await write("/goals/g", "Find it");
  assert.equal((await goal).value, "/goals/g");
  const seen = new Set([(await first).value]);
  for (const path of ["/goals/g", "/status", "/logs/ticks/2", "/logs/trajectory"]) {
    while (!seen.has(path)) seen.add((await all.next()).value);
  }
  stop.abort();
  assert.equal((await goals.next()).done, true);
  assert.equal((await all.next()).done, true);
});

void test("agentTree() lists an agent's own directory without reading what is in it", async () => {
  const { store, calls } = countedStore();
  const { files } = await fileHome({ store });
  calls.length = 0;
  const { items } = await files.list("/", { limit: 1000 });
  assert.equal(items.length, 16);
  // Who it is, and what it has mounted.
  assert.deepEqual(calls, ["get", "files", "sync"]);
  for (const entry of items) {
    const { kind, access, nature, name } = await files.stat(`/${entry.name}`);
    const told = [entry.kind, entry.access, entry.nature, entry.name];
    assert.deepEqual(told, [kind, access, nature, name]);
  }
});

void test("agentTree() says what takes commands", async () => {
  const { files } = await fileHome();
  for (const path of ["/ctl", "/mounts"]) {
    assert.equal((await files.stat(path)).nature, "commands", path);
  }
});

void test("fs() for one request looks the agent up once, and reads its report once", async () => {
  const { store, calls } = countedStore();
  const { runtime } = await fileHome({ store });
  const look = async (once: boolean): Promise<Record<string, number>> => {
    const files = runtime.fs("ada", "read", { once });
    calls.length = 0;
    const { size } = await files.stat("/status");
    assert.equal((await files.read("/status")).byteLength, size);
    const count = (name: string): number => calls.filter((call) => call === name).length;
    return { get: count("get"), depth: count("depth") };
  };
  assert.deepEqual(await look(false), { get: 2, depth: 2 });
  assert.deepEqual(await look(true), { get: 1, depth: 1 });
  // What is kept is for that request alone, and errors are those of the lookup.
  await assert.rejects(runtime.fs("nobody", "read", { once: true }).stat("/"), errno("ENOENT"));
});

/** A store in memory, and which of its methods were called. */
function countedStore(): { readonly store: Store; readonly calls: string[] } {
  const calls: string[] = [];
  const inner: Store = memoryStore();
  const store = new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: readonly unknown[]): unknown => {
        calls.push(String(name));
        return Reflect.apply(member, target, args);
      };
    },
  });
  return { store, calls };
}
