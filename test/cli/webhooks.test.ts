import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Webhook } from "standardwebhooks";
import { CONFIG, project } from "./project.ts";
import type { Ended } from "./project.ts";

function ok({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

/** The configuration of the other tests, with hooks. */
const HOOKS = CONFIG.replace(
  "ensure:",
  `hooks: {
    github: { verify: "github", secret: "GITHUB_WEBHOOK_SECRET", type: "message", reply: true },
    other: { verify: "github", secret: "NOT_THERE" },
  },
  ensure:`,
);
const SECRET = "It's a Secret to Everybody";

void test("agentd takes a webhook of GitHub in, and the agent's reply is the response", async () => {
  await using p = project(HOOKS);
  const daemon = await p.start({ env: { GITHUB_WEBHOOK_SECRET: SECRET } });
  const body = '{"zen":"Speak like a human."}';
  const sign = (secret: string): string =>
    `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  const post = (path: string, headers: Record<string, string>): Promise<Response> =>
    fetch(`${daemon.url}/hooks/${path}`, { method: "POST", body, headers });
  const good = { "x-hub-signature-256": sign(SECRET), "x-github-delivery": "d-1" };
  for (const _ of [1, 2]) {
    const taken = await post("greeter/github", good);
    assert.equal(taken.status, 200, await taken.clone().text());
    assert.match(String(await taken.json()), /^Hello .*Speak like a human.*number 1$/);
    assert.ok(taken.headers.get("x-request-id"));
  }
  const forged = { ...good, "x-hub-signature-256": sign("a guess") };
  for (const [path, headers] of [
    ["greeter/github", forged],
    ["greeter/other", good],
    ["greeter/nothing", good],
    ["nobody/github", forged],
  ] as const) {
    const refused = await post(path, headers);
    assert.deepEqual(
      [refused.status, refused.headers.get("content-type")],
      [401, "application/problem+json"],
    );
  }
  const { stderr } = await daemon.end();
  assert.match(stderr, /Cannot take webhooks of "other": there is no secret "NOT_THERE"/);
  assert.ok(!stderr.includes("GITHUB_WEBHOOK_SECRET"));
});

void test("agentctl webhooks: from create to delete, with a receiver that is there", async (t) => {
  const got: { headers: Record<string, string>; body: string }[] = [];
  let status = 200;
  const receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      got.push({ headers: request.headers as Record<string, string>, body });
      response.writeHead(status).end();
    });
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  t.after(() => {
    receiver.closeAllConnections();
    receiver.close();
  });
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/x`;

  await using p = project();
  const webhooks = (...words: string[]): Promise<Ended> => p.agentctl("webhooks", ...words);
  const strict = await p.start();
  const refused = await webhooks("create", url);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /must begin with "https:"/);
  const inner = await webhooks("create", "https://169.254.169.254/latest");
  assert.match(inner.stderr, /"169\.254\.169\.254": it is in a private network.*--allow-private/);
  await strict.end();

  const daemon = await p.start({ args: ["--allow-private-webhooks"] });
  const made = ok(await webhooks("create", url, "--event", "agent.event.*", "agent.deadletter"));
  const [id, secret] = made.trim().split("\n") as [string, string];
  assert.match(secret, /^whsec_/);
  assert.match(ok(await webhooks("list")), new RegExp(`^ID.*\n${id} +yes +${url} +agent\\.event`));
  assert.match(ok(await webhooks("ping", id)), /^It answered 200 in \d+ ms\n$/);
  ok(await p.agentctl("send", "greeter", "Ada", "--wait"));
  const until = async (count: number): Promise<void> => {
    while (got.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await until(2);
  const { body, headers } = got[1]!;
  const event = new Webhook(secret).verify(body, headers) as Record<string, unknown>;
  assert.equal(event["type"], "dev.openagents.agent.event.greeted");
  assert.deepEqual((event["data"] as { data: unknown }).data, { total: 1 });
  assert.match(ok(await webhooks("info", id)), /^active +yes$/m);

  status = 500;
  ok(await p.agentctl("send", "greeter", "Eve", "--wait"));
  await until(3);
  // What waits is sent by the next agentd as well.
  await daemon.end("SIGKILL");
  status = 200;
  const next = await p.start({ args: ["--allow-private-webhooks"] });
  await until(4);
  const eventIds = got.slice(2).map(({ headers: { "webhook-id": one } }) => one);
  assert.equal(eventIds[0], eventIds[1]);
  const list = async (): Promise<{ id: string; state: string }[]> =>
    JSON.parse(ok(await webhooks("deliveries", id, "--json"))) as { id: string; state: string }[];
  while ((await list())[0]!.state !== "delivered");
  assert.match(
    ok(await webhooks("deliveries", id)),
    /agent\.event\.greeted +greeter +delivered +2/,
  );
  ok(await webhooks("redeliver", id, (await list())[0]!.id));
  await until(5);
  assert.equal(got[4]!.headers["webhook-id"], eventIds[0]);

  const rotated = ok(await webhooks("rotate", id)).trim();
  assert.match(rotated, /^whsec_/);
  ok(await webhooks("disable", id));
  assert.match(ok(await webhooks("info", id)), /^active +no: it was disabled by hand$/m);
  ok(await webhooks("enable", id));
  ok(await webhooks("delete", id));
  assert.equal(ok(await webhooks("list", "--json")), "[]\n");
  const gone = await webhooks("info", id);
  assert.match(gone.stderr, /There is no webhook/);
  await next.end();
});
