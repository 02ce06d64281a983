import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startLocal } from "../../../src/backends/local.ts";
import { defineAgent, defineRuntime } from "../../../src/index.ts";
import { draft } from "../../drivers/plumber/setting.ts";

const keeper = defineAgent({
  name: "keeper",
  state: { rules: [] as string[] },
  onTrigger(ctx, { headers }) {
    ctx.state.rules.push(headers["plumber-rule"] ?? "none");
  },
});

void test("drafts go by the rules of the definition, or of a file that is followed, and survive a restart", async () => {
  const dir = mkdtempSync(join(tmpdir(), "openagents-local-"));
  const file = join(dir, "plumb.yaml");
  const definition = defineRuntime({
    agents: [keeper],
    ensure: [{ name: "k", type: "keeper" }],
    plumber: { rules: [{ name: "of-definition", when: { from: "ada" }, send: "k" }] },
  });
  const told: string[] = [];
  const start = (plumb?: string) =>
    startLocal({
      definition,
      data: join(dir, "data"),
      port: 0,
      plumb,
      warn: (text) => told.push(text),
    });
  let local = await start();
  try {
    const [sent] = await local.plumb([draft({ id: "1" })]);
    assert.deepEqual(sent!.receipts, ["accepted"]);
    await local.stop();
    writeFileSync(file, "rules: [{ name: of-file, send: k }]");
    local = await start(file);
    // The same draft by another rule is still the same mail.
    const [again] = await local.plumb([draft({ id: "1" })]);
    assert.deepEqual([again!.receipts, again!.routed[0]!.rule], [["duplicate"], "of-file"]);
    await local.plumb([draft({ id: "2" })]);
    writeFileSync(file, "rules: [{ name: new, send: k }]");
    while (!told.some((text) => text.includes("hold now"))) await sleep(20);
    await local.plumb([draft({ id: "3" })]);
    // Mail that names its agent is none of the plumber's business.
    await local.runtime.ask("k", { payload: "direct" }, { timeout: 60_000 });
    const { rules } = await local.runtime.state("k");
    assert.deepEqual(rules, ["of-definition", "of-file", "new", "none"]);
    await assert.rejects(
      startLocal({ definition, data: join(dir, "other"), port: 0, plumb: "/none" }),
      {
        code: "NOT_FOUND",
      },
    );
  } finally {
    await local.stop(0);
    rmSync(dir, { recursive: true, force: true });
  }
});
