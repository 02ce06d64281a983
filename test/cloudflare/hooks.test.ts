import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { Webhook } from "standardwebhooks";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";
import { VECTORS } from "../drivers/webhook/vectors.ts";

const [{ secret, body, headers }] = VECTORS as [(typeof VECTORS)[number]];

let worker: Workerd;
before(async () => {
  worker = await startWorkerd({
    entry: "test/cloudflare/hooks.worker.ts",
    objects: { AGENTS: "AgentObject", DIRECTORY: "DirectoryObject", HOME: "HomeObject" },
    env: { GITHUB_WEBHOOK_SECRET: secret, OPENAGENTS_ALLOW_PRIVATE_WEBHOOKS: "1" },
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
  assert.deepEqual(state.seen, [{ source: "webhook", from: "github", rule: "direct" }]);
});

void test("in a Worker rules say who gets it, and no rule means nobody", async () => {
  const push = { ...headers, "x-github-event": "push", "x-github-delivery": "d-2" };
  const response = await post("-/github", push);
  assert.equal(response.status, 201, await response.text());
  const state = (await (await worker.fetch("/agents/eve/state")).json()) as { seen: unknown };
  assert.deepEqual(state.seen, [{ source: "webhook", from: "github", rule: "to-eve" }]);
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

void test("in a Worker a stored secret comes before a binding, is sealed, and changes within seconds", async () => {
  const put = async (method: string, name: string, value?: string): Promise<number> => {
    const init = value === undefined ? {} : { body: JSON.stringify({ value }) };
    const response = await worker.fetch(`/secrets/${name}`, { method, ...init });
    await response.arrayBuffer();
    return response.status;
  };
  const signed = async (value: string, delivery: string): Promise<number> => {
    const signature = createHmac("sha256", value).update(body).digest("hex");
    const by = { "x-hub-signature-256": `sha256=${signature}`, "x-github-delivery": delivery };
    const response = await post("ada/github", { ...headers, ...by });
    await response.arrayBuffer();
    return response.status;
  };
  const until = async (value: string, status: number): Promise<void> => {
    for (let i = 0; (await signed(value, `until-${value}-${i}`)) !== status; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  assert.equal(await put("PUT", "GITHUB_WEBHOOK_SECRET", "the stored one"), 200);
  await until("the stored one", 201);
  assert.equal(await signed(secret, "old"), 401);
  assert.equal(await put("PUT", "OPENAGENTS_MNEMONIC", "the stored one"), 400);
  await worker.kill();
  await worker.start();
  assert.equal(await signed("the stored one", "after"), 201);
  const listed = await (await worker.fetch("/secrets")).text();
  assert.match(listed, /^\{"items":\[\{"name":"GITHUB_WEBHOOK_SECRET","setAt":\d+\}\]\}$/);
  assert.equal(await put("DELETE", "GITHUB_WEBHOOK_SECRET"), 204);
  await until(secret, 201);
  assert.equal(await signed("the stored one", "gone"), 401);
  assert.equal(await put("DELETE", "GITHUB_WEBHOOK_SECRET"), 404);
});

void test("in a Worker events go out, wait for a receiver that failed, and survive a kill", async (t) => {
  const got: { headers: Record<string, string>; body: string }[] = [];
  let status = 200;
  const receiver = createServer((request, response) => {
    let text = "";
    request.on("data", (part: Buffer) => (text += part.toString()));
    request.on("end", () => {
      got.push({ headers: request.headers as Record<string, string>, body: text });
      response.writeHead(status).end();
    });
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  t.after(() => {
    receiver.closeAllConnections();
    receiver.close();
  });
  const ask = async (method: string, path: string, input?: unknown): Promise<unknown> => {
    const init = input === undefined ? {} : { body: JSON.stringify(input) };
    const response = await worker.fetch(path, { method, ...init });
    const text = await response.text();
    assert.ok(response.ok, text);
    return text === "" ? undefined : JSON.parse(text);
  };
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/x`;
  const made = (await ask("POST", "/webhooks", { url, events: ["agent.tick.done"] })) as {
    id: string;
    secret: string;
  };
  const pinged = (await ask("POST", `/webhooks/${made.id}/ping`)) as { status?: number };
  assert.equal(pinged.status, 200, JSON.stringify(pinged));
  const until = async (count: number): Promise<void> => {
    while (got.length < count) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  // Until the agents' isolate has heard that somebody wants events.
  for (let i = 0; got.length < 2; i += 1) {
    await ask("POST", "/agents/ada/send?wait=10s", { payload: { body: i } });
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const event = new Webhook(made.secret).verify(got[1]!.body, got[1]!.headers);
  assert.equal((event as { type: string }).type, "dev.openagents.agent.tick.done");
  const before = got.length;
  status = 500;
  await ask("POST", "/agents/eve/send?wait=10s", { payload: { body: 1 } });
  await until(before + 1);
  await worker.kill();
  status = 200;
  await worker.start();
  // Its alarm alone sends it again.
  await until(before + 2);
  assert.equal(got.at(-1)!.headers["webhook-id"], got.at(-2)!.headers["webhook-id"]);
  const { items } = (await ask("GET", `/webhooks/${made.id}/deliveries?limit=1`)) as {
    items: { state: string }[];
  };
  assert.ok(["delivered", "waiting"].includes(items[0]!.state));
  await ask("DELETE", `/webhooks/${made.id}`);
});
