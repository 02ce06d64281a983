import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";
import { memorySuites } from "../vfs/fixtures.ts";

let worker: Workerd;
before(async () => {
  worker = await startWorkerd({ entry: "test/cloudflare/files.worker.ts", objects: {} });
});
after(() => worker[Symbol.asyncDispose]());

for (const { name, skip } of memorySuites()) {
  void test(`in a Worker: ${name}`, { skip }, async () => {
    const response = await worker.fetch(`/?case=${encodeURIComponent(name)}`);
    assert.equal(await response.text(), "");
  });
}
