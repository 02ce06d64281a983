import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";
import { VECTORS } from "../drivers/webhook/vectors.ts";

const [{ secret, body, headers }] = VECTORS as [(typeof VECTORS)[number]];

let worker: Workerd;
before(async () => {
  worker = await startWorkerd({
    entry: "test/cloudflare/hooks.worker.ts",
    env: { GITHUB_WEBHOOK_SECRET: secret },
  });
});
after(() => worker[Symbol.asyncDispose]());

const post = (path: string, more: Record<string, string>, text = body): Promise<Response> =>
  fetch(`${worker.url}/hooks/${path}`, { method: "POST", body: text, headers: more });

void test("in a Worker a webhook of GitHub gets to its agent, whose reply is the response", async () => {
  for (const _ of [1, 2]) {
    const response = await post("ada/github", headers);
    assert.deepEqual([response.status, await response.text()], [201, body]);
  }
  const state = (await (await worker.fetch("/agents/ada/state")).json()) as { seen: unknown };
  assert.deepEqual(state.seen, [{ source: "webhook:github", from: "github", rule: "direct" }]);
});

void test("in a Worker rules say who gets it, and no rule means nobody", async () => {
  const push = { ...headers, "x-github-event": "push", "x-github-delivery": "d-2" };
  const response = await post("-/github", push);
  assert.equal(response.status, 201, await response.text());
  const state = (await (await worker.fetch("/agents/eve/state")).json()) as { seen: unknown };
  assert.deepEqual(state.seen, [{ source: "webhook:github", from: "github", rule: "to-eve" }]);
  assert.equal((await post("-/github", { ...headers, "x-github-delivery": "d-3" })).status, 404);
});

void test("in a Worker what is not signed is refused, and a source without a hook needs the token", async () => {
  for (const [path, more, text] of [
    ["ada/github", headers, "another body"],
    ["ada/github", {}, body],
    ["ada/lamp", headers, body],
    ["nobody/github", {}, body],
  ] as const) {
    assert.equal((await post(path, { ...more }, text)).status, 401, path);
  }
  const authorization = `Bearer ${worker.token}`;
  const taken = await post("ada/lamp/on", { authorization });
  assert.equal(taken.status, 202);
  assert.equal((await post("nobody/lamp", { authorization })).status, 404);
  const asked = await post("ada/lamp/on?wait=10s", { authorization }, "[1]");
  assert.deepEqual([asked.status, await asked.json()], [201, [1]]);
});
