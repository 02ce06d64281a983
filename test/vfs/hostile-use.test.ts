import assert from "node:assert/strict";
import { test } from "node:test";
import { scratch } from "../../src/vfs/scratch.ts";
import { manualClock } from "../../src/testing/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { Store } from "../../src/index.ts";
import { errno, fileHome } from "./home.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const desk = { path: "/fs/desk", kind: "scratch", source: "", access: "read-write" } as const;

void test("state refuses an object of more than 10,000 keys, and makes no tick of it", async () => {
  const { write, runtime, json, tick } = await fileHome();
  const keys = (count: number): string =>
    JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i])));
  const { ticks } = await runtime.status("ada");
  await assert.rejects(write("/state", keys(10_001)), errno("EFBIG", /10001 keys/));
  assert.equal((await runtime.status("ada")).ticks, ticks);
  await write("/state", keys(10_000));
  assert.equal(Object.keys(await json("/state")).length, 10_000);
  const record = await tick(({ fs }) => fs.write("/state", keys(10_001)));
  assert.equal(record.outcome, "failed");
  assert.equal(Object.keys(await json("/state")).length, 10_000);
});

void test("memory/files moves no directory that is too large for one tick", async () => {
  const { write, files, within, names, runtime } = await fileHome();
  const part = "x".repeat(1_000_000);
  for (let i = 0; i < 17; i += 1) await write(`/memory/files/large/${i}`, part);
  const { ticks } = await runtime.status("ada");
  await assert.rejects(
    within(files.rename("/memory/files/large", "/memory/files/moved")),
    errno("EXDEV", /more than 16777216 bytes/),
  );
  assert.equal((await runtime.status("ada")).ticks, ticks);
  assert.equal((await names("/memory/files/large")).length, 17);
  await within(files.remove("/memory/files/large/0"));
  await within(files.rename("/memory/files/large", "/memory/files/moved"));
  assert.equal((await names("/memory/files/moved")).length, 16);
});

/** Has what is done meanwhile come to where it waits for the tick that runs. */
async function meanwhile(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
}

void test("mounts that are given or raised are there once they are on the record", async () => {
  const home = await fileHome({ agent: { mounts: [{ ...desk, access: "read-only" }] } });
  const begun = Promise.withResolvers<void>();
  const rest = Promise.withResolvers<void>();
  const said: unknown[] = [];
  const over = home.tick(async ({ fs }) => {
    begun.resolve();
    await rest.promise;
    for (const path of ["/fs/desk/a", "/fs/new/a"]) {
      said.push(await fs.write(path, "x").catch((error) => error.errno));
    }
  });
  await begun.promise;
  const raised = home.files.write(
    "/mounts",
    bytes("access /fs/desk read-write\nmount /fs/new scratch read-write\n"),
  );
  await meanwhile();
  assert.equal(await home.read("/mounts"), "/fs/desk scratch read-only\n");
  await assert.rejects(home.files.write("/fs/desk/a", bytes("x")), errno("EACCES"));
  await assert.rejects(home.files.write("/fs/new/a", bytes("x")), errno("ENOENT"));
  rest.resolve();
  await over;
  await home.within(raised);
  assert.deepEqual(said, ["EACCES", "ENOENT"]);
  assert.equal(
    await home.read("/mounts"),
    "/fs/desk scratch read-write\n/fs/new scratch read-write\n",
  );
  await home.files.write("/fs/new/a", bytes("x"));
});

void test("a mount in the place of another is there once it is on the record, the other one gone at once", async () => {
  const made: string[] = [];
  const clock = manualClock(1);
  const kinds = {
    noted: (source: string) => {
      made.push(source);
      const files = scratch({}, clock);
      void files.write("/whose", bytes(source));
      return files;
    },
  };
  const mount = { ...desk, kind: "noted", source: "old" } as const;
  const home = await fileHome({ kinds, agent: { mounts: [mount] } });
  assert.equal(await home.read("/fs/desk/whose"), "old");
  const begun = Promise.withResolvers<void>();
  const rest = Promise.withResolvers<void>();
  const over = home.tick(async () => {
    begun.resolve();
    await rest.promise;
  });
  await begun.promise;
  const replaced = home.files.write(
    "/mounts",
    bytes("unmount /fs/desk\nmount /fs/desk noted read-only new\n"),
  );
  await meanwhile();
  await assert.rejects(home.read("/fs/desk/whose"), errno("ENOENT"));
  rest.resolve();
  await over;
  await home.within(replaced);
  assert.equal(await home.read("/fs/desk/whose"), "new");
});

void test("mounts are as they were, raised and lowered, when the change fails", async () => {
  const inner = memoryStore();
  let broken = false;
  const store: Store = new Proxy(inner, {
    get(of, key) {
      const value: unknown = Reflect.get(of, key, of);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        if (broken && key === "commit") return Promise.reject(new Error("told to"));
        return Reflect.apply(value, of, given) as unknown;
      };
    },
  });
  const other = { ...desk, path: "/fs/other", access: "read-only" } as const;
  const home = await fileHome({ store, agent: { mounts: [desk, other] } });
  const before = await home.read("/mounts");
  broken = true;
  const change = "access /fs/desk read-only\naccess /fs/other read-write\n";
  const changed = home.files.write("/mounts", bytes(change)).then(
    () => "done",
    () => "failed",
  );
  await meanwhile();
  assert.equal(await home.read("/mounts"), before.replace("read-write", "read-only"));
  await assert.rejects(home.files.write("/fs/desk/a", bytes("x")), errno("EACCES"));
  await assert.rejects(home.files.write("/fs/other/a", bytes("x")), errno("EACCES"));
  await home.runtime.stop(0).catch(() => undefined);
  assert.equal(await home.within(changed), "failed");
});

void test("a budgeted mount is not made sign-only by the agent's own code", async () => {
  const budget = { writes: 3, per: 60_000 };
  const mounts = [{ ...desk, access: "budgeted", budget } as const];
  const { tick, read, write } = await fileHome({ agent: { mounts } });
  const record = await tick(async ({ fs }) => {
    await assert.rejects(fs.write("/mounts", "access /fs/desk sign-only"), errno("EACCES"));
    await fs.write("/mounts", "access /fs/desk budgeted:2/1h");
  });
  assert.equal(record.outcome, "done", JSON.stringify(record.error));
  await write("/mounts", "access /fs/desk sign-only");
  assert.equal(await read("/mounts"), "/fs/desk scratch sign-only\n");
});
