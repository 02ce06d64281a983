import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";

const FILES = readdirSync(new URL("../drivers/plumber/", import.meta.url)).flatMap(
  (name) => /^(.+)\.test\.ts$/.exec(name)?.[1] ?? [],
);

let worker: Workerd;
before(async () => {
  worker = await startWorkerd({
    entry: "test/cloudflare/plumber.worker.ts",
    objects: {},
    alias: { "node:test": "./test/cloudflare/shims/node-test.ts" },
    compatibilityFlags: ["nodejs_compat"],
  });
});
after(() => worker[Symbol.asyncDispose]());

void test("the Worker has every file of tests of the plumber", async () => {
  const there = (await (await worker.fetch("/")).json()) as string[];
  assert.deepEqual(there.toSorted(), FILES.toSorted());
});

for (const file of FILES) {
  void test(`in workerd: test/drivers/plumber/${file}.test.ts`, async () => {
    const response = await worker.fetch(`/?file=${file}`);
    const { passed, failed } = (await response.json()) as Record<"passed" | "failed", string[]>;
    assert.deepEqual(failed, []);
    assert.ok(passed.length > 1);
  });
}
