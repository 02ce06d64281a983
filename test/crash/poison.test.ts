import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { start } from "../../scripts/agentd.ts";

const CONFIG = new URL("poison.config.ts", import.meta.url);

void test("mail that kills its process at once ends with the dead letters, and its sender is not blamed", async (t) => {
  const data = mkdtempSync(join(tmpdir(), "openagents-poison-"));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  let daemon = await start(CONFIG, data);
  t.after(() => daemon.kill());
  const body = JSON.stringify({ payload: "tick tock", id: "one" });
  for (let deaths = 0; ; deaths += 1) {
    assert.ok(deaths < 10, "the process to live on in the end");
    // A sender that is not told "accepted" sends again.
    const { url, headers, ended } = daemon;
    const sent = fetch(`${url}/agents/relay/send`, { method: "POST", headers, body });
    await sent.then((response) => response.text()).catch(() => undefined);
    const code = await Promise.race([ended, sleep(500, "alive")]);
    if (code === "alive") break;
    assert.equal(code, 1);
    daemon = await start(CONFIG, data);
  }
  const { items } = await daemon.get("/agents/bomb/deadletter");
  assert.equal((items as unknown[]).length, 1);
  assert.match(JSON.stringify(items), /The process died 4 times while it worked on this/);
  assert.deepEqual((await daemon.get("/agents/relay/deadletter"))["items"], []);
  assert.deepEqual(await daemon.get("/agents/relay/state"), { passed: 1 });
});
