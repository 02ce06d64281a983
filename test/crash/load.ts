import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const TARGETS = ["keeper-0", "keeper-1", "keeper-2", "asker"];

/** A home with the agents of `kill.config.ts`, which can be killed. */
export interface MortalHome {
  /** A request with the token, to the home as it is now. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** SIGKILL, and a new start on what is stored. */
  crash(): Promise<void>;
}

/** Kills a home under load, again and again: every acknowledged message must be accounted for once. */
export async function killUnderLoad(
  t: TestContext,
  home: MortalHome,
  kills: number,
): Promise<void> {
  const get = async (path: string): Promise<Record<string, unknown>> => {
    const response = await home.fetch(path);
    return (await response.json()) as Record<string, unknown>;
  };

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
          const response = await home.fetch(`/agents/${target}/send`, { method: "POST", body });
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
  for (let i = 0; i < kills; i += 1) {
    await sleep(Math.random() * 300);
    await home.crash();
  }
  load.over = true;
  await Promise.all(clients);

  for (const name of [...TARGETS, "echo", "sink"]) {
    for (let i = 0; ; i += 1) {
      const { queued, parked, detail } = await get(`/agents/${name}/status`);
      if (queued === 0 && (parked as string[]).length === 0) break;
      assert.ok(i < 6000, `${name} to come to rest: ${String(detail ?? queued)}`);
      await sleep(20);
    }
  }
  const total = [...acknowledged.values()].flat().length;
  t.diagnostic(`${total} messages acknowledged`);
  assert.ok(total > kills, "clients to have got through");
  const passed = [...acknowledged].flatMap(([name, texts]) => (name === "asker" ? [] : texts));
  let sunk: string[] = [];
  // What they send is carried apart from their ticks, so it may still be under way.
  for (let i = 0; i < 200 && sunk.length < passed.length; i += 1) {
    await sleep(100);
    sunk = (await get("/agents/sink/state"))["got"] as string[];
  }
  for (const name of [...TARGETS, "echo", "sink"]) {
    const { items } = await get(`/agents/${name}/deadletter`);
    assert.deepEqual(items, [], `dead letters of ${name}`);
    const verdict = await get(`/agents/${name}/trajectory/verify`);
    assert.equal(verdict["ok"], true, JSON.stringify(verdict));
  }
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
}
