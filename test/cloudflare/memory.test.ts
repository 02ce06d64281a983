import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";

let worker: Workerd;
before(async () => {
  worker = await startWorkerd({
    entry: "test/cloudflare/memory.worker.ts",
    objects: {},
    alias: { "node:test": "./test/cloudflare/shims/node-test.ts" },
    compatibilityFlags: ["nodejs_compat"],
  });
});
after(() => worker[Symbol.asyncDispose]());

void test("in workerd: the tests of what agents remember", async (t) => {
  const files = (await (await worker.fetch("/")).json()) as string[];
  for (const file of files) {
    await t.test(`test/memory/${file}.test.ts`, async () => {
      const response = await worker.fetch(`/?file=${file}`);
      const { passed, failed } = (await response.json()) as Record<"passed" | "failed", string[]>;
      assert.deepEqual(failed, []);
      assert.ok(passed.length > 0);
    });
  }
});
