import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { start } from "../../scripts/agentd.ts";
import { createClient } from "../../src/control/client.ts";
import { agentSocket } from "../../src/control/agent-socket.ts";
import type { EventFrame } from "../../src/control/socket-frames.ts";
import type { ServerEvent } from "../../src/control/events.ts";

const KILLS = Number(process.env["KILLS"] ?? 5);
const CONFIG = new URL("stream.config.ts", import.meta.url);
const LIVE = new Set(["tick_start", "phase", "step"]);

void test(`a stream resumed over ${KILLS} SIGKILLs shows each tick exactly once`, async (t) => {
  const data = mkdtempSync(join(tmpdir(), "openagents-stream-"));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  let daemon = await start(CONFIG, data);
  t.after(() => daemon.kill());

  const run = { over: false, last: 0 };
  const seen: ServerEvent[] = [];
  const follow = async (): Promise<void> => {
    let after = "0";
    while (!run.over || after !== String(run.last)) {
      try {
        const token = daemon.headers["authorization"]!.slice("Bearer ".length);
        const client = createClient({ url: daemon.url, token });
        for await (const event of client.stream("/agents/slow/stream", after)) {
          after = event.id === "" ? after : event.id;
          seen.push(event);
          if (run.over && after === String(run.last)) return;
        }
      } catch {
        // It was killed: again, from the last id.
      }
      await sleep(5);
    }
  };
  const following = follow();
  const heard: EventFrame[] = [];
  const socket = agentSocket({
    url: daemon.url,
    token: daemon.headers["authorization"]!.slice("Bearer ".length),
    agent: "slow",
    after: "0",
    longestPause: 50,
    onEvent: (event) => heard.push(event),
  });
  t.after(() => socket.close());
  let sent = 0;
  const say = async (): Promise<number> => {
    const body = JSON.stringify({ id: `m${sent}`, payload: `m${sent}` });
    const init = { method: "POST", headers: daemon.headers, body };
    const response = await fetch(`${daemon.url}/agents/slow/send`, init).catch(() => undefined);
    if (response?.status === 202) sent += 1;
    else await sleep(5);
    return sent;
  };
  for (let i = 0; i < KILLS; i += 1) {
    const until = Date.now() + Math.random() * 200;
    const enough = sent + 10;
    while ((await say()) < enough || Date.now() < until);
    await daemon.kill();
    daemon = await start(CONFIG, data, Number(new URL(daemon.url).port));
  }
  await say();
  for (let before: unknown; ;) {
    const { queued, ticks } = await daemon.get("/agents/slow/status");
    if (queued === 0 && ticks === before) break;
    before = ticks;
    run.last = Number(ticks) + 1;
    await sleep(20);
  }
  // One more, so that whoever has seen all of them hears that it is over.
  run.over = true;
  await say();
  await following;
  while (socket.cursor !== String(run.last)) await sleep(5);

  const whole = Array.from({ length: run.last }, (_, i) => i + 1);
  const endsOf = (events: readonly { readonly event: string; readonly id?: string }[]): number[] =>
    events.filter(({ event }) => event === "tick_end").map(({ id }) => Number(id));
  const ends = endsOf(seen);
  assert.deepEqual(ends, whole);
  assert.deepEqual(endsOf(heard), whole, "over the WebSocket");
  const told = heard.flatMap(({ id }) => id ?? []);
  assert.equal(new Set(told).size, told.length);
  t.diagnostic(`${ends.length} ticks, ${seen.length} events`);
  // Nor is any other durable part given twice, and between two ends all of a tick's are there.
  const ids = seen.filter(({ event }) => !LIVE.has(event)).map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const replies = seen.filter(({ event }) => event === "reply").map(({ data: text }) => text);
  const got = replies.map((text) => (JSON.parse(text) as { payload: number }).payload);
  assert.deepEqual(
    got,
    Array.from({ length: got.length }, (_, i) => i + 1),
  );
});
