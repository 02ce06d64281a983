import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { startLocal } from "../../src/backends/local.ts";
import type { LocalRuntime } from "../../src/backends/local.ts";
import { agentSocket } from "../../src/control/agent-socket.ts";
import type { EventFrame } from "../../src/control/socket-frames.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";

const counter = defineAgent({
  name: "counter",
  state: { count: 0 },
  async onMessage(ctx) {
    ctx.state.count += 1;
    await ctx.reply(ctx.state.count);
  },
});
const definition = defineRuntime({ agents: [counter], ensure: [{ name: "c", type: "counter" }] });

interface Place {
  start(port?: number): Promise<LocalRuntime>;
}

function place(t: TestContext): Place {
  const data = mkdtempSync(join(tmpdir(), "openagents-client-"));
  const started: LocalRuntime[] = [];
  t.after(async () => {
    for (const local of started) await local.stop(0);
    rmSync(data, { recursive: true, force: true });
  });
  return {
    async start(port = 0) {
      const local = await startLocal({ definition, data, port });
      started.push(local);
      return local;
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

void test("agentSocket() sends, asks and hears over restarts of the server, each tick once", async (t) => {
  const p = place(t);
  let home = await p.start();
  const { url, token } = home;
  const events: EventFrame[] = [];
  const lost: string[] = [];
  const socket = agentSocket({
    url,
    token,
    agent: "c",
    after: "0",
    onEvent: (event) => events.push(event),
    onLost: (reason) => lost.push(reason),
    longestPause: 50,
  });
  const answers: unknown[] = [];
  for (let i = 0; i < 3; i += 1) {
    // Some of these are under way when the server stops, and are sent again under their ids.
    const asked = Array.from({ length: 50 }, (_, j) =>
      socket.ask({ payload: j, id: `m-${i}-${j}` }),
    );
    await asked[0];
    await home.stop(0);
    home = await p.start(Number(new URL(url).port));
    answers.push(...(await Promise.all(asked)).flatMap(({ replies }) => replies));
  }
  assert.deepEqual(
    answers.toSorted((a, b) => Number(a) - Number(b)),
    Array.from({ length: 150 }, (_, i) => i + 1),
  );
  const { ticks } = await home.runtime.status("c");
  await until(() => socket.cursor === String(ticks));
  const ends = events.filter(({ event }) => event === "tick_end").map(({ id }) => Number(id));
  assert.deepEqual(
    ends,
    Array.from({ length: ticks }, (_, i) => i + 1),
  );
  assert.ok(lost.length >= 3);
  assert.equal((await socket.send({ payload: 0, id: "m-0-0" })).receipt, "duplicate");
  socket.close();
  await socket.closed;
  await assert.rejects(socket.send({ payload: 1 }), { code: "CANCELLED" });
});

void test("agentSocket() passes on what the server refuses, and gives up where it cannot get in", async (t) => {
  const { url, token } = await place(t).start();
  const socket = agentSocket({ url, token, agent: "c" });
  await assert.rejects(socket.send({ payload: "x".repeat(1_100_000) }), { code: "LIMIT" });
  socket.close();
  const options = { url, agent: "c", longestPause: 1 };
  await assert.rejects(agentSocket({ ...options, token: "wrong" }).closed, { code: "UNREACHABLE" });
  await assert.rejects(agentSocket({ ...options, token: "no token" }).closed, { code: "CONFIG" });
  const erased = agentSocket({ url, token, agent: "c", onEvent: () => {} });
  await erased.send({ payload: 1 });
  erased.close();
});

void test("agentSocket() sends thousands at once without being closed for it", async (t) => {
  const { url, token } = await place(t).start();
  const lost: string[] = [];
  const socket = agentSocket({ url, token, agent: "c", onLost: (reason) => lost.push(reason) });
  const sent = Array.from({ length: 1000 }, (_, i) => socket.send({ payload: i }));
  const receipts = new Set((await Promise.all(sent)).map(({ receipt }) => receipt));
  assert.deepEqual(lost, []);
  assert.ok(receipts.has("accepted"));
  socket.close();
});

void test("agentSocket() gives up a connection on which nothing is heard", async (t) => {
  const { url, token } = await place(t).start();
  let opened = 0;
  class Deaf extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      super(...args);
      opened += 1;
      // The first one hears its greeting, and nothing after it.
      if (opened > 1) return;
      this.send = () => undefined;
    }
  }
  const lost: string[] = [];
  const socket = agentSocket({
    url,
    token,
    agent: "c",
    WebSocket: Deaf,
    heartbeat: 50,
    onLost: (reason) => lost.push(reason),
  });
  await socket.send({ payload: 1 });
  assert.equal(opened, 2);
  assert.match(lost[0]!, /Nothing was heard/);
  socket.close();
});
