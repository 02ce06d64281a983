import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { demo } from "./setting.ts";

void test("npm run example:team: each call is made once, over a kill -9", async () => {
  const data = mkdtempSync(join(tmpdir(), "openagents-team-"));
  try {
    // Twice in one place: the workers are there the second time.
    for (const round of [1, 2]) {
      const { code, stdout, stderr } = await demo("team", "--data", data);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /killed agentd with SIGKILL\nStarted it again\n/);
      assert.match(stdout, /I recommend Lisbon: it is the cheapest, at 275 EUR\.\n/);
      assert.match(
        stdout,
        / lead: model#0, spawn:lisbon#0, spawn:oslo#0, model#1\n/,
        `round ${round}`,
      );
      const calls = [
        "model#0",
        "look_up#0",
        "model#1",
        "look_up#1",
        "model#2",
        "look_up#2",
        "model#3",
      ];
      assert.ok(stdout.includes(`  lisbon: ${calls.join(", ")}\n`), stdout);
      const marked = calls.map((call, i) => (i < 3 ? `${call}*` : call));
      assert.ok(stdout.includes(`  oslo: ${marked.join(", ")}\n`), stdout);
      assert.match(stdout, /The desk answered 6 calls, each once\nThe model was asked 10 times\n$/);
    }
  } finally {
    rmSync(data, { recursive: true });
  }
});
