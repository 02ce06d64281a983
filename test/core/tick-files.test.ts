import assert from "node:assert/strict";
import { test } from "node:test";
import type { Context, FileService } from "../../src/index.ts";
import { OpenAgentsError } from "../../src/core/errors.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { scratch } from "../../src/vfs/scratch.ts";
import { errno, fileHome } from "../vfs/home.ts";
import { START } from "./setting.ts";

const DESK = [{ path: "/fs/desk", kind: "desk", source: "", access: "read-write" }] as const;

/** A scratch that tells how many watch it, and what was done with it. */
function desk(): {
  readonly service: FileService;
  readonly watchers: () => number;
  readonly uses: string[];
} {
  const inner = scratch({}, { now: () => START });
  const uses: string[] = [];
  let watching = 0;
  const service: FileService = {
    ...inner,
    stat: (path) => inner.stat(path),
    list: (path, query) => inner.list(path, query),
    read: (path, range) => {
      uses.push(`read ${path}`);
      return inner.read(path, range);
    },
    write: (path, data, options) => {
      uses.push(`write ${path} ${new TextDecoder().decode(data).slice(0, 20)}`);
      return inner.write(path, data, options);
    },
    remove: (path) => inner.remove(path),
    rename: (from, to) => inner.rename(from, to),
    async *watch(path, signal) {
      watching += 1;
      try {
        yield* inner.watch(path, signal);
      } finally {
        watching -= 1;
      }
    },
  };
  return { service, watchers: () => watching, uses };
}

void test("ctx.fs has its steps known in the order of the calls, whichever hook made them", async () => {
  const { service } = desk();
  const { tick, within, runtime } = await fileHome({
    kinds: { desk: () => service },
    agent: { mounts: DESK, onWake: (ctx) => void ctx.fs.write("/fs/desk/woken", "1") },
  });
  await within(runtime.hibernate("ada"));
  const record = await tick((ctx) => ctx.fs.write("/fs/desk/told", "1"));
  assert.deepEqual(record.steps?.map(({ key }) => key).toSorted(), [
    "onWake/step:fs:write:/fs/desk/woken#0",
    "step:fs:write:/fs/desk/told#0",
  ]);
});

void test("ctx.fs can name a step for any path", async () => {
  const { service } = desk();
  const { tick } = await fileHome({ kinds: { desk: () => service }, agent: { mounts: DESK } });
  for (let pad = 0; pad < 4; pad += 1) {
    const path = `/fs/desk/${"x".repeat(150)}${"y".repeat(pad)}/${"\u{1f600}".repeat(60)}`;
    const long = `${path}/${"\u{1f600}".repeat(60)}/${"\u{1f600}".repeat(60)}`;
    const record = await tick(async ({ fs }) => {
      await assert.rejects(fs.read(long), errno("ENOENT"));
      await assert.rejects(fs.read(long.replace("desk", "none")), errno("ENOENT"));
    });
    assert.equal(record.outcome, "done", JSON.stringify(record.error));
    assert.equal(record.steps?.length, 2);
  }
});

void test("ctx.fs.watch() ends with its loop, and with its tick, which does not wait for it", async () => {
  const { service, watchers } = desk();
  const { tick } = await fileHome({ kinds: { desk: () => service }, agent: { mounts: DESK } });
  const seen: string[] = [];
  const left = await tick(async ({ fs }) => {
    const changes = fs.watch("/fs/desk")[Symbol.asyncIterator]();
    const first = changes.next();
    while (watchers() === 0) await new Promise((resolve) => setImmediate(resolve));
    await service.write("/a", new Uint8Array(1));
    seen.push((await first).value as string);
    await changes.return?.();
  });
  assert.equal(left.outcome, "done", JSON.stringify(left.error));
  assert.deepEqual(seen, ["/fs/desk/a"]);
  assert.equal(watchers(), 0);
  const kept: unknown[] = [];
  const over = await tick(async ({ fs }) => {
    const loop = async (): Promise<void> => {
      for await (const change of fs.watch("/fs/desk")) kept.push(change);
      kept.push("end");
    };
    void loop().catch((error: unknown) => kept.push(error));
    while (watchers() === 0) await new Promise((resolve) => setImmediate(resolve));
  });
  assert.equal(over.outcome, "done", JSON.stringify(over.error));
  assert.equal(watchers(), 0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(kept, ["end"]);
});

void test("ctx.fs reads back alarms as the tick has set and cancelled them", async () => {
  const { tick, json } = await fileHome();
  const names = async (fs: Context["fs"]): Promise<readonly string[]> =>
    (await fs.list("/alarms")).items.map(({ name }) => name);
  const record = await tick(async (ctx) => {
    await ctx.fs.write("/alarms/b", '{"in": "1h", "payload": 1}');
    ctx.schedule({ in: "2h" }, 2, { id: "a" });
    assert.deepEqual(await names(ctx.fs), ["a", "b"]);
    assert.equal(JSON.parse(await ctx.fs.read("/alarms/b")).payload, 1);
    await ctx.fs.write("/alarms/b", '{"in": "1h", "payload": 3}');
    assert.equal(JSON.parse(await ctx.fs.read("/alarms/b")).payload, 3);
    await ctx.fs.remove("/alarms/a");
    assert.deepEqual(await names(ctx.fs), ["b"]);
    await assert.rejects(ctx.fs.read("/alarms/a"), errno("ENOENT"));
  });
  assert.equal(record.outcome, "done", JSON.stringify(record.error));
  assert.equal((await json("/alarms/b")).payload, 3);
  const next = await tick(async ({ fs }) => {
    assert.deepEqual(await names(fs), ["b"]);
    await fs.remove("/alarms/b");
    assert.deepEqual(await names(fs), []);
  });
  assert.equal(next.outcome, "done", JSON.stringify(next.error));
});

void test("ctx.fs says what to do when a file is too large for a step", async () => {
  const { service } = desk();
  const { tick } = await fileHome({
    kinds: { desk: () => service },
    limits: { valueBytes: 4096 },
    agent: { mounts: DESK },
  });
  await service.write("/big", new Uint8Array(4000));
  const record = await tick(async ({ fs }) => {
    await assert.rejects(fs.bytes("/fs/desk/big"), errno("EFBIG", /valueBytes.*range/));
    assert.equal((await fs.bytes("/fs/desk/big", { length: 2000 })).byteLength, 2000);
  });
  assert.equal(record.outcome, "done", JSON.stringify(record.error));
});

void test("ctx.fs.write() takes what it is given when it is called, and refuses what is no content", async () => {
  const { service, uses } = desk();
  const { tick, read } = await fileHome({
    kinds: { desk: () => service },
    agent: { mounts: DESK },
  });
  const record = await tick(async ({ fs }) => {
    const data = new TextEncoder().encode("one");
    const writes = [fs.write("/fs/desk/a", data), fs.write("/memory/files/a", data)];
    data.fill(0x78);
    await Promise.all(writes);
    for (const wrong of [7, null, undefined, {}, [1], new ArrayBuffer(2)]) {
      for (const path of ["/memory/files/b", "/memory/kv/b", "/fs/desk/b"]) {
        await assert.rejects(fs.write(path, wrong as never), errno("EINVAL"));
      }
      await assert.rejects(fs.exchange("/identity/sign", wrong as never), errno("EINVAL"));
    }
  });
  assert.equal(record.outcome, "done", JSON.stringify(record.error));
  assert.deepEqual(uses, ["write /a one"]);
  assert.equal(await read("/memory/files/a"), "one");
});

void test("ctx.fs does what is the agent's own in the order of the calls", async () => {
  const { tick, names, read } = await fileHome();
  const record = await tick(async ({ fs }) => {
    await fs.write("/memory/files/d/a", "old");
    await Promise.all([
      fs.rename("/memory/files/d", "/memory/files/e"),
      fs.write("/memory/files/d/a", "new"),
      fs.write("/memory/files/d/b", "new"),
      ...Array.from({ length: 5 }, (_, i) => fs.write(`/goals/g${i}`, "Find it")),
    ]);
  });
  assert.equal(record.outcome, "done", JSON.stringify(record.error));
  assert.deepEqual(await names("/memory/files/d"), ["a", "b"]);
  assert.deepEqual(await names("/memory/files/e"), ["a"]);
  assert.equal(await read("/memory/files/d/a"), "new");
  assert.equal(await read("/memory/files/e/a"), "old");
});

void test("ctx.fs of a tick that is over throws CANCELLED, and changes and records nothing", async () => {
  const { service, uses } = desk();
  const { tick, names, runtime } = await fileHome({
    kinds: { desk: () => service },
    agent: { mounts: DESK },
  });
  let kept: Context | undefined;
  let changes: AsyncIterator<string> | undefined;
  const late: Promise<unknown>[] = [];
  const record = await tick((ctx) => {
    kept = ctx;
    changes = ctx.fs.watch("/fs/desk")[Symbol.asyncIterator]();
    // These are under way when the tick ends.
    for (const path of ["/fs/none/x", "/memory/files/late", "relative"]) {
      late.push(ctx.fs.write(path, "x").catch((error: unknown) => error));
    }
  });
  await Promise.all(late);
  const before = JSON.stringify(record);
  const { fs } = kept!;
  const over = { code: "CANCELLED" };
  const [own, outside] = ["/memory/files/x", "/fs/desk/x"];
  for (const path of [own, outside, "/nowhere", "relative"]) {
    await assert.rejects(fs.read(path), over);
    await assert.rejects(fs.bytes(path), over);
    await assert.rejects(fs.write(path, "x"), over);
    await assert.rejects(fs.list(path), over);
    await assert.rejects(fs.stat(path), over);
    await assert.rejects(fs.remove(path), over);
    await assert.rejects(fs.rename(path, own), over);
    await assert.rejects(fs.makeDirectory(path), over);
    await assert.rejects(fs.exchange(path, "x"), over);
    await assert.rejects(async () => {
      for await (const change of fs.watch(path)) assert.fail(change);
    }, over);
  }
  await assert.rejects(async () => changes!.next(), over);
  await assert.rejects(fs.write("/state", "{}"), over);
  await assert.rejects(fs.write("/alarms/x", '{"in": "1h"}'), over);
  assert.equal(JSON.stringify(record), before);
  assert.deepEqual(uses, []);
  assert.deepEqual(await names("/memory/files"), []);
  assert.equal((await runtime.verify("ada")).ok, true);
});

void test("ctx.fs meets again after a wait what the outside refused before it", async () => {
  const { service } = desk();
  const { tick, clock, json, runtime } = await fileHome({
    kinds: { desk: () => service },
    agent: { mounts: DESK },
  });
  let runs = 0;
  const record = await tick(async (ctx) => {
    runs += 1;
    const refused: unknown[] = [];
    const note = (error: unknown): void => void refused.push((error as { errno: string }).errno);
    await ctx.fs.stat("/fs/desk/a").catch(note);
    await ctx.fs.write("/fs/desk/a", "mine");
    await ctx.fs.read("/fs/desk").catch(note);
    await ctx.sleep("1h");
    ctx.state = { refused };
  });
  assert.equal(record.outcome, "parked");
  await clock.advance(3_600_000);
  assert.equal(runs, 2);
  assert.deepEqual(await json("/state"), { refused: ["ENOENT", "EISDIR"] });
  assert.equal((await runtime.verify("ada")).ok, true);
});

void test("ctx.fs asks anew in the next try when it was what the outside refused that failed the tick", async () => {
  const { service } = desk();
  const { tick, clock, json, runtime } = await fileHome({
    kinds: { desk: () => service },
    agent: { mounts: DESK, retry: { retries: 1, backoff: "1s" } },
  });
  const record = await tick(async (ctx) => {
    ctx.state = { read: await ctx.fs.read("/fs/desk/a") };
  });
  assert.equal(record.outcome, "retry");
  await service.write("/a", new TextEncoder().encode("it is here"));
  await clock.advance(2000);
  assert.deepEqual(await json("/state"), { read: "it is here" });
  assert.equal((await runtime.verify("ada")).ok, true);
});

void test("runtime.fs() has a change that does not fit refused, and neither blames the agent nor tells it", async () => {
  const told: string[] = [];
  const { write, runtime, read } = await fileHome({
    agent: {
      state: { n: 1 },
      retry: { retries: 3, quarantineAfter: 1 },
      stateSchema: {
        "~standard": {
          version: 1,
          vendor: "test",
          validate: (value) =>
            typeof (value as { n?: unknown }).n === "number"
              ? { value: value as { n: number } }
              : { issues: [{ message: "n must be a number" }] },
        },
      },
      onError: (_ctx, { message }) => void told.push(message),
    },
  });
  await assert.rejects(write("/state", '{"n": "one"}'), errno("EINVAL", /n must be a number/));
  assert.equal((await runtime.get("ada")).status, "active");
  assert.deepEqual(told, []);
  assert.deepEqual(JSON.parse(await read("/state")), { n: 1 });
  await write("/state", '{"n": 2}');
  assert.deepEqual(JSON.parse(await read("/state")), { n: 2 });
});

void test("runtime.fs() has a change tried again that only the store has failed", async () => {
  const inner = memoryStore();
  let fails = 0;
  let ticking = false;
  const store = new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (name === "deliver") ticking = fails > 0;
      if (typeof member !== "function") return member;
      if (name !== "read") return (member as () => unknown).bind(target);
      return async (...args: unknown[]): Promise<unknown> => {
        const [, wanted] = args as [string, readonly string[]];
        if (ticking && fails > 0 && wanted.some((path) => path.startsWith("memory/kv/"))) {
          fails -= 1;
          throw new OpenAgentsError("STORE", "The disk hiccupped");
        }
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
  const { write, read, clock, runtime } = await fileHome({
    store,
    agent: { retry: { retries: 1, backoff: "1s" } },
  });
  fails = 1;
  await assert.rejects(write("/memory/kv/a", "one"), errno("EIO"));
  await clock.advance(2000);
  assert.equal(await read("/memory/kv/a"), "one");
  assert.deepEqual(await runtime.deadLetters("ada", 0, 10), []);
});

void test("runtime.fs() takes bytes of any number that a file may have", async () => {
  const { files, within } = await fileHome({
    limits: { envelopeBytes: 10_000, valueBytes: 30_000 },
  });
  const bytes = Uint8Array.from({ length: 30_000 }, (_, i) => i % 251 || 255);
  await within(files.write("/memory/files/a", bytes));
  assert.deepEqual(await files.read("/memory/files/a"), bytes);
  await assert.rejects(files.write("/memory/files/b", new Uint8Array(30_001)), errno("EFBIG"));
});
