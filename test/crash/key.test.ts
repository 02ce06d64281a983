import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { start } from "../../scripts/agentd.ts";

void test("a request under an Idempotency-Key that SIGKILL cut off is done when it comes again", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "openagents-key-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const hold = join(dir, "hold");
  writeFileSync(hold, "");
  process.env["TEST_HOLD"] = hold;
  const config = new URL("key.config.ts", import.meta.url);
  let daemon = await start(config, join(dir, "data"));
  t.after(() => daemon.kill());
  const post = (path: string, body: object, key?: string): Promise<Response> =>
    fetch(daemon.url + path, {
      method: "POST",
      headers: { ...daemon.headers, ...(key !== undefined && { "idempotency-key": key }) },
      body: JSON.stringify(body),
    });
  assert.equal((await post("/agents/slow/send", { text: "wait" })).status, 202);
  while ((await daemon.get("/agents/slow/status"))["queued"] === 0) await sleep(10);
  // It waits for the tick that runs.
  const goal = { title: "tidy up" };
  const ask = async (): Promise<number> => (await post("/agents/slow/goals", goal, "k")).status;
  const gone = (): number => 0;
  const cut = ask().catch(gone);
  // Whichever of them comes first waits, and the others are told that it is under way.
  while ((await Promise.race([ask().catch(gone), sleep(50, 0)])) !== 409) await sleep(10);
  await daemon.kill();
  await cut;

  rmSync(hold);
  daemon = await start(config, join(dir, "data"));
  const again = await post("/agents/slow/goals", goal, "k");
  assert.equal(again.status, 201, await again.clone().text());
  const replayed = await post("/agents/slow/goals", goal, "k");
  assert.equal(replayed.headers.get("idempotency-replayed"), "true");
  assert.deepEqual(await replayed.json(), await again.clone().json());
  // At least once: the command may have been durable when the process died.
  const { items } = (await daemon.get("/agents/slow/goals")) as { items: { id: string }[] };
  const { id } = (await again.json()) as { id: string };
  assert.ok(items.some((one) => one.id === id) && items.length <= 2, JSON.stringify(items));
});
