import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { start } from "../../scripts/agentd.ts";

/** How often agentd is killed; more with KILLS. */
const KILLS = Number(process.env["KILLS"] ?? 50);
const TARGETS = ["keeper-0", "keeper-1", "keeper-2", "asker"];
const CONFIG = new URL("kill.config.ts", import.meta.url);

void test(`every acknowledged message is accounted for once after ${KILLS} SIGKILLs`, async (t) => {
  const data = mkdtempSync(join(tmpdir(), "openagents-kill-"));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  let daemon = await start(CONFIG, data);
  t.after(() => daemon.kill());
  const { headers } = daemon;
  const get = (path: string): Promise<Record<string, unknown>> => daemon.get(path);

  /** Texts that were acknowledged, by the agent they went to. */
  const acknowledged = new Map(TARGETS.map((name) => [name, [] as string[]]));
  const load = { over: false };
  // Each client sends one message after the other, each again under its id until it is acknowledged.
  const client = async (number: number): Promise<void> => {
    for (let count = 0; !load.over; count += 1) {
      const target = TARGETS[(number + count) % TARGETS.length]!;
      const text = `c${number}-${String(count).padStart(5, "0")}`;
      const body = JSON.stringify({ payload: text, id: text });
      for (;;) {
        try {
          const url = `${daemon.url}/agents/${target}/send`;
          const response = await fetch(url, { method: "POST", headers, body });
          await response.text();
          if (response.status === 202) break;
        } catch {
          // It was killed: again, to the next one.
        }
        await sleep(5);
      }
      acknowledged.get(target)!.push(text);
      await sleep(5);
    }
  };
  const clients = Array.from({ length: 16 }, (_, i) => client(i));
  for (let i = 0; i < KILLS; i += 1) {
    await sleep(Math.random() * 300);
    await daemon.kill();
    daemon = await start(CONFIG, data);
  }
  load.over = true;
  await Promise.all(clients);

  for (const name of [...TARGETS, "echo", "sink"]) {
    for (;;) {
      const { queued, parked } = await get(`/agents/${name}/status`);
      if (queued === 0 && (parked as string[]).length === 0) break;
      await sleep(20);
    }
  }
  const total = [...acknowledged.values()].flat().length;
  t.diagnostic(`${total} messages acknowledged`);
  assert.ok(total > KILLS, "clients to have got through");
  const sunk = (await get("/agents/sink/state"))["got"] as string[];
  for (const [name, texts] of acknowledged) {
    const got = (await get(`/agents/${name}/state`))["got"] as string[];
    assert.deepEqual(got.toSorted(), texts.toSorted(), `what ${name} got`);
    if (name === "asker") continue;
    assert.deepEqual(
      sunk.filter((text) => texts.includes(text)).toSorted(),
      texts.toSorted(),
      `what ${name} passed on`,
    );
  }
  for (const name of [...TARGETS, "echo", "sink"]) {
    const verdict = await get(`/agents/${name}/trajectory/verify`);
    assert.equal(verdict["ok"], true, JSON.stringify(verdict));
    const { items } = await get(`/agents/${name}/deadletter`);
    assert.deepEqual(items, [], `dead letters of ${name}`);
  }
});
