import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";

const VECTORS = new URL("../vectors/", import.meta.url);
/** Files of tests that are about Node: its disk, how it prints things, and the sources. */
const OF_NODE = ["keyfile", "secrets"];
const FILES = readdirSync(new URL("../identity/", import.meta.url))
  .flatMap((name) => /^(.+)\.test\.ts$/.exec(name)?.[1] ?? [])
  .filter((name) => !OF_NODE.includes(name));

let worker: Workerd;
before(async () => {
  const entry = import.meta.resolve("tiny-secp256k1");
  const vectors = readdirSync(VECTORS).map((name) => [
    name,
    readFileSync(new URL(name, VECTORS), "utf8"),
  ]);
  worker = await startWorkerd({
    entry: "test/cloudflare/identity.worker.ts",
    objects: {},
    define: {
      VECTORS: JSON.stringify(Object.fromEntries(vectors)),
      "import.meta.url": "file:///test/identity/a.test.ts",
    },
    alias: {
      "node:test": "./test/cloudflare/shims/node-test.ts",
      "node:fs": "./test/cloudflare/shims/node-fs.ts",
    },
    wasm: { "secp256k1.wasm": fileURLToPath(new URL("secp256k1.wasm", entry)) },
    compatibilityFlags: ["nodejs_compat"],
  });
});
after(() => worker[Symbol.asyncDispose]());

void test("the Worker has every file of tests that can run there", async () => {
  const there = (await (await worker.fetch("/")).json()) as string[];
  assert.deepEqual(there.toSorted(), FILES.toSorted());
});

for (const file of FILES) {
  void test(`in workerd: test/identity/${file}.test.ts`, async () => {
    const response = await worker.fetch(`/?file=${file}`);
    const { passed, failed } = (await response.json()) as Record<"passed" | "failed", string[]>;
    assert.deepEqual(failed, []);
    assert.ok(passed.length > 1);
  });
}
