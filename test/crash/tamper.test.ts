import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { startLocal } from "../../src/backends/local.ts";
import { defineAgent, defineRuntime } from "../../src/index.ts";
import type { Verdict } from "../../src/index.ts";

const greeter = defineAgent({
  name: "greeter",
  state: { greeted: 0 },
  async onMessage(ctx, message) {
    ctx.state.greeted += 1;
    await ctx.reply(`Hello ${message.text}`);
    ctx.schedule({ in: "1h" }, { bye: message.text }, { id: `bye-${ctx.state.greeted}` });
  },
});

/** Three messages in a data directory, then `change` to its database, then the verdict on it. */
async function verdictAfter(t: TestContext, change: (file: string) => void): Promise<Verdict> {
  const data = mkdtempSync(join(tmpdir(), "openagents-tamper-"));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const options = {
    definition: () =>
      defineRuntime({ agents: [greeter], ensure: [{ name: "greeter", type: "greeter" }] }),
    data,
    port: 0,
  };
  const first = await startLocal({ ...options, definition: options.definition() });
  for (const payload of ["Ada", "Bob", "Cy"]) {
    await first.runtime.ask("greeter", { payload }, { timeout: 10_000 });
  }
  await first.stop();
  change(join(data, "agents.db"));
  const second = await startLocal({ ...options, definition: options.definition() });
  try {
    return await second.runtime.verify("greeter");
  } finally {
    await second.stop();
  }
}

function sql(query: string): (file: string) => void {
  return (file) => {
    const db = new DatabaseSync(file);
    const { changes } = db.prepare(query).run();
    assert.equal(changes, 1, "one row changed");
    db.close();
  };
}

void test("verify() finds nothing wrong with what was not touched", async (t) => {
  const verdict = await verdictAfter(t, () => undefined);
  assert.deepEqual([verdict.ok, verdict.records], [true, 4]);
});

for (const [what, change, wrong, reason] of [
  [
    "a record",
    sql(`UPDATE log SET record = replace(record, '"operator"', '"somebody"') WHERE n = 3`),
    3,
    /text does not have its hash/,
  ],
  ["a hash", sql(`UPDATE log SET hash = 'x' || substr(hash, 2) WHERE n = 2`), 2, /its hash/],
  [
    "an answer",
    sql(`UPDATE log SET output = replace(output, 'Bob', 'Eve') WHERE n = 3`),
    3,
    /output/,
  ],
  ["a missing record", sql(`DELETE FROM log WHERE n = 2`), 2, /record 2 is missing/],
  ["state", sql(`UPDATE tree SET value = '9' WHERE path = 'state/greeted'`), 4, /"state\/greeted"/],
  ["an alarm", sql(`DELETE FROM tree WHERE path = 'alarms/bye-2'`), 3, /"alarms\/bye-2"/],
  [
    "a file that nobody wrote",
    sql(
      `INSERT INTO tree SELECT agent, 'state/rich', 'true' FROM tree WHERE path = 'state/greeted'`,
    ),
    4,
    /"state\/rich" is in no record/,
  ],
] as const) {
  void test(`verify() says which record is wrong when ${what} was changed`, async (t) => {
    const verdict = await verdictAfter(t, change);
    assert.ok(!verdict.ok, "something to be wrong");
    assert.equal(verdict.wrong, wrong);
    assert.match(verdict.reason, reason);
  });
}

void test("verify() finds one byte that was changed in the file itself", async (t) => {
  const verdict = await verdictAfter(t, (file) => {
    const bytes = readFileSync(file);
    const at = bytes.indexOf("Hello Cy");
    assert.ok(at > 0, "the answer to be in the file");
    bytes[at] = "J".charCodeAt(0);
    writeFileSync(file, bytes);
  });
  assert.ok(!verdict.ok, "something to be wrong");
  assert.equal(verdict.wrong, 4);
});
