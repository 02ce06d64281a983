import assert from "node:assert/strict";
import { test } from "node:test";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";
import { systemRandom } from "../../src/core/system.ts";
import { memorySigner } from "../../src/identity/memory-signer.ts";
import { httpToken } from "../../src/identity/nip98.ts";
import { encodeNpub } from "../../src/identity/nip19.ts";

function startWorker(): Promise<Workerd> {
  return startWorkerd({
    entry: "test/cloudflare/control.worker.ts",
    objects: { AGENTS: "AgentObject", DIRECTORY: "DirectoryObject", HOME: "HomeObject" },
  });
}

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function ask(
  worker: Workerd,
  request: string,
  { body, ...headers }: Record<string, unknown> = {},
): Promise<Reply> {
  const [method = "", path = ""] = request.split(" ");
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const init = { method, headers: headers as Record<string, string> };
  const response = await worker.fetch(path, body === undefined ? init : { ...init, body: text });
  const answer = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (answer === "" ? {} : JSON.parse(answer)) as Record<string, unknown>,
  };
}

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 50));
}

void test("a Worker's tokens have scopes, bounds and rates, and end when they are revoked", async () => {
  await using worker = await startWorker();
  await ask(worker, "POST /agents", {
    body: { name: "bob", type: "listener", labels: ["team:a"] },
  });
  const make = async (body: object): Promise<{ id: string; authorization: string }> => {
    const made = await ask(worker, "POST /tokens", { body });
    assert.equal(made.status, 201);
    return { id: String(made.body["id"]), authorization: `Bearer ${String(made.body["token"])}` };
  };
  const read = await make({ name: "r", scope: "read" });
  const as = { authorization: read.authorization };
  assert.equal((await ask(worker, "GET /agents/ada", as)).status, 200);
  assert.equal((await ask(worker, "POST /agents/ada/tick", as)).status, 403);
  assert.equal((await ask(worker, "GET /tokens", as)).status, 403);

  const { authorization } = await make({ name: "b", scope: "operate", labels: ["team:a"] });
  const send = { authorization, body: { text: "x" } };
  assert.equal((await ask(worker, "POST /agents/bob/send", send)).status, 202);
  assert.equal((await ask(worker, "POST /agents/ada/send", send)).status, 403);
  assert.equal((await ask(worker, "GET /agents/nobody", { authorization })).status, 403);
  // What was answered before is not for those who may not ask any more.
  const keyed = { authorization, "idempotency-key": "t" };
  assert.equal((await ask(worker, "POST /agents/bob/tick", keyed)).status, 200);
  await ask(worker, "PATCH /agents/bob", { body: { labels: [] } });
  assert.equal((await ask(worker, "POST /agents/bob/tick", keyed)).status, 403);
  await ask(worker, "PATCH /agents/bob", { body: { labels: ["team:a"] } });
  const seen = await ask(worker, "GET /agents", { authorization });
  assert.deepEqual(
    (seen.body["items"] as { name: string }[]).map(({ name }) => name),
    ["bob"],
  );

  // Who asks is found out at the gateway, whatever a request says of it.
  const spoofed = {
    ...as,
    "x-openagents-principal": JSON.stringify({ id: "root", scope: "admin" }),
  };
  assert.equal((await ask(worker, "POST /agents/ada/tick", spoofed)).status, 403);
  const nobody = { ...spoofed, authorization: "Bearer no" };
  assert.equal((await ask(worker, "GET /agents/ada", nobody)).status, 401);

  const few = await make({ name: "f", scope: "read", rate: 2 });
  const statuses: number[] = [];
  for (let i = 0; i < 3; i += 1) {
    statuses.push((await ask(worker, "GET /agents", { authorization: few.authorization })).status);
  }
  assert.deepEqual(statuses, [200, 200, 429]);

  assert.equal((await ask(worker, `DELETE /tokens/${read.id}`)).status, 204);
  await until(async () => (await ask(worker, "GET /agents/ada", as)).status === 401);
});

void test("a request about an agent is done once under an Idempotency-Key, also after a restart", async () => {
  await using worker = await startWorker();
  const headers = { "idempotency-key": "k" };
  const first = await ask(worker, "POST /agents/ada/tick", headers);
  assert.equal(first.status, 200);
  await worker.kill();
  await worker.start();
  const again = await ask(worker, "POST /agents/ada/tick", headers);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  assert.deepEqual(again.body, first.body);
  const made = { ...headers, "idempotency-key": "m", body: { name: "bob", type: "listener" } };
  const ids = new Set<unknown>();
  for (let i = 0; i < 3; i += 1) ids.add((await ask(worker, "POST /agents", made)).body["id"]);
  assert.equal(ids.size, 1);
});

void test("a request that a Nostr key signs sends to an agent of a Worker, and does nothing else", async () => {
  await using worker = await startWorker();
  const signer = memorySigner(systemRandom.bytes(32));
  const sign = (method: string, path: string, body = ""): Promise<string> => {
    const made = { now: Date.now(), random: systemRandom };
    return httpToken(signer, { method, url: `${worker.url}${path}`, body }, made);
  };
  const body = JSON.stringify({ text: "hello" });
  const path = "/agents/ada/send";
  const authorization = await sign("POST", path, body);
  assert.equal((await ask(worker, `POST ${path}`, { authorization, body })).status, 202);
  const again = await ask(worker, `POST ${path}`, { authorization, body });
  assert.deepEqual([again.status, again.body["receipt"]], [202, "duplicate"]);
  const other = await sign("POST", path, JSON.stringify({ text: "other" }));
  assert.equal((await ask(worker, `POST ${path}`, { authorization: other, body })).status, 401);
  const tick = await sign("POST", "/agents/ada/tick");
  assert.equal((await ask(worker, "POST /agents/ada/tick", { authorization: tick })).status, 401);
  await until(async () => {
    const { body: state } = await ask(worker, "GET /agents/ada/state");
    return (state["heard"] as string[]).length === 1;
  });
  const { body: state } = await ask(worker, "GET /agents/ada/state");
  assert.deepEqual(state["heard"], [`${encodeNpub(signer.publicKey)} hello`]);
});

void test("all agents of a Worker are stopped, and go on", async () => {
  await using worker = await startWorker();
  await ask(worker, "GET /agents/ada");
  assert.equal((await ask(worker, "POST /runtime/pause")).status, 204);
  assert.equal((await ask(worker, "GET /runtime/status")).body["paused"], true);
  await worker.kill();
  await worker.start();
  assert.equal((await ask(worker, "GET /runtime/status")).body["paused"], true);
  const sent = await ask(worker, "POST /agents/ada/send", { body: { text: "wait" } });
  assert.equal(sent.status, 202);
  const refused = await ask(worker, "POST /agents/ada/tick");
  assert.deepEqual([refused.status, refused.body["code"]], [423, "BUSY"]);
  const before = await ask(worker, "GET /agents/ada/status");
  assert.ok((before.body["queued"] as number) >= 1);
  assert.equal((await ask(worker, "POST /runtime/resume")).status, 204);
  await until(async () => (await ask(worker, "GET /agents/ada/status")).body["queued"] === 0);
  const { body: state } = await ask(worker, "GET /agents/ada/state");
  assert.deepEqual(state["heard"], ["operator wait"]);
});

void test("an agent of a Worker is changed under If-Match, paused, resumed, and given goals", async () => {
  await using worker = await startWorker();
  await ask(worker, "POST /agents", { body: { name: "bob", type: "listener" } });
  const { headers } = await ask(worker, "GET /agents/bob");
  const change = { "if-match": headers.get("etag"), body: { name: "eve", labels: ["x"] } };
  assert.equal((await ask(worker, "PATCH /agents/bob", change)).status, 200);
  assert.equal((await ask(worker, "PATCH /agents/eve", change)).status, 412);
  assert.equal((await ask(worker, "GET /agents/bob")).status, 404);
  assert.equal((await ask(worker, "POST /agents/eve/pause")).body["status"], "paused");
  await ask(worker, "POST /agents/eve/send", { body: { text: "later", id: "l" } });
  assert.equal((await ask(worker, "GET /agents/eve/status")).body["queued"], 1);
  const cancelled = await ask(worker, "POST /agents/eve/cancel", { body: { trigger: "l" } });
  assert.deepEqual(cancelled.body, { cancelled: "l" });
  const dead = await ask(worker, "GET /agents/eve/deadletter");
  assert.equal((dead.body["items"] as unknown[]).length, 1);
  assert.notEqual((await ask(worker, "POST /agents/eve/resume")).body["status"], "paused");
  const goal = await ask(worker, "POST /agents/eve/goals", { body: { title: "rest" } });
  assert.equal(goal.status, 201);
  const goals = await ask(worker, "GET /agents/eve/goals");
  assert.equal((goals.body["items"] as unknown[]).length, 1);
  const { body: document } = await ask(worker, "GET /openapi.json");
  assert.equal(document["openapi"], "3.1.0");
});

void test("a Worker heeds If-Match where goals, schedules and webhooks change or go", async () => {
  await using worker = await startWorker();
  const kinds = [
    { at: "/agents/ada/goals", body: { title: "t" }, change: { title: "u" } },
    { at: "/schedules", body: { agent: "ada", every: "1h" }, change: { every: "2h" } },
    {
      at: "/webhooks",
      body: { url: "https://example.com/x", events: ["*"] },
      change: { active: false },
    },
  ];
  for (const { at, body, change } of kinds) {
    const call = async (
      method: string,
      path: string,
      init: { body?: object; headers?: Record<string, string> },
    ): Promise<Response> =>
      worker.fetch(path, {
        method,
        headers: init.headers ?? {},
        ...(init.body !== undefined && { body: JSON.stringify(init.body) }),
      });
    const made = await call("POST", at, { body });
    assert.equal(made.status, 201, await made.clone().text());
    const first = { "if-match": made.headers.get("etag") ?? "" };
    const path = `${at}/${((await made.json()) as { id: string }).id}`;
    const changed = await call("PATCH", path, { body: change, headers: first });
    assert.equal(changed.status, 200, await changed.clone().text());
    assert.equal((await call("PATCH", path, { body: change, headers: first })).status, 412, at);
    assert.equal((await call("DELETE", path, { headers: first })).status, 412, at);
    const second = { "if-match": changed.headers.get("etag") ?? "" };
    assert.equal((await call("DELETE", path, { headers: second })).status, 204, at);
  }
});
