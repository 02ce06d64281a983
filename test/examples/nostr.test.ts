import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TickRecord } from "@openagents/runtime";
import { demo } from "./setting.ts";

void test("npm run example:nostr: one answer over a relay and a kill -9, and nothing to read there", async () => {
  const data = mkdtempSync(join(tmpdir(), "openagents-nostr-"));
  try {
    const { code, stdout, stderr } = await demo("nostr", "--data", data);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /killed alice's agentd with SIGKILL\n/);
    assert.match(stdout, /Started alice's agentd again\nalice's answer: 4 words\n/);
    assert.match(stdout, /Answers to this request: 1\n/);
    assert.match(stdout, /The relay stored \d{4,} bytes; names and texts in them: 0\n$/);
    const asked = await recordOf(join(data, "one"), "alice");
    assert.deepEqual(
      asked.map(({ trigger, outcome }) => `${trigger.id === "order" ? "order" : "-"} ${outcome}`),
      ["- done", "order parked", "order done", "- parked", "- done"],
    );
    const done = (await recordOf(join(data, "two"), "bob")).filter(({ resumed }) => resumed);
    assert.equal(done.length, 2);
  } finally {
    rmSync(data, { recursive: true });
  }
});

/** The record of an agent, checked, as its agentd would show it. */
async function recordOf(data: string, name: string): Promise<readonly TickRecord[]> {
  const { startLocal } = await import("@openagents/runtime/backends/local");
  const { default: definition } = await import("../../examples/nostr/openagents.config.ts");
  const local = await startLocal({ definition, data, port: 0 });
  try {
    assert.equal((await local.runtime.verify(name)).ok, true);
    const rows = await local.runtime.log(name, 0, 1000);
    return rows.map(({ record }) => JSON.parse(record) as TickRecord);
  } finally {
    await local.stop();
  }
}
