import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TickRecord } from "@openagents/runtime";
import { demo, setting } from "./setting.ts";

void test("buyer asks seller, and both are parked until the seller has thought", async () => {
  await using it = await setting();
  await it.runtime.send("buyer", { payload: "a lamp", id: "order" });
  await it.clock.advance(2_999);
  assert.deepEqual((await it.runtime.status("buyer")).parked, ["order"]);
  assert.equal((await it.runtime.status("seller")).parked.length, 1);
  await it.clock.advance(1);
  assert.deepEqual(await it.runtime.state("buyer"), { bought: ["a lamp"] });
  assert.deepEqual(await it.runtime.state("seller"), { asked: 1 });
});

void test("npm run example:pair: the answer comes once, over a kill -9", async () => {
  const data = mkdtempSync(join(tmpdir(), "openagents-pair-"));
  try {
    // Twice in one place, so that the second finds what the first one left.
    for (const round of [1, 2]) {
      const { code, stdout, stderr } = await demo("pair", "--data", data);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /killed agentd with SIGKILL\nStarted it again\n/);
      assert.match(stdout, /The answer: Bought a lamp for 6\.00\n/);
      assert.match(stdout, /Answers to this order on record: 1\n$/);
      assert.equal((await recordOf(data)).filter(({ resumed }) => resumed).length, round);
    }
  } finally {
    rmSync(data, { recursive: true });
  }
});

/** The buyer's record, as agentd would show it. */
async function recordOf(data: string): Promise<readonly TickRecord[]> {
  const { startLocal } = await import("@openagents/runtime/backends/local");
  const { default: definition } = await import("../../examples/openagents.config.ts");
  const local = await startLocal({ definition, data, port: 0 });
  try {
    assert.deepEqual((await local.runtime.verify("buyer")).ok, true);
    const rows = await local.runtime.log("buyer", 0, 1000);
    return rows.map(({ record }) => JSON.parse(record) as TickRecord);
  } finally {
    await local.stop();
  }
}
