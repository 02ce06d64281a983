import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { start } from "../../scripts/agentd.ts";
import { remoteRuntime } from "../../src/control/remote-runtime.ts";
import type { RemoteRuntime } from "../../src/control/remote-runtime.ts";

/** How often agentd is killed; more with KILLS. */
const KILLS = Number(process.env["KILLS"] ?? 3);
/** How many agents are to be made between two kills. */
const EACH = 20;
const CONFIG = new URL("spawn.config.ts", import.meta.url);

void test(`each child is made once and hears its first message once, through ${KILLS} SIGKILLs`, async (t) => {
  const data = mkdtempSync(join(tmpdir(), "openagents-spawn-"));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  let daemon = await start(CONFIG, data);
  t.after(() => daemon.kill());
  const home = (): RemoteRuntime =>
    remoteRuntime({
      url: daemon.url,
      token: daemon.headers["authorization"]!.replace("Bearer ", ""),
    });
  for (let kill = 0; kill < KILLS; kill += 1) {
    const sent = Array.from({ length: EACH }, (_, i) => String(kill * EACH + i));
    for (const text of sent) await home().send("lead", { payload: text, id: `m-${text}` });
    await sleep(Math.random() * 40);
    await daemon.kill();
    daemon = await start(CONFIG, data);
  }
  const all = KILLS * EACH;
  const runtime = home();
  const made = async (): Promise<readonly string[]> =>
    (await runtime.state("lead"))["made"] as string[];
  while ((await made()).length < all) await sleep(20);
  const kids = async () => (await runtime.list({ parent: "lead", limit: 1000 })).items;
  while ((await kids()).some(({ status }) => status === "creating")) await sleep(20);
  const ids = await made();
  assert.deepEqual((await kids()).map(({ id }) => id).sort(), [...ids].sort());
  const names = (await kids()).map(({ name }) => name);
  assert.equal(new Set(names).size, all);
  const { id: lead } = await runtime.get("lead");
  const check = async (i: number): Promise<void> => {
    const name = `kid-${i}`;
    while ((await runtime.status(name)).ticks < 2) await sleep(20);
    assert.deepEqual(await runtime.state(name), { heard: [String(i)], parent: lead });
  };
  await Promise.all(Array.from({ length: all }, (_, i) => check(i)));
  assert.deepEqual(await runtime.deadLetters("lead", 0, 9), []);
  assert.equal((await runtime.verify("lead")).ok, true);
});
