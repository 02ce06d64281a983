import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { lookup } from "node:dns";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { Webhook } from "standardwebhooks";
import { webhookPost } from "../../../src/backends/local/webhook-post.ts";
import { fetchPost } from "../../../src/control/webhooks/fetch-post.ts";
import { webhookTimer, webhooks } from "../../../src/control/webhooks.ts";
import type { Attempt, Post, Webhooks } from "../../../src/control/webhooks.ts";
import type { HomeFiles } from "../../../src/index.ts";
import { systemClock, systemRandom } from "../../../src/index.ts";
import { memoryHomeFiles } from "../../../src/stores/memory.ts";
import { sqliteHomeFiles } from "../../../src/stores/sqlite.ts";
import { ADA, ticks } from "./setting.ts";

interface Receiver {
  readonly url: string;
  readonly got: { readonly headers: IncomingMessage["headers"]; readonly body: string }[];
}

/** A receiver on this machine, that answers as it is told once it has read a request. */
async function receiver(
  t: TestContext,
  answer: (response: ServerResponse, n: number) => void,
): Promise<Receiver> {
  const got: Receiver["got"] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      got.push({ headers: request.headers, body });
      answer(response, got.length);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, got };
}

interface Sending {
  readonly hooks: Webhooks;
  readonly files: HomeFiles;
}

function sending(t: TestContext, options: { post?: Post; timeout?: number } = {}): Sending {
  const local = webhookPost({ allowPrivate: true });
  t.after(() => local.close());
  const files = memoryHomeFiles();
  const { post = local, ...more } = options;
  const ports = { files, clock: systemClock, random: systemRandom, allowPrivate: true };
  return { files, hooks: webhooks({ ...ports, post, ...more }) };
}

const now = (from: number, to: number): ReturnType<typeof ticks> =>
  ticks(from, to).map((tick) => ({ ...tick, record: { ...tick.record, at: Date.now() + 1000 } }));

/** What becomes of one event for a receiver. */
async function once1(
  hooks: Webhooks,
  url: string,
): Promise<Attempt & { id: string; secret: string }> {
  const { id, secret } = await hooks.create({ url, events: ["agent.tick.*"] });
  await hooks.notice(now(1, 1));
  await hooks.takeUp();
  const [delivery] = await hooks.deliveries(id);
  return { ...delivery!.tries.at(-1)!, id, secret };
}

const POSTS: readonly (readonly [string, () => Post])[] = [
  ["webhookPost()", () => webhookPost({ allowPrivate: true })],
  ["fetchPost()", () => fetchPost()],
];

for (const [name, make] of POSTS) {
  void test(`${name}: what it sends is taken by the library of Standard Webhooks`, async (t) => {
    const { url, got } = await receiver(t, (response) => response.writeHead(204).end());
    const { hooks } = sending(t, { post: make() });
    const { status, secret } = await once1(hooks, url);
    assert.equal(status, 204);
    const [{ body, headers }] = got as [(typeof got)[number]];
    const event = new Webhook(secret).verify(body, headers as Record<string, string>);
    assert.equal((event as { id: string }).id, `${ADA}:1:tick`);
  });

  void test(`${name}: a redirection is not followed`, async (t) => {
    const inner = await receiver(t, (response) => response.end("secret"));
    const outer = await receiver(t, (response) =>
      response.writeHead(307, { location: inner.url }).end(),
    );
    const { hooks } = sending(t, { post: make() });
    const { status, error } = await once1(hooks, outer.url);
    assert.deepEqual([status, error], [307, "it answered 307: redirections are not followed"]);
    assert.equal(inner.got.length, 0);
  });

  void test(`${name}: a receiver that hangs is given up in time, before it answers and in its answer`, async (t) => {
    const silent = await receiver(t, () => undefined);
    const { hooks } = sending(t, { post: make(), timeout: 100 });
    const { status, error } = await once1(hooks, silent.url);
    assert.deepEqual([status, error], [undefined, "it did not answer within 0.1s"]);
    const slow = await receiver(t, (response) => {
      response.writeHead(200);
      response.write("a");
    });
    assert.equal(
      (await once1(sending(t, { post: make(), timeout: 2000 }).hooks, slow.url)).status,
      200,
    );
  });

  void test(`${name}: a refusal whose body never ends is one`, async (t) => {
    const stalling = await receiver(t, (response) => {
      response.writeHead(500);
      response.write("broken");
    });
    const { hooks } = sending(t, { post: make(), timeout: 8000 });
    const { status, error, body } = await once1(hooks, stalling.url);
    assert.deepEqual([status, error, body], [500, "it answered 500", "broken"]);
  });

  void test(`${name}: a huge answer is not read to its end`, async (t) => {
    let written = 0;
    const { url } = await receiver(t, (response) => {
      response.writeHead(500);
      const more = (): void => {
        while (!response.destroyed && written < 500_000_000) {
          written += 65_536;
          if (!response.write("x".repeat(65_536))) {
            response.once("drain", more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    const { hooks } = sending(t, { post: make() });
    const { status, body } = await once1(hooks, url);
    assert.deepEqual([status, body?.length], [500, 500]);
    assert.ok(written < 100_000_000, String(written));
  });

  void test(`${name}: a connection that is closed in the middle is a failed try`, async (t) => {
    const early = await receiver(t, (response) => response.destroy());
    const { hooks } = sending(t, { post: make() });
    const { status, error } = await once1(hooks, early.url);
    assert.equal(status, undefined);
    assert.ok(error);
    const half = await receiver(t, (response) => {
      response.writeHead(500, { "content-length": "100" });
      response.write("half", () => response.destroy());
    });
    assert.equal((await once1(sending(t, { post: make() }).hooks, half.url)).status, 500);
  });
}

void test("410 ends a webhook", async (t) => {
  const { url, got } = await receiver(t, (response) => response.writeHead(410).end());
  const { hooks } = sending(t);
  const { id } = await once1(hooks, url);
  assert.equal((await hooks.get(id)).active, false);
  await hooks.notice(now(2, 3));
  await hooks.takeUp();
  assert.equal(got.length, 1);
});

void test("by a timer: 500, 500, then 200, and a receiver that hangs holds up no other", async (t) => {
  const hangs = await receiver(t, () => undefined);
  const files = memoryHomeFiles();
  const post = webhookPost({ allowPrivate: true });
  t.after(() => post.close());
  // A clock by which what is due in 5 seconds is due in 50 ms.
  const clock = {
    now: () => START_OF_TEST + (Date.now() - START_OF_TEST) * 100,
    after: (ms: number, run: () => void) => systemClock.after(ms / 100, run),
  };
  const START_OF_TEST = Date.now();
  const timer = webhookTimer(clock);
  const hooks = webhooks({
    files,
    clock,
    random: systemRandom,
    post,
    allowPrivate: true,
    timeout: 6_000_000,
    due: timer.due,
  });
  const problems: unknown[] = [];
  const stop = timer.start(hooks, (problem) => problems.push(problem));
  const done = Promise.withResolvers<void>();
  const { url, got } = await receiver(t, (response, n) => {
    response.writeHead(n < 3 ? 500 : 200).end();
    if (n === 3) done.resolve();
  });
  await hooks.create({ url: hangs.url, events: ["agent.tick.*"] });
  const { id } = await hooks.create({ url, events: ["agent.tick.*"] });
  await hooks.notice(
    ticks(1, 1).map((tick) => ({ ...tick, record: { ...tick.record, at: clock.now() } })),
  );
  await done.promise;
  for (;;) {
    const [delivery] = await hooks.deliveries(id);
    if (delivery!.state !== "waiting") {
      assert.deepEqual(
        delivery!.tries.map(({ status }) => status),
        [500, 500, 200],
      );
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  stop();
  assert.equal(hangs.got.length, 1);
  assert.equal(got.length, 3);
  assert.deepEqual(problems, []);
});

void test("webhookPost() connects to the address that it looked at, and to no private one", async (t) => {
  const inner = await receiver(t, (response) => response.end());
  const { port } = new URL(inner.url);
  const asked: string[] = [];
  /** A name that is public when it is first asked for, and this machine from then on. */
  const rebinding = ((host: string, options: object, found: (...args: unknown[]) => void) => {
    asked.push(host);
    const address = asked.length === 1 ? "192.0.2.1" : "127.0.0.1";
    found(null, "all" in options ? [{ address, family: 4 }] : address, 4);
  }) as unknown as typeof lookup;
  const post = webhookPost({ allowPrivate: false, resolve: rebinding });
  t.after(() => post.close());
  const { signal } = new AbortController();
  const to = (host: string): Promise<unknown> =>
    post({ url: `http://${host}:${port}/`, headers: {}, body: "{}", signal });
  for (const host of [
    "rebinds.example.com",
    "rebinds.example.com",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "0x7f000001",
    "2130706433",
    "017700000001",
  ]) {
    await assert.rejects(to(host), { code: "DENIED" }, host);
  }
  assert.equal(inner.got.length, 0);
  // With two answers, of which one is private, nothing is connected to.
  const both = ((_host: string, _options: object, found: (...args: unknown[]) => void) => {
    found(null, [
      { address: "93.184.216.34", family: 4 },
      { address: "127.0.0.1", family: 4 },
    ]);
  }) as unknown as typeof lookup;
  const second = webhookPost({ allowPrivate: false, resolve: both });
  t.after(() => second.close());
  await assert.rejects(
    second({ url: `http://both.example.com:${port}/`, headers: {}, body: "{}", signal }),
    { code: "DENIED" },
  );
});

void test("a process that is killed between note and answer: all of it is sent by the next one", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "webhooks-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, "home.db");
  let silent = true;
  const asked = Promise.withResolvers<void>();
  const { url, got } = await receiver(t, (response) => {
    if (!silent) response.writeHead(200).end();
    asked.resolve();
  });
  const child = spawn(process.execPath, [join(import.meta.dirname, "kill.child.ts"), file, url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  await asked.promise;
  child.kill("SIGKILL");
  await once(child, "exit");
  silent = false;
  const files = sqliteHomeFiles(file);
  t.after(() => files.close());
  const post = webhookPost({ allowPrivate: true });
  t.after(() => post.close());
  const hooks = webhooks({
    files,
    clock: systemClock,
    random: systemRandom,
    post,
    allowPrivate: true,
  });
  await hooks.takeUp();
  // The first was under way, and so goes twice, with the same id.
  const ids = got.map(({ headers }) => headers["webhook-id"]);
  const expected = Array.from({ length: 10 }, (_, i) => `${ADA}:${i + 1}:tick`);
  assert.deepEqual(ids, [expected[0], ...expected]);
  await hooks.stop();
});
