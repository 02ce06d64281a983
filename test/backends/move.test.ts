import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startLocal } from "../../src/backends/local.ts";
import type { LocalRuntime } from "../../src/backends/local.ts";
import { moveAgent, remoteRuntime } from "../../src/control/remote-runtime.ts";
import type { RemoteRuntime } from "../../src/control/remote-runtime.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import type { OpenAgentsError } from "../../src/core/errors.ts";

const MIB = 1024 * 1024;

/** Keeps what it is told; says as much as it is asked to, which is then on its record. */
const keeper = defineAgent({
  name: "keeper",
  state: { got: [] as string[] },
  async onMessage(ctx, message) {
    const { size } = message.payload as { size?: number };
    if (size === undefined) ctx.state.got.push(message.text);
    await ctx.reply(size === undefined ? ctx.state.got.length : "x".repeat(size));
  },
});

interface Place extends LocalRuntime {
  readonly remote: RemoteRuntime;
}

/** Homes on this machine, each in a directory of its own, and all gone at the end. */
async function places(count: number): Promise<{
  readonly all: readonly Place[];
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const dirs: string[] = [];
  const all: Place[] = [];
  for (let i = 0; i < count; i += 1) {
    const data = mkdtempSync(join(tmpdir(), "openagents-move-"));
    dirs.push(data);
    const definition = defineRuntime({ agents: [keeper] });
    const local = await startLocal({ definition, data, port: 0 });
    all.push({ ...local, remote: remoteRuntime(local) });
  }
  return {
    all,
    async [Symbol.asyncDispose]() {
      for (const local of all) await local.stop(0);
      for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function tell(home: Place, payload: unknown, id?: string): Promise<void> {
  const { outcome } = await home.remote.ask(
    "ada",
    { payload: payload as string, id },
    { timeout: 60_000 },
  );
  assert.equal(outcome, "done");
}

void test("an agent moves over HTTP, its old home passes mail on, and secrets stay where they are", async () => {
  await using it = await places(2);
  const [a, b] = it.all as [Place, Place];
  await a.remote.create({ name: "ada", type: "keeper" });
  await tell(a, "one");
  const { agent, bytes } = await moveAgent({ from: a.remote, to: b.remote }, "ada", { url: b.url });
  assert.equal(agent.name, "ada");
  assert.ok(bytes > 5_000);
  assert.equal((await a.remote.send("ada", { payload: "two" })).receipt, "accepted");
  await tell(b, "three");
  assert.deepEqual((await b.remote.state("ada"))["got"], ["one", "two", "three"]);
  await assert.rejects(a.remote.state("ada"), { name: "MovedError", code: "MOVED", url: b.url });
  await assert.rejects(tell(a, "four"), { code: "MOVED", url: b.url });

  const verdict = await b.remote.verify("ada");
  assert.deepEqual([verdict.ok, verdict.records], [true, 4]);
  // The key came sealed: in no file of its new home is it, nor the ticket, in the clear.
  const keys = JSON.parse(readFileSync(join(a.dataDir, "keys.json"), "utf8")) as {
    mnemonic: string;
  };
  await b.stop();
  const database = readFileSync(join(b.dataDir, "agents.db")).toString("latin1");
  for (const secret of [keys.mnemonic, a.token]) assert.ok(!database.includes(secret));
  assert.ok(database.includes(agent.id));
  await assert.rejects(a.remote.send("ada", { payload: "late" }), { code: "BUSY" });
});

void test("a home of nothing but agents that came there knows its keys from others", async () => {
  await using it = await places(2);
  const [a, b] = it.all as [Place, Place];
  await a.remote.create({ name: "ada", type: "keeper" });
  await moveAgent({ from: a.remote, to: b.remote }, "ada", { url: b.url });
  await b.stop();
  const definition = defineRuntime({ agents: [keeper] });
  const keys = join(b.dataDir, "keys.json");
  const own = readFileSync(keys);
  writeFileSync(keys, readFileSync(join(a.dataDir, "keys.json")));
  const start = (): Promise<LocalRuntime> => startLocal({ definition, data: b.dataDir, port: 0 });
  await assert.rejects(start(), { code: "DENIED", message: /Cannot use key file/ });
  writeFileSync(keys, own);
  await (await start()).stop();
});

/** Gives an agent a record of this many MiB. */
async function enlarge(home: Place, mib: number): Promise<void> {
  const size = MIB - 1000;
  await Promise.all(
    Array.from({ length: mib }, async () => {
      await home.runtime.ask("ada", { payload: { size } }, { timeout: 60_000 });
    }),
  );
}

void test("a bundle that is refused halfway is answered, however much of it is still to come", async () => {
  await using it = await places(2);
  const [a, b] = it.all as [Place, Place];
  await a.remote.create({ name: "ada", type: "keeper" });
  await enlarge(a, 30);
  for (let i = 0; i < 2; i += 1) {
    const sealedForItself = await a.remote.export("ada");
    await assert.rejects(b.remote.import(sealedForItself), {
      code: "DENIED",
      message: /for another runtime/,
    });
  }
  const { publicKey: to } = await b.remote.identity();
  const damaged = (await a.remote.export("ada", { to })).pipeThrough(altered(10 * MIB));
  await assert.rejects(b.remote.import(damaged), (error: OpenAgentsError) => {
    assert.ok(["CORRUPT", "LIMIT"].includes(error.code), String(error));
    return true;
  });
  assert.deepEqual((await b.remote.list()).items, []);
  await tell(a, "it goes on");
});

/** The bytes as they are, but for those after a while. */
function altered(after: number): TransformStream<Uint8Array, Uint8Array> {
  let seen = 0;
  return new TransformStream({
    transform(chunk, controller) {
      seen += chunk.length;
      controller.enqueue(seen > after ? chunk.map((byte) => byte ^ 1) : chunk);
    },
  });
}

void test("a sender that goes away in the middle of a bundle leaves nothing behind", async () => {
  await using it = await places(2);
  const [a, b] = it.all as [Place, Place];
  await a.remote.create({ name: "ada", type: "keeper" });
  await enlarge(a, 16);
  const { publicKey: to } = await b.remote.identity();
  const bundle = (await a.remote.export("ada", { to })).getReader();
  let sent = 0;
  const broken = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value } = await bundle.read();
      sent += value!.length;
      if (sent > 8 * MIB) controller.error(new Error("The line is cut"));
      else controller.enqueue(value!);
    },
  });
  await assert.rejects(b.remote.import(broken));
  await bundle.cancel();
  for (let i = 0; (await b.remote.list()).items.length > 0; i += 1) {
    assert.ok(i < 500, "nothing to be left");
    await sleep(10);
  }
  await tell(a, "it goes on");
});

void test("who reads no more of a bundle lets the agent go on", async () => {
  await using it = await places(1);
  const [a] = it.all as [Place];
  await a.remote.create({ name: "ada", type: "keeper" });
  await enlarge(a, 20);
  const bundle = (await a.remote.export("ada")).getReader();
  await bundle.read();
  const waiting = tell(a, "after");
  await bundle.cancel();
  await waiting;
});
