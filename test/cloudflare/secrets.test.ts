import assert from "node:assert/strict";
import { test } from "node:test";
import { startWorkerd } from "../../scripts/workerd.ts";
import { remoteRuntime } from "../../src/control/remote-runtime.ts";

void test("in a Worker models get a stored key in place of the Worker's own, within seconds", async () => {
  await using worker = await startWorkerd({
    entry: "test/cloudflare/secrets.worker.ts",
    objects: { AGENTS: "AgentObject", DIRECTORY: "DirectoryObject", HOME: "HomeObject" },
    env: { MODEL_KEY: "a key that is not" },
  });
  const home = remoteRuntime(worker);
  const ask = async (): Promise<string> => {
    const { replies, error } = await home.ask("t", { payload: "hello" }, { timeout: 30_000 });
    return error?.message ?? JSON.stringify(replies);
  };
  const until = async (expected: RegExp): Promise<void> => {
    while (!expected.test(await ask())) await new Promise((resolve) => setTimeout(resolve, 100));
  };
  assert.match(await ask(), /It is not Bearer \[secret MODEL_KEY\]/);
  await home.secrets.set("MODEL_KEY", "the good key");
  await until(/^\["It is done"\]$/);
  await worker.kill();
  await worker.start();
  assert.equal(await ask(), '["It is done"]');
  await home.secrets.remove("MODEL_KEY");
  await until(/It is not Bearer \[secret MODEL_KEY\]/);
});
