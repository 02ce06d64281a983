import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";
import { VECTORS } from "../drivers/webhook/vectors.ts";

let worker: Workerd;
before(async () => {
  worker = await startWorkerd({
    entry: "test/cloudflare/webhooks.worker.ts",
    objects: {},
    alias: { "node:test": "./test/cloudflare/shims/node-test.ts" },
    compatibilityFlags: ["nodejs_compat"],
  });
});
after(() => worker[Symbol.asyncDispose]());

void test("in workerd: every test of the verifiers", async () => {
  const response = await worker.fetch("/");
  const { passed, failed } = (await response.json()) as Record<"passed" | "failed", string[]>;
  assert.deepEqual(failed, []);
  assert.ok(passed.length > 20, String(passed.length));
});

void test("in workerd: a signed request is taken in, its reply is the response, others are refused", async () => {
  const [{ body, headers }] = VECTORS as [(typeof VECTORS)[number]];
  const post = (path: string, init: { body: string; headers: Record<string, string> }) =>
    worker.fetch(`/hooks/ada/github${path}`, { method: "POST", ...init });
  const taken = await post("", { body, headers });
  assert.equal(taken.status, 202);
  assert.deepEqual(await taken.json(), {
    id: `github:${headers["x-github-delivery"]}`,
    receipt: "accepted",
  });
  const asked = await post("/x?wait=5s", { body, headers });
  assert.equal(asked.status, 201);
  assert.equal(((await asked.json()) as { body: string }).body, body);
  assert.equal((await post("", { body: "other", headers })).status, 401);
  assert.equal((await post("", { body: "x".repeat(1001), headers })).status, 413);
});
