import assert from "node:assert/strict";
import { test } from "node:test";
import { OpenAgentsError } from "../../src/index.ts";
import type { TickRecord } from "../../src/index.ts";
import { lockedSigner } from "../../src/identity/locked-signer.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { errno, fileHome } from "../vfs/home.ts";
import type { FileHome } from "../vfs/home.ts";
import { signer } from "./setting.ts";

const HASH = new TextEncoder().encode("ab".repeat(32));

async function recordsOf({ runtime }: FileHome): Promise<readonly TickRecord[]> {
  const rows = await runtime.log("ada", 0, 100);
  return rows.map(({ record }) => JSON.parse(record) as TickRecord);
}

void test("what needs the key waits while that is locked, in a tick; from outside it is LOCKED", async () => {
  const store = memoryStore();
  await fileHome({ store });
  store.crash();
  const locked = lockedSigner(async (passphrase) => {
    if (passphrase === "right") return signer;
    throw new OpenAgentsError("DENIED", "Cannot open: the passphrase is wrong");
  });
  let answer: string | undefined;
  const home = await fileHome({
    store,
    signer: locked,
    agent: {
      onMessage: async ({ fs }) => {
        await fs.write("/memory/files/asked", "yes");
        // Whatever agent code makes of the error.
        answer = await fs.exchange("/identity/sign", HASH).catch(() => "refused");
        await fs.write("/memory/files/answer", answer);
      },
    },
  });
  const { runtime, clock, files } = home;
  const { ticks } = await runtime.status("ada");
  await runtime.send("ada", { payload: "go" });
  await clock.advance(60_000);
  assert.equal((await runtime.status("ada")).ticks, ticks);
  assert.equal((await runtime.status("ada")).queued, 1);
  await assert.rejects(files.exchange!("/identity/sign", HASH), { code: "LOCKED" });
  // What needs no key does not wait.
  await home.write("/memory/kv/x", "1");
  await runtime.unlock("right");
  await clock.advance(0);
  assert.match(answer ?? "", /^[0-9a-f]{128}\n$/);
  assert.equal(await home.read("/memory/files/answer"), answer);
  assert.deepEqual(await runtime.deadLetters("ada", 0, 9), []);
});

void test("a use of the key from outside is on the record at once, or on the next one of an agent that is paused", async () => {
  const home = await fileHome();
  const { runtime, files, within } = home;
  await within(files.exchange!("/identity/sign", HASH));
  assert.equal((await recordsOf(home)).at(-1)!.keys?.[0]?.use, "sign");
  await within(runtime.pause("ada"));
  const { length } = await recordsOf(home);
  await within(files.exchange!("/identity/sign", HASH));
  assert.equal((await recordsOf(home)).length, length);
  await within(runtime.resume("ada"));
  await home.write("/memory/kv/x", "1");
  assert.equal((await recordsOf(home)).at(-1)!.keys?.[0]?.use, "sign");
});

void test("a change says why it cannot be while no tick of the agent runs, and leaves nothing behind", async () => {
  const home = await fileHome({
    agent: {
      retry: { retries: 0, quarantineAfter: 1 },
      onMessage: () => Promise.reject(Error("x")),
    },
  });
  const { runtime, within, write, read } = home;
  await write("/memory/kv/x", "1");
  await within(runtime.pause("ada"));
  await assert.rejects(write("/memory/kv/x", "2"), errno("EBUSY", /paused, resume it first/));
  await within(runtime.resume("ada"));
  await within(runtime.leave("ada", { move: "m1" }));
  await assert.rejects(write("/memory/kv/x", "2"), errno("EBUSY", /moving/));
  assert.equal(await read("/memory/kv/x"), "1");
  await within(runtime.stay("ada", "m1"));
  await runtime.send("ada", { payload: "fail" });
  await home.clock.advance(0);
  assert.equal((await runtime.get("ada")).status, "quarantined");
  await assert.rejects(write("/memory/kv/x", "2"), errno("EINVAL", /quarantined, wake it first/));
  const { id } = await runtime.get("ada");
  await within(runtime.terminate("ada"));
  const ended = runtime.fs(id);
  await assert.rejects(ended.write("/memory/kv/x", HASH), errno("EACCES", /is terminated$/));
  // It is all still to be seen.
  assert.deepEqual(await ended.read("/memory/kv/x"), new TextEncoder().encode("1"));
  assert.deepEqual(await runtime.inbox(id, 0, 9), []);
});

void test("refusals are on the record, each without what was written, and only so many", async () => {
  const home = await fileHome();
  const record = await home.tick(async ({ fs }) => {
    for (let i = 0; i < 300; i += 1) {
      await assert.rejects(fs.write(`/nowhere/${i}`, "a secret"), errno("ENOENT"));
    }
    await assert.rejects(fs.write("/config", '{"token": "a secret"}'), errno("EACCES"));
  });
  assert.equal(record.outcome, "done", JSON.stringify(record.error));
  assert.equal(record.steps!.length, 100);
  assert.equal(record.steps![0]!.key, "fs:write:/nowhere/0");
  assert.doesNotMatch(JSON.stringify(record), /secret/);
});
