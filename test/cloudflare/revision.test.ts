import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorkerd } from "../../scripts/workerd.ts";
import { remoteRuntime } from "../../src/control/remote-runtime.ts";

void test("a tick that a deployment began is not gone on with by another one that asks for something else", async () => {
  await using worker = await startWorkerd({
    entry: "test/cloudflare/revision.worker.ts",
    define: { FIRST: "charge", DEPLOYMENT: "d-1" },
  });
  const home = remoteRuntime(worker);
  await home.create({ name: "clerk", type: "clerk" });
  await home.send("clerk", { payload: "go", id: "go" });
  while ((await home.status("clerk")).parked.length === 0) await sleep(20);
  await worker.kill();
  await worker.deploy({ FIRST: "reserve", DEPLOYMENT: "d-2" });
  await worker.start();
  for (;;) {
    const { parked, lastTick } = await home.status("clerk");
    if (parked.length === 0) {
      assert.deepEqual([lastTick?.outcome, lastTick?.error?.code], ["failed", "MISMATCH"]);
      break;
    }
    await sleep(50);
  }
  const [dead] = await home.deadLetters("clerk", 0, 9);
  assert.match(dead?.reason ?? "", /asks for "step:reserve#0" where .* asked for "step:charge#0"/);
});
