import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { WebSocket as WsSocket } from "ws";
import { startLocal } from "../../../src/backends/local.ts";
import type { LocalOptions, LocalRuntime } from "../../../src/backends/local.ts";
import { agentSockets } from "../../../src/backends/local/agent-sockets.ts";
import { listen } from "../../../src/backends/local/http-server.ts";
import { controlApi } from "../../../src/control/api.ts";
import { bearerAccess } from "../../../src/control/bearer-access.ts";
import { CLOSE, SUBPROTOCOL } from "../../../src/control/socket-frames.ts";
import { defineAgent } from "../../../src/core/definition.ts";
import { defineRuntime } from "../../../src/core/runtime-definition.ts";

const talker = defineAgent({
  name: "talker",
  state: { count: 0 },
  async onMessage(ctx, message) {
    ctx.state.count += 1;
    const { payload } = message;
    if (typeof payload === "number") ctx.broadcast("noise", "x".repeat(payload));
    await ctx.reply(ctx.state.count);
  },
});
const definition = defineRuntime({ agents: [talker], ensure: [{ name: "t", type: "talker" }] });

async function local(t: TestContext, options: Partial<LocalOptions> = {}): Promise<LocalRuntime> {
  const data = mkdtempSync(join(tmpdir(), "openagents-sockets-"));
  const started = await startLocal({ definition, data, port: 0, ...options });
  t.after(async () => {
    await started.stop(0);
    rmSync(data, { recursive: true, force: true });
  });
  await started.runtime.settled();
  return started;
}

const addressOf = ({ url }: Pick<LocalRuntime, "url">): string =>
  `${url.replace("http", "ws")}/agents/t/ws`;

/** The status by which an upgrade is answered; 101 when it is a WebSocket. */
function statusOf(
  { url }: LocalRuntime,
  headers: Record<string, string>,
  path = "/agents/t/ws",
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(`${url}${path}`, {
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        ...headers,
      },
    });
    asked.once("response", (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.once("upgrade", (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
    asked.once("error", reject);
    asked.end();
  });
}

interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly event?: string;
}

/** Frames of a socket, until one fits. */
async function framesUntil(socket: WebSocket, fits: (frame: Frame) => boolean): Promise<Frame[]> {
  const frames: Frame[] = [];
  return new Promise((resolve, reject) => {
    socket.addEventListener("message", ({ data }) => {
      const frame = JSON.parse(String(data)) as Frame;
      frames.push(frame);
      if (fits(frame)) resolve(frames);
    });
    socket.addEventListener("close", ({ code, reason }) => reject(new Error(`${code} ${reason}`)));
  });
}

void test("the global WebSocket talks to an agent with the token in its subprotocol", async (t) => {
  const home = await local(t);
  const socket = new WebSocket(addressOf(home), [SUBPROTOCOL, `bearer.${home.token}`]);
  const greeted = framesUntil(socket, ({ type }) => type === "hello");
  await once(socket, "open");
  assert.equal(socket.protocol, SUBPROTOCOL);
  await greeted;
  const answered = framesUntil(socket, ({ event }) => event === "tick_end");
  socket.send(JSON.stringify({ type: "subscribe", after: "1" }));
  socket.send(JSON.stringify({ type: "send", id: "m", text: "hello", wait: true }));
  const frames = await answered;
  assert.ok(frames.some(({ event }) => event === "reply"));
  socket.close();
});

void test("the ws client talks to an agent with the token in its header", async (t) => {
  const home = await local(t);
  const headers = { authorization: `Bearer ${home.token}` };
  const socket = new WsSocket(addressOf(home), { headers });
  const frames = framesUntil(socket as unknown as WebSocket, ({ type }) => type === "answer");
  await once(socket, "open");
  assert.equal(socket.protocol, "");
  socket.send(JSON.stringify({ type: "send", text: "hello", wait: true }));
  assert.partialDeepStrictEqual((await frames).at(-1), { outcome: "done", replies: [1] });
  socket.close();
});

void test("a WebSocket is refused without a token, for nobody, and to pages of other origins", async (t) => {
  const home = await local(t, { origins: ["https://app.example"] });
  const authorization = `Bearer ${home.token}`;
  const { host } = new URL(home.url);
  assert.equal(await statusOf(home, {}), 401);
  assert.equal(await statusOf(home, { authorization: "Bearer wrong" }), 401);
  assert.equal(await statusOf(home, { "sec-websocket-protocol": "openagents.v1, bearer.no" }), 401);
  assert.equal(await statusOf(home, { authorization }, "/agents/nobody/ws"), 404);
  assert.equal(await statusOf(home, { authorization }, "/agents/t/status"), 200);
  assert.equal(await statusOf(home, { authorization, upgrade: "h2c" }), 426);
  assert.equal(await statusOf(home, { authorization, "sec-websocket-version": "1" }), 400);
  for (const origin of ["https://evil.example", "null", `https://${host}.evil.example`]) {
    assert.equal(await statusOf(home, { authorization, origin }), 403, origin);
  }
  for (const origin of [`http://${host}`, "https://app.example"]) {
    assert.equal(await statusOf(home, { authorization, origin }), 101, origin);
  }
  assert.equal(await statusOf(home, { authorization }), 101);
  const plain = await fetch(`${home.url}/agents/t/ws`, { headers: { authorization } });
  assert.equal(plain.status, 426);
});

void test("a WebSocket is told to come again when the server stops, which waits for none", async (t) => {
  const home = await local(t);
  const socket = new WebSocket(addressOf(home), [SUBPROTOCOL, `bearer.${home.token}`]);
  await framesUntil(socket, ({ type }) => type === "hello");
  const raw = await rawSocket(home);
  const closed = once(socket, "close");
  await home.stop(0);
  const [event] = (await closed) as [CloseEvent];
  assert.equal(event.code, CLOSE.stopping);
  raw.destroy();
});

async function newToken({ url, token }: LocalRuntime, body: object): Promise<[string, string]> {
  const made = await fetch(`${url}/tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "n", scope: "operate", ...body }),
  });
  assert.equal(made.status, 201);
  const { id, token: text } = (await made.json()) as { id: string; token: string };
  return [id, text];
}

void test("a WebSocket keeps its token's rate, and is closed when the token is revoked", async (t) => {
  const home = await local(t);
  const [, few] = await newToken(home, { rate: 3 });
  const limited = new WebSocket(addressOf(home), [SUBPROTOCOL, `bearer.${few}`]);
  await framesUntil(limited, ({ type }) => type === "hello");
  const told = framesUntil(limited, (frame) => (frame as { for?: string }).for === "m299");
  for (let i = 0; i < 300; i += 1) {
    limited.send(JSON.stringify({ type: "send", id: `m${i}`, text: "x" }));
  }
  const frames = await told;
  assert.ok(frames.filter(({ type }) => type === "sent").length <= 3);
  limited.close();

  const [id, token] = await newToken(home, {});
  const socket = new WebSocket(addressOf(home), [SUBPROTOCOL, `bearer.${token}`]);
  await framesUntil(socket, ({ type }) => type === "hello");
  socket.send('{"type":"subscribe"}');
  await framesUntil(socket, ({ type }) => type === "subscribed");
  const revoked = await fetch(`${home.url}/tokens/${id}`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${home.token}` },
  });
  assert.equal(revoked.status, 204);
  const closed = once(socket, "close");
  const sends = setInterval(() => socket.send('{"type":"send","text":"x"}'), 100);
  const [event] = (await closed) as [CloseEvent];
  clearInterval(sends);
  assert.equal(event.code, CLOSE.denied);
  assert.match(event.reason, /may not use this any more/);
});

/** A connection that was upgraded, of which nothing is read from then on. */
async function rawSocket(
  { url, token }: Pick<LocalRuntime, "url" | "token">,
  reads = false,
): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  socket.write(
    `GET /agents/t/ws HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer ${token}\r\n\r\n`,
  );
  await once(socket, "data");
  if (!reads) socket.pause();
  return socket;
}

/** A masked frame, as a client sends it; its payload is at most 65,535 bytes. */
function rawFrame(text: string, first = 0x81): Buffer {
  const payload = Buffer.from(text);
  const length = Buffer.from([0x80 | 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([Buffer.from([first]), length, Buffer.alloc(4), payload]);
}

interface Server {
  readonly url: string;
  readonly token: string;
  readonly home: LocalRuntime;
  count(): number;
}

/** A server of sockets with limits of its own, beside that of a home. */
async function server(
  t: TestContext,
  options: Partial<Parameters<typeof agentSockets>[0]>,
): Promise<Server> {
  const home = await local(t);
  const { runtime, token } = home;
  const api = controlApi({
    access: bearerAccess({ token }),
    limits: definition.limits,
    version: "1",
  });
  const http = await listen((request) => api.fetch(request, { home: runtime, runtime }), {
    host: "127.0.0.1",
    port: 0,
  });
  const sockets = agentSockets({
    runtime,
    fetch: (request, accept) => api.fetch(request, { home: runtime, runtime, accept }),
    ...options,
  });
  http.onUpgrade((...connection) => sockets.upgrade(...connection));
  t.after(async () => {
    sockets.stop();
    await http.close(0);
  });
  return { url: http.url, token, home, count: () => sockets.count() };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

void test("a client that does not read is dropped, and others are not held up by it", async (t) => {
  const s = await server(t, { limits: { stall: 100 } });
  const { runtime } = s.home;
  const slow = await rawSocket(s);
  slow.write(rawFrame('{"type":"subscribe"}'));
  const other = new WebSocket(addressOf(s), [SUBPROTOCOL, `bearer.${s.token}`]);
  await framesUntil(other, ({ type }) => type === "hello");
  other.send('{"type":"subscribe","events":["tick_end"]}');
  await framesUntil(other, ({ type }) => type === "subscribed");
  assert.equal(s.count(), 2);
  const ticks = 40;
  const got = framesUntil(other, ({ id }) => id === String(ticks + 1));
  for (let i = 0; i < ticks; i += 1) {
    await runtime.ask("t", { payload: 500_000 }, { timeout: 60_000 });
  }
  assert.equal((await got).filter(({ type }) => type === "event").length, ticks);
  await until(() => s.count() === 1);
  other.close();
  slow.destroy();
});

void test("a client that answers no ping is dropped, as is one of which the network is gone", async (t) => {
  const s = await server(t, { heartbeat: 30 });
  const silent = await rawSocket(s);
  const alive = new WebSocket(addressOf(s), [SUBPROTOCOL, `bearer.${s.token}`]);
  await framesUntil(alive, ({ type }) => type === "hello");
  await until(() => s.count() === 1);
  // The one that answers pings, as all clients do by themselves, stays.
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(s.count(), 1);
  assert.equal(alive.readyState, WebSocket.OPEN);
  alive.close();
  silent.destroy();
});

void test("bytes that are no frames, or hostile ones, end their own connection alone", async (t) => {
  const s = await server(t, { limits: { frameLength: 1000 } });
  const other = new WebSocket(addressOf(s), [SUBPROTOCOL, `bearer.${s.token}`]);
  await framesUntil(other, ({ type }) => type === "hello");
  const bad: readonly (readonly [string, Buffer])[] = [
    ["no frame", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["unmasked", Buffer.from([0x81, 0x02, 0x7b, 0x7d])],
    ["reserved bits", rawFrame("{}", 0xf1)],
    ["unknown opcode", rawFrame("{}", 0x83)],
    ["binary", rawFrame("{}", 0x82)],
    ["no UTF-8", Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0xff])],
    [
      "64 bits of length",
      Buffer.from([0x81, 0xff, 0x7f, ...Array.from({ length: 11 }, () => 0xff)]),
    ],
    ["too long", rawFrame("x".repeat(5000))],
    ["a little too long", rawFrame("x".repeat(1001))],
    ["a fragment of nothing", rawFrame("{}", 0x80)],
  ];
  for (const [what, bytes] of bad) {
    const raw = await rawSocket(s, true);
    raw.on("data", () => {});
    raw.write(bytes);
    await until(() => s.count() === 1);
    raw.destroy();
    assert.equal(other.readyState, WebSocket.OPEN, what);
  }
  other.send('{"type":"ping"}');
  await framesUntil(other, ({ type }) => type === "pong");
  other.close();
});
