import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";
import type { Store } from "../../src/core/ports/store.ts";
import { sqlite } from "../../src/stores/sqlite.ts";
import type { SqliteOptions } from "../../src/stores/sqlite.ts";
import { equal, ok, rejects } from "../../src/testing/assert.ts";
import { storeConformance } from "../../src/testing/store-conformance.ts";
import {
  agent,
  claim,
  create,
  deliver,
  envelope,
  idOf,
  ids,
  inbox,
  logRow,
  tick,
} from "../../src/testing/store/kit.ts";

const cases = storeConformance(async () => {
  const dir = mkdtempSync(join(tmpdir(), "sqlite-store-"));
  let store = sqlite(join(dir, "agents.db"));
  return {
    store,
    reopen: async () => {
      await store.close();
      store = sqlite(join(dir, "agents.db"));
      return store;
    },
    dispose: async () => {
      await store.close();
      rmSync(dir, { recursive: true });
    },
  };
});
for (const { name, skip, run } of cases) void test(name, { skip }, run);

void test("sqlite() makes the directory of its file, and nothing before the first call", async (t) => {
  const path = join(directory(t), "deep", "er", "agents.db");
  const store = opened(t, path);
  ok(!existsSync(path), "no file yet");
  equal(await store.get("alice"), undefined);
  ok(existsSync(path), "the file");
});

void test("a second process is refused with BUSY, and let in after close()", async (t) => {
  const path = join(directory(t), "agents.db");
  const store = opened(t, path);
  await store.get("alice");
  const attempt = `await store.get("alice").then(() => console.log("in"), (e) => console.log(e.code, e.message))`;
  const refused = (await output(child(t, path, attempt)))[0] ?? "";
  ok(refused.startsWith("BUSY Cannot use store"), `a refusal, not ${refused}`);
  ok(refused.includes("another process"), "a message that names the cause");
  await rejects(opened(t, path).get("alice"), "BUSY");
  await store.close();
  equal(await output(child(t, path, attempt)), ["in"]);
});

void test("a store that was refused with BUSY works once the file is free", async (t) => {
  const path = join(directory(t), "agents.db");
  const [first, second] = [opened(t, path), opened(t, path)];
  await create(first, "alice");
  await rejects(create(second, "bob"), "BUSY");
  await first.close();
  await create(second, "bob");
  equal((await second.list({ limit: 9 })).items, [agent("alice"), agent("bob")]);
});

void test("a file that is no database is CORRUPT and stays as it is", async (t) => {
  const path = join(directory(t), "agents.db");
  writeFileSync(path, "Dear diary, this is not a database.\n".repeat(100));
  const before = statSync(path).size;
  await rejects(opened(t, path).get("alice"), "CORRUPT");
  equal(statSync(path).size, before);
});

void test("a database of another program is CORRUPT and stays as it is", async (t) => {
  const path = join(directory(t), "agents.db");
  const db = new DatabaseSync(path);
  db.exec("CREATE TABLE diary (day TEXT); INSERT INTO diary VALUES ('monday')");
  db.close();
  await rejects(opened(t, path).get("alice"), "CORRUPT");
  const again = new DatabaseSync(path);
  equal({ ...again.prepare("PRAGMA journal_mode").get() }, { journal_mode: "delete" });
  equal(again.prepare("SELECT * FROM diary").all().length, 1);
  again.close();
});

void test("a damaged database is CORRUPT", async (t) => {
  const path = join(directory(t), "agents.db");
  const store = opened(t, path);
  await create(store, "alice");
  await store.close();
  const damage = new DatabaseSync(path);
  damage.exec("PRAGMA journal_mode = DELETE");
  damage.close();
  const { size } = statSync(path);
  writeFileSync(path, new Uint8Array(size - 4096).fill(0xa5), { flag: "r+", flush: true });
  await rejects(opened(t, path).get("alice"), "CORRUPT");
});

void test("a newer schema is refused with VERSION", async (t) => {
  const path = join(directory(t), "agents.db");
  const store = opened(t, path);
  await create(store, "alice");
  await store.close();
  const db = new DatabaseSync(path);
  db.exec("INSERT INTO openagents_migrations VALUES (1000)");
  db.close();
  await rejects(opened(t, path).get("alice"), "VERSION");
});

void test("a path that cannot be opened is STORE with what to do", async (t) => {
  const dir = directory(t);
  writeFileSync(join(dir, "file"), "");
  await rejects(opened(t, join(dir, "file", "agents.db")).get("alice"), "STORE");
  mkdirSync(join(dir, "agents.db"));
  await rejects(opened(t, join(dir, "agents.db")).get("alice"), "STORE");
});

void test(
  "a read-only directory is STORE with what to do",
  { skip: process.getuid?.() === 0 ? "root may write everywhere" : undefined },
  async (t) => {
    const dir = directory(t);
    chmodSync(dir, 0o500);
    await rejects(opened(t, join(dir, "agents.db")).get("alice"), "STORE");
    chmodSync(dir, 0o700);
  },
);

void test("changes of one turn share a transaction", async (t) => {
  const path = join(directory(t), "agents.db");
  const store = opened(t, path);
  await create(store, "alice");
  await store.sync();
  const grown = async (work: () => Promise<unknown>): Promise<number> => {
    const before = statSync(`${path}-wal`).size;
    await work();
    await store.sync();
    return statSync(`${path}-wal`).size - before;
  };
  const each = Array.from({ length: 100 }, (_, i) => `${i}`);
  const together = await grown(() => Promise.all(each.map((id) => deliver(store, "alice", id))));
  const apart = await grown(async () => {
    for (const id of each) {
      await deliver(store, "alice", `${id} apart`);
      await store.sync();
    }
  });
  ok(apart > 10 * together, `${together} bytes together to be far less than ${apart} apart`);
});

void test("words of a group that is lost are not found, also when they were an agent's first", async (t) => {
  const store = opened(t, join(directory(t), "agents.db"), { maxMiB: 1 });
  const find = (word: string): Promise<readonly string[]> =>
    store.search(idOf("alice"), { words: [word], areas: ["kv"], limit: 9 });
  await create(store, "alice");
  await store.sync();
  const lose = async (word: string, n: number): Promise<void> => {
    const held = await claim(store, "alice");
    const put = [
      { path: "memory/kv/a", value: word },
      { path: "huge", value: new Uint8Array(2 ** 21) },
    ];
    await rejects(store.commit(held, { log: logRow(n), put }), "STORE");
    // Until the turn is over, every call hears of the loss.
    await new Promise((resolve) => void setImmediate(resolve));
  };
  await lose("first", 2);
  equal(await find("first"), []);
  await tick(store, "alice", { put: [{ path: "memory/kv/a", value: "second" }] });
  await store.sync();
  await lose("third", 3);
  equal(await find("third"), []);
  equal(await find("second"), ["memory/kv/a"]);
});

void test("a failure in the middle of a group undoes it all, and the store goes on", async (t) => {
  const store = opened(t, join(directory(t), "agents.db"), { maxMiB: 1 });
  await create(store, "alice", "bob");
  await deliver(store, "alice", "before");
  await store.sync();

  const held = await claim(store, "alice");
  const bobs = await claim(store, "bob");
  const put = [
    { path: "small", value: "x" },
    { path: "huge", value: new Uint8Array(2 ** 21) },
  ];
  const results = await Promise.allSettled([
    deliver(store, "alice", "lost"),
    store.commit(bobs, { log: logRow(2) }),
    store.sync(),
    store.commit(held, { log: logRow(2), put, send: [envelope("bob", "out")] }),
    deliver(store, "bob", "of the same turn"),
    store.sync(),
  ]);
  equal(
    results.map((result) => (result.status === "fulfilled" ? "ok" : result.reason.code)),
    ["ok", "ok", "STORE", "STORE", "STORE", "STORE"],
  );
  await rejects(store.sync(), "STORE");
  equal(ids(await inbox(store, "alice")), ["before"]);
  equal(await store.depth(idOf("bob")), 0);
  equal(await store.read(idOf("alice"), ["small", "huge"]), [undefined, undefined]);
  equal(await store.head(idOf("bob")), { n: 1, hash: "hash-1" });
  equal(await store.outbox(0, 9), []);
  await rejects(store.commit(held, { log: logRow(2) }), "STALE_CLAIM");

  equal(await deliver(store, "alice", "lost"), ["accepted"]);
  await tick(store, "bob", { put: [{ path: "small", value: "y" }] });
  await store.sync();
  equal(ids(await inbox(store, "alice")), ["before", "lost"]);
  const again = await claim(store, "alice");
  ok(again.fence > held.fence, "a higher fence");
});

void test("a change that SQLite refuses before it wrote costs only itself", async (t) => {
  const store = opened(t, join(directory(t), "agents.db"));
  await create(store, "alice", "bob");
  const held = await claim(store, "alice");
  const put = [{ path: "nothing", value: undefined as unknown as string }];
  const results = await Promise.allSettled([
    deliver(store, "alice", "1"),
    store.commit(held, { log: logRow(2), put }),
    store.get(undefined as unknown as string),
    store.commit(held, { log: logRow(2) }),
    store.sync(),
  ]);
  equal(
    results.map((result) => result.status),
    ["fulfilled", "rejected", "rejected", "fulfilled", "fulfilled"],
  );
  equal(ids(await inbox(store, "alice")), ["1"]);
});

void test("what was synced survives kill -9", async (t) => {
  const path = join(directory(t), "agents.db");
  const killed = child(
    t,
    path,
    `for (let i = 0; ; i += 1) {
       await store.reserve();
       await store.deliver([kit.mail(kit.envelope("alice", String(i)), { depth: 1e6 })]);
       await kit.tick(store, "alice", { put: [{ path: "count", value: String(i) }] });
       await store.sync();
       console.log(i);
     }`,
    `await kit.create(store, "alice");`,
  );
  let seen = -1;
  for await (const line of createInterface({ input: killed.stdout })) {
    seen = Number(line);
    if (seen === 200) killed.kill("SIGKILL");
  }
  ok(seen >= 200, "200 changes");
  const store = opened(t, path);
  const depth = await store.depth(idOf("alice"));
  ok(depth > seen, `${depth} waiting after ${seen} was seen`);
  equal(await store.read(idOf("alice"), ["count"]), [String(depth - 1)], "count");
  equal((await store.head(idOf("alice")))?.n, depth + 1, "head");
  equal(await store.reserve(), depth, "account");
  equal(await store.crashed(), true, "crashed");
  await store.close();
  equal(await opened(t, path).crashed(), false, "crashed after a close");
});

function directory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "sqlite-store-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function opened(t: TestContext, path: string, options?: SqliteOptions): Store {
  const store = sqlite(path, options);
  t.after(() => store.close().catch(() => undefined));
  return store;
}

/** A process of its own that runs `code` with a store on `path` and the kit of the cases. */
function child(t: TestContext, path: string, code: string, before = "") {
  const url = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  const program = `
    const { sqlite } = await import(${url("../../src/stores/sqlite.ts")});
    const kit = await import(${url("../../src/testing/store/kit.ts")});
    const store = sqlite(${JSON.stringify(path)});
    ${before}
    ${code}`;
  const process_ = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => process_.kill("SIGKILL"));
  return process_;
}

async function output(process_: ReturnType<typeof child>): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: process_.stdout })) lines.push(line);
  if (process_.exitCode === null) await once(process_, "exit");
  return lines;
}
