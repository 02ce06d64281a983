import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket as WsSocket } from "ws";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";
import { CLOSE, SUBPROTOCOL } from "../../src/control/socket-frames.ts";

let worker: Workerd;
before(async () => {
  worker = await startWorkerd({
    entry: "test/cloudflare/sockets.worker.ts",
    objects: { AGENTS: "AgentObject", DIRECTORY: "DirectoryObject", HOME: "HomeObject" },
  });
});
after(() => worker[Symbol.asyncDispose]());

interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly event?: string;
  readonly cursor?: string;
  readonly data?: { readonly n: number; readonly name?: string };
  readonly [key: string]: unknown;
}

/** A client's end, with all that it got. */
class Line {
  readonly frames: Frame[] = [];
  readonly socket: WebSocket;
  code: number | undefined;
  #told: () => void = () => {};

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.frames.push(JSON.parse(String(data)) as Frame);
      this.#told();
    });
    socket.addEventListener("close", ({ code }) => {
      this.code = code;
      this.#told();
    });
  }

  say(frame: unknown): void {
    this.socket.send(JSON.stringify(frame));
  }

  async get(fits: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(fits);
      if (found !== undefined) return found;
      assert.equal(this.code, undefined, "the socket is open");
      await this.news();
    }
  }

  async close(): Promise<number> {
    while (this.code === undefined) await this.news();
    return this.code;
  }

  news(): Promise<void> {
    return new Promise((resolve) => {
      this.#told = resolve;
    });
  }

  ids(): string[] {
    return this.frames.flatMap(({ type, id }) =>
      type === "event" && id !== undefined ? [id] : [],
    );
  }
}

const addressOf = (ref: string): string => `${worker.url.replace("http", "ws")}/agents/${ref}/ws`;

async function line(ref: string, token = worker.token): Promise<Line> {
  const made = new Line(new WebSocket(addressOf(ref), [SUBPROTOCOL, `bearer.${token}`]));
  await made.get(({ type }) => type === "hello");
  return made;
}

async function post(path: string, body: unknown): Promise<void> {
  const response = await worker.fetch(path, { method: "POST", body: JSON.stringify(body) });
  assert.ok(response.ok, await response.text());
}

async function make(name: string): Promise<void> {
  await post("/agents", { name, type: "counter" });
  await post(`/agents/${name}/tick`, {});
}

const tell = (ref: string, payload: unknown): Promise<void> =>
  post(`/agents/${ref}/send?wait`, { payload });

async function madeOf(ref: string): Promise<unknown> {
  const response = await worker.fetch(`/agents/${ref}/status?made`);
  return ((await response.json()) as { made: unknown }).made;
}

/** The ticks that ended, by their ids. */
const endsOf = (ids: readonly string[]): string[] => ids.filter((id) => !id.includes("."));

void test("a WebSocket to an object takes mail and gives answers and events", async () => {
  await make("talks");
  const l = await line("talks");
  assert.equal(l.socket.protocol, SUBPROTOCOL);
  l.say({ type: "ping" });
  await l.get(({ type }) => type === "pong");
  l.say({ type: "subscribe" });
  await l.get(({ type }) => type === "subscribed");
  l.say({ type: "send", id: "one", text: "hello", wait: true });
  const answer = await l.get(({ type }) => type === "answer");
  assert.partialDeepStrictEqual(answer, { id: "one", outcome: "done", replies: [1] });
  await l.get(({ id }) => id === "3");
  const live = l.frames.filter(({ type, id }) => type === "event" && id!.includes("~"));
  assert.ok(live.some(({ event }) => event === "tick_start"));
  for (const bad of ["x", "[]", '{"type":"x"}']) {
    l.socket.send(bad);
    await l.get(({ type }) => type === "error");
    l.frames.length = 0;
  }
  l.socket.send(new Uint8Array(3));
  assert.equal(await l.close(), CLOSE.binary);
});

void test("a WebSocket to an object is refused without a token, for nobody, and to other pages", async () => {
  await make("guarded");
  const statusOf = async (ref: string, headers: Record<string, string>): Promise<unknown> => {
    const socket = new WsSocket(addressOf(ref), { headers });
    socket.on("error", () => {});
    const refused = once(socket, "unexpected-response").then(
      ([, response]) => (response as { statusCode: number }).statusCode,
    );
    const opened = once(socket, "open").then(() => 101);
    const status = await Promise.race([refused, opened]);
    socket.terminate();
    return status;
  };
  const authorization = `Bearer ${worker.token}`;
  assert.equal(await statusOf("guarded", {}), 401);
  assert.equal(await statusOf("nobody", { authorization }), 404);
  assert.equal(await statusOf("guarded", { authorization, origin: "https://evil.example" }), 403);
  assert.equal(await statusOf("guarded", { authorization, origin: "https://app.example" }), 101);
  assert.equal((await worker.fetch("/agents/guarded/ws")).status, 426);
});

void test("a WebSocket outlives its object, and goes on from where it was", async () => {
  await make("sleeps");
  const l = await line("sleeps");
  l.say({ type: "subscribe", events: ["event", "tick_end"] });
  await l.get(({ type }) => type === "subscribed");
  await tell("sleeps", "later");
  await l.get(({ id }) => id === "3");
  const before = await madeOf("sleeps");
  // Workerd ends an object ten seconds after it has nothing to do, which in its first minute it has;
  // its alarm makes the next one.
  await l.get(({ data }) => data?.name === "rang");
  assert.notEqual(await madeOf("sleeps"), before);
  await l.get(({ id }) => id === "4");
  l.say({ type: "send", id: "still", text: "there", wait: true });
  await l.get(({ type }) => type === "answer");
  await l.get(({ id }) => id === "5");
  assert.deepEqual(endsOf(l.ids()), ["3", "4", "5"]);
  assert.equal(new Set(l.ids()).size, l.ids().length);
  l.socket.close();
});

void test("a client resumes by its cursor over evictions and kills, with each tick once", async () => {
  await make("mortal");
  let l = await line("mortal");
  l.say({ type: "subscribe", after: "0" });
  const ends: string[] = [];
  let after = "0";
  for (let i = 0; i < 4; i += 1) {
    await tell("mortal", "hello");
    if (i % 2 === 0) await worker.fetch("/agents/mortal/status?evict");
    else {
      await worker.kill();
      await worker.start();
    }
    await l.close();
    const seen = l.ids();
    ends.push(...endsOf(seen));
    after = seen.at(-1) ?? after;
    l = await line("mortal");
    l.say({ type: "subscribe", after });
    await l.get(({ type }) => type === "subscribed");
  }
  const { cursor } = l.frames.find(({ type }) => type === "hello")!;
  if (!ends.includes(cursor!)) await l.get(({ id }) => id === cursor);
  ends.push(...endsOf(l.ids()));
  assert.deepEqual(
    ends,
    Array.from({ length: Number(cursor) }, (_, i) => String(i + 1)),
  );
  l.socket.close();
});

void test("a client that says nothing is sent no more than a window of events", async () => {
  await make("loud");
  for (let i = 0; i < 5; i += 1) await tell("loud", 100_000);
  const l = await line("loud");
  l.say({ type: "subscribe", after: "0" });
  await l.get(({ type }) => type === "ping");
  const length = l.frames.reduce((sum, frame) => sum + JSON.stringify(frame).length, 0);
  assert.ok(length < 500_000, String(length));
  await sleep(200);
  assert.ok(!l.ids().includes("7"));
  l.say({ type: "pong" });
  await l.get(({ id }) => id === "7");
  l.socket.close();
});

void test("pages of an origin that is named use the API, of the Worker and of its agents; no others", async () => {
  for (const origin of ["https://app.example", "https://evil.example"]) {
    const expected = origin.includes("app") ? origin : null;
    const asks = { origin, "access-control-request-method": "PATCH" };
    const asked = await fetch(`${worker.url}/agents/ada`, { method: "OPTIONS", headers: asks });
    assert.equal(asked.status, expected === null ? 401 : 204);
    assert.equal(asked.headers.get("access-control-allow-origin"), expected);
    for (const path of ["/healthz", "/agents", "/agents/nobody", "/agents/nobody/stream"]) {
      const got = await worker.fetch(path, { headers: { origin } });
      await got.body?.cancel();
      assert.equal(got.headers.get("access-control-allow-origin"), expected, path);
      assert.equal(got.headers.get("vary"), "Origin", path);
    }
  }
});

void test("a WebSocket to an object keeps its token's rate, and is closed when the token is revoked", async () => {
  await make("rated");
  const newToken = async (rights: object): Promise<{ id: string; token: string }> => {
    const body = JSON.stringify({ name: "n", scope: "operate", ...rights });
    const response = await worker.fetch("/tokens", { method: "POST", body });
    assert.equal(response.status, 201, await response.clone().text());
    return (await response.json()) as { id: string; token: string };
  };
  const limited = await line("rated", (await newToken({ rate: 2 })).token);
  for (let i = 0; i < 20; i += 1) limited.say({ type: "send", id: `m${i}`, text: "x" });
  await limited.get((frame) => frame["for"] === "m19");
  assert.ok(limited.frames.filter(({ type }) => type === "sent").length <= 2);
  limited.socket.close();

  const { id, token } = await newToken({});
  const l = await line("rated", token);
  l.say({ type: "subscribe" });
  await l.get(({ type }) => type === "subscribed");
  l.say({ type: "send", id: "first", text: "x" });
  await l.get((frame) => frame.type === "sent" && frame.id === "first");
  const revoked = await worker.fetch(`/tokens/${id}`, { method: "DELETE" });
  assert.equal(revoked.status, 204);
  const sends = setInterval(() => l.say({ type: "send", text: "x" }), 200);
  try {
    assert.equal(await l.close(), CLOSE.denied);
  } finally {
    clearInterval(sends);
  }
});
