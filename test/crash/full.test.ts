import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { OpenAgentsError, Runtime } from "../../src/index.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { sqlite } from "../../src/stores/sqlite.ts";

const keeper = defineAgent({
  name: "keeper",
  state: { got: 0 },
  async onMessage(ctx) {
    ctx.state.got += 1;
    await ctx.reply(ctx.state.got);
  },
});
const signer = derivedSigner(newMnemonic());

async function open(file: string, maxMiB: number): Promise<Runtime> {
  const agents = [keeper];
  const definition = defineRuntime({ agents, ensure: [{ name: "keeper", type: "keeper" }] });
  const runtime = createRuntime({ definition, store: sqlite(file, { maxMiB }), signer });
  await runtime.start();
  return runtime;
}

void test("a full disk refuses with STORE, loses nothing it accepted, and goes on once there is room", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "openagents-full-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const alive = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(alive));
  const file = join(directory, "agents.db");
  const small = await open(file, 1);
  let accepted = 0;
  let refused: OpenAgentsError | undefined;
  while (refused === undefined) {
    try {
      await small.send("keeper", { payload: "x".repeat(20_000) });
      accepted += 1;
    } catch (error) {
      refused = error as OpenAgentsError;
    }
  }
  assert.equal(refused.code, "STORE");
  assert.match(refused.message, /full/);
  assert.ok(accepted > 5, "some mail to have been accepted");
  assert.equal((await small.get("keeper")).name, "keeper");
  await small.stop().catch(() => undefined);

  const large = await open(file, 100);
  const last = await large.ask("keeper", { payload: "last", priority: -100 }, { timeout: 10_000 });
  assert.deepEqual(last.replies, [accepted + 1]);
  assert.equal((await large.verify("keeper")).ok, true);
  await large.stop();
});
