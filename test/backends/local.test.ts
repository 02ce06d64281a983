import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openDataDir, startLocal } from "../../src/backends/local.ts";
import type { LocalOptions, LocalRuntime } from "../../src/backends/local.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import type { Answer } from "../../src/core/runtime.ts";

const counter = defineAgent({
  name: "counter",
  state: { count: 0 },
  async onMessage(ctx, message) {
    if (message.text === "stay") await new Promise(() => {});
    ctx.state.count += 1;
    await ctx.reply(ctx.state.count);
  },
});
const ensure = [{ name: "c", type: "counter" }];
const definition = defineRuntime({ agents: [counter], ensure });

interface Place extends AsyncDisposable {
  readonly dir: string;
  start(options?: Partial<LocalOptions>): Promise<LocalRuntime>;
}

function place(): Place {
  const dir = mkdtempSync(join(tmpdir(), "openagents-local-"));
  const started: LocalRuntime[] = [];
  return {
    dir,
    async start(options = {}) {
      const local = await startLocal({ definition, data: dir, port: 0, ...options });
      started.push(local);
      return local;
    },
    async [Symbol.asyncDispose]() {
      for (const local of started) await local.stop(0);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function post(local: LocalRuntime, path: string, body: string): Promise<Response> {
  const headers = {
    authorization: `Bearer ${local.token}`,
    "content-type": "application/json",
  };
  return fetch(`${local.url}${path}`, { method: "POST", headers, body });
}

async function count(local: LocalRuntime): Promise<unknown> {
  const body = JSON.stringify({ text: "x" });
  const answer = (await (await post(local, "/agents/c/send?wait=60s", body)).json()) as Answer;
  return answer.replies[0];
}

void test("startLocal() goes on where it stopped, with the same token", async () => {
  await using p = place();
  const first = await p.start();
  assert.equal(await count(first), 1);
  await Promise.all([first.stop(), first.stop()]);
  await assert.rejects(fetch(first.url));
  const second = await p.start();
  assert.equal(second.token, first.token);
  assert.equal(await count(second), 2);
});

void test("startLocal() refuses a directory that is held, also by this process", async () => {
  await using p = place();
  const first = await p.start();
  await assert.rejects(p.start(), { code: "BUSY", message: new RegExp(first.url) });
  assert.equal(await count(first), 1);
});

void test("startLocal() lets go of everything when it fails", async () => {
  await using p = place();
  await using other = place();
  const { url } = await other.start();
  const port = Number(new URL(url).port);
  await assert.rejects(p.start({ port }), { code: "BUSY", message: new RegExp(`${port}.*in use`) });
  const orphan = defineRuntime({ agents: [defineAgent({ name: "other" })] });
  await (await p.start({ definition: orphan })).stop();
  assert.equal(await count(await p.start()), 1);
});

void test("startLocal() takes over a directory that is held already", async () => {
  await using p = place();
  const data = openDataDir(p.dir);
  const local = await p.start({ data });
  assert.equal(local.dataDir, p.dir);
  await local.stop();
  openDataDir(p.dir).release();
});

void test("a body of 10 MB is refused while it is sent, and the server goes on", async () => {
  await using p = place();
  const local = await p.start();
  const response = await post(local, "/agents/c/send", JSON.stringify({ text: "x".repeat(1e7) }));
  assert.equal(response.status, 413);
  assert.equal(((await response.json()) as { code: string }).code, "LIMIT");
  const chunk = new Uint8Array(65_536).fill(32);
  let left = 160;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      left -= 1;
      if (left > 0) controller.enqueue(chunk);
      else controller.close();
    },
  });
  const headers = { authorization: `Bearer ${local.token}`, "content-type": "application/json" };
  const init = { method: "POST", headers, body, duplex: "half" } as RequestInit;
  const chunked = await fetch(`${local.url}/agents/c/send`, init).then(
    ({ status }) => status,
    () => "cut off",
  );
  assert.ok(chunked === 413 || chunked === "cut off", String(chunked));
  assert.equal(await count(local), 1);
});

void test("stop() ends streams, answers who waits, and cuts off ticks after the grace", async () => {
  await using p = place();
  const local = await p.start();
  const headers = { authorization: `Bearer ${local.token}` };
  const stream = await fetch(`${local.url}/agents/c/stream?after=0`, { headers });
  const waiting = post(local, "/agents/c/send?wait=200s", JSON.stringify({ text: "stay" }));
  while (local.runtime.metrics().running === 0) await new Promise(setImmediate);
  await local.stop(1);
  assert.equal((await waiting).status, 202);
  assert.match(await stream.text(), /event: tick/);
  assert.equal(existsSync(join(p.dir, "agentd.json")), false);
});

void test("startLocal() warns of an address that others can reach", async () => {
  await using p = place();
  const warnings: string[] = [];
  await p.start({ host: "0.0.0.0", warn: (text) => warnings.push(text) });
  assert.match(warnings.join("\n"), /other machines/);
});

void test("the master key is nowhere in the store, the place or the answers", async () => {
  await using p = place();
  const local = await p.start();
  const keys = JSON.parse(readFileSync(join(p.dir, "keys.json"), "utf8")) as { mnemonic: string };
  const words = keys.mnemonic.split(" ").slice(0, 3).join(" ");
  const headers = { authorization: `Bearer ${local.token}` };
  for (const path of ["/agents/c", "/agents/c/status", "/runtime/status", "/agents/c/trajectory"]) {
    const text = await (await fetch(`${local.url}${path}`, { headers })).text();
    assert.equal(text.includes(words), false, path);
  }
  await local.stop();
  assert.equal(readFileSync(join(p.dir, "agents.db")).includes(words), false);
});

void test("ticks that were stopped stay so over a restart, until they are resumed", async () => {
  await using here = place();
  const first = await here.start();
  await first.runtime.pauseAll();
  assert.equal((await first.runtime.send("c", { payload: "waits" })).receipt, "accepted");
  await first.stop(0);
  const second = await here.start();
  assert.equal(await second.runtime.paused(), true);
  const [waits, creates] = (await second.runtime.inbox("c", 0, 9)).toReversed();
  assert.equal(waits?.envelope.payload, "waits", creates?.envelope.type);
  await second.runtime.resumeAll();
  const answer = await second.runtime.ask("c", { payload: "next" }, { timeout: 10_000 });
  assert.deepEqual(answer.replies, [2]);
});
