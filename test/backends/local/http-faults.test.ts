import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import * as fc from "fast-check";
import { startLocal } from "../../../src/backends/local.ts";
import type { LocalOptions, LocalRuntime } from "../../../src/backends/local.ts";
import { defineAgent } from "../../../src/core/definition.ts";
import { defineRuntime } from "../../../src/core/runtime-definition.ts";
import type { ResponseFacts } from "../../../src/core/telemetry.ts";
import { systemClock } from "../../../src/core/system.ts";
import { rawClient, statuses } from "./raw-client.ts";

const echo = defineAgent({
  name: "echo",
  async onMessage(ctx, message) {
    if (message.text === "wait") return;
    await ctx.reply(message.payload);
  },
});
const mute = defineAgent({ name: "mute", onMessage: () => new Promise(() => {}) });
const definition = defineRuntime({
  agents: [echo, mute],
  ensure: [
    { name: "ada", type: "echo" },
    { name: "mute", type: "mute" },
  ],
  limits: { envelopeBytes: 100_000 },
});

interface Served extends LocalRuntime {
  /** What the operator was told. */
  readonly warnings: readonly string[];
  /** How requests were answered. */
  readonly ended: readonly ResponseFacts[];
}

async function serve(t: TestContext, options: Partial<LocalOptions> = {}): Promise<Served> {
  const data = mkdtempSync(join(tmpdir(), "openagents-faults-"));
  const warnings: string[] = [];
  const ended: ResponseFacts[] = [];
  const local = await startLocal({
    definition,
    data,
    port: 0,
    warn: (text) => warnings.push(text),
    observer: { start: () => ({ end: (facts) => void ended.push(facts) }) },
    ...options,
  });
  t.after(async () => {
    await local.stop(0);
    rmSync(data, { recursive: true, force: true });
    assert.deepEqual(
      warnings.filter((text) => !text.startsWith("Cannot take more")),
      [],
    );
  });
  return Object.assign(local, { warnings, ended });
}

/** The head of a request, with a host and the token. */
function head({ token }: LocalRuntime, line: string, ...headers: readonly string[]): string {
  return [
    `${line} HTTP/1.1`,
    "host: home.test",
    `authorization: Bearer ${token}`,
    ...headers,
    "",
    "",
  ].join("\r\n");
}

/** How many connections a server has, with the one that asks. */
async function connectionsOf({ url, token }: LocalRuntime): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const text = await (await fetch(`${url}/runtime/metrics`, { headers })).text();
  return Number(/^openagents_http_connections (\d+)$/m.exec(text)?.[1]);
}

const JSON_TYPE = "content-type: application/json";

/** The problem that an answer has. */
function problemOf(text: string): { readonly code: string; readonly status: number } {
  const body = text.slice(text.indexOf("\r\n\r\n") + 4);
  const problem = JSON.parse(body) as { code: string; status: number; requestId: string };
  assert.match(text, /content-type: application\/problem\+json/i);
  assert.ok(text.toLowerCase().includes(`x-request-id: ${problem.requestId}`), text);
  return problem;
}

async function isWell({ url, token }: LocalRuntime): Promise<void> {
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify({ text: "hi" }) };
  const answer = await fetch(`${url}/agents/ada/send?wait=20s`, init);
  assert.deepEqual(((await answer.json()) as { replies: unknown }).replies, ["hi"]);
}

void test("a head that drips is cut off by 408", async (t) => {
  const local = await serve(t, { http: { headTime: 200 } });
  await using client = await rawClient(local.url);
  client.write("GET /agents HTTP/1.1\r\nhost: x\r\n");
  const drip = setInterval(() => client.write("x-a: b\r\n"), 20);
  const text = await client.closed;
  clearInterval(drip);
  assert.deepEqual(statuses(text), [408]);
  assert.equal(problemOf(text).code, "TIMEOUT");
  await using silent = await rawClient(local.url);
  assert.deepEqual(statuses(await silent.closed), [408]);
  await isWell(local);
});

for (const framing of ["content-length: 90", "transfer-encoding: chunked"]) {
  void test(`a body that drips (${framing}) is answered 408 and cut off`, async (t) => {
    const bodyPace = { clock: systemClock, time: 200 };
    const local = await serve(t, { bodyPace });
    await using client = await rawClient(local.url);
    client.write(head(local, "POST /agents/ada/send", JSON_TYPE, framing));
    const drip = setInterval(() => client.write(framing.startsWith("t") ? "1\r\n{\r\n" : "{"), 50);
    const text = await client.until(/\}$/);
    assert.deepEqual(statuses(text), [408]);
    assert.equal(problemOf(text).code, "TIMEOUT");
    await client.closed;
    clearInterval(drip);
    await isWell(local);
  });
}

void test("a client that shuts its end, and waits, gets the answer", async (t) => {
  const local = await serve(t);
  await using client = await rawClient(local.url);
  const body = JSON.stringify({ text: "hi" });
  const length = `content-length: ${body.length}`;
  client.socket.end(head(local, "POST /agents/ada/send?wait=20s", JSON_TYPE, length) + body);
  const text = await client.closed;
  assert.deepEqual(statuses(text), [200]);
  assert.match(text, /"replies":\["hi"\]/);
});

void test("a client that goes away in the middle of a body does no harm, and is no fault of ours", async (t) => {
  const local = await serve(t);
  for (const framing of ["content-length: 90", "transfer-encoding: chunked"]) {
    const client = await rawClient(local.url);
    client.write(head(local, "POST /agents/ada/send", JSON_TYPE, framing, "expect: 100-continue"));
    await client.until(/100 Continue/);
    client.write('5\r\n{"a":');
    client.socket.destroy();
    const before = local.ended.length;
    while (local.ended.length === before) await new Promise(setImmediate);
    assert.equal(local.ended.at(-1)?.status, 400);
  }
  await isWell(local);
});

void test("nobody is waited for whose client has hung up", async (t) => {
  const local = await serve(t, { http: { halfOpenTime: 50 } });
  const body = JSON.stringify({ text: "x" });
  const length = `content-length: ${body.length}`;
  const client = await rawClient(local.url);
  client.write(head(local, "POST /agents/mute/send?wait=4m", JSON_TYPE, length) + body);
  while (local.runtime.metrics().running === 0) await new Promise(setImmediate);
  client.socket.destroy();
  while (local.ended.length === 0) await new Promise(setImmediate);
  assert.equal(local.ended[0]!.status, 202);
});

void test("streams whose clients are gone hold nothing", async (t) => {
  const local = await serve(t, { http: { halfOpenTime: 50 } });
  const clients = await Promise.all(Array.from({ length: 50 }, () => rawClient(local.url)));
  for (const client of clients) client.write(head(local, "GET /agents/ada/stream"));
  await Promise.all(clients.map((client) => client.until(/text\/event-stream/)));
  assert.equal(await connectionsOf(local), 51);
  // Some are polite, some only leave off, some are cut.
  for (const [i, { socket }] of clients.entries()) {
    if (i % 3 === 0) socket.end();
    else if (i % 3 === 1) socket.destroy();
    else socket.resetAndDestroy();
  }
  while ((await connectionsOf(local)) > 5) await isWell(local);
});

void test("10,000 connections that do nothing leave agentd as quick as before", async (t) => {
  const most = Number(process.env["CONNECTIONS"] ?? 10_000);
  const files = Number(execFileSync("sh", ["-c", "ulimit -n -H"], { encoding: "utf8" }));
  if (files < most + 500) return t.skip(`only ${files} files may be open here`);
  const local = await serve(t, { http: { headTime: 120_000 } });
  await isWell(local);
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const { hostname, port } = new URL(local.url);
  // Of a process of its own, which has as many files to open as this one.
  const clients = spawn(process.execPath, ["-e", CLIENTS, hostname, port, String(most)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const gone = once(clients, "exit");
  await once(clients.stdout, "data");
  while ((await connectionsOf(local)) < most) await isWell(local);
  globalThis.gc?.();
  const each = (process.memoryUsage().rss - before) / most;
  const began = performance.now();
  await isWell(local);
  const took = performance.now() - began;
  t.diagnostic(
    `${most} connections, ${(each / 1024).toFixed(1)} KiB each, asked in ${took.toFixed(0)} ms`,
  );
  assert.ok(each < 64 * 1024, `${each} bytes for each`);
  clients.kill();
  await gone;
  while ((await connectionsOf(local)) > 5) await isWell(local);
});

/** Connects as often as it is told, in twos as half of them say something, and then stays. */
const CLIENTS = `
const { connect } = require("node:net");
const [host, port, most] = process.argv.slice(1);
let open = 0;
const next = (i) => {
  if (i >= Number(most)) return;
  const socket = connect({ host, port: Number(port) }, () => {
    if (i % 2 === 0) socket.write("GET /healthz HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n");
    open += 1;
    if (open === Number(most)) process.stdout.write("open");
    else next(i + 100);
  });
  socket.on("data", () => {});
  socket.on("error", (error) => { throw error; });
};
for (let i = 0; i < 100; i += 1) next(i);
`;

void test("a body above its limit is refused before it is sent, or while it is", async (t) => {
  const local = await serve(t);
  await using declared = await rawClient(local.url);
  declared.write(head(local, "POST /agents/ada/send", JSON_TYPE, "content-length: 999999999999"));
  const early = await declared.until(/\}$/);
  assert.deepEqual(statuses(early), [413]);
  assert.equal(problemOf(early).code, "LIMIT");
  await declared.closed;
  await using chunked = await rawClient(local.url);
  chunked.write(head(local, "POST /agents", JSON_TYPE, "transfer-encoding: chunked"));
  const chunk = `10000\r\n${" ".repeat(65_536)}\r\n`;
  chunked.write(chunk);
  chunked.write(chunk);
  assert.deepEqual(statuses(await chunked.until(/\}$/)), [413]);
  assert.deepEqual(statuses(await chunked.closed), [413]);
  await isWell(local);
});

void test("a body that is too large and asks first is refused", async (t) => {
  const local = await serve(t);
  await using client = await rawClient(local.url);
  const headers = [JSON_TYPE, "content-length: 99999999", "expect: 100-continue"];
  client.write(head(local, "POST /agents/ada/send", ...headers));
  assert.deepEqual(
    statuses(await client.until(/\}$/)).filter((status) => status !== 100),
    [413],
  );
  await using other = await rawClient(local.url);
  other.write(head(local, "POST /agents/ada/send", JSON_TYPE, "expect: a miracle"));
  assert.deepEqual(statuses(await other.closed), [417]);
});

/** Heads after which a proxy and a server could take different bytes for the next request. */
const SMUGGLED = [
  ["content-length: 5", "content-length: 6"],
  ["content-length: 5", "content-length: 5"],
  ["content-length: 5, 5"],
  ["content-length: 5", "transfer-encoding: chunked"],
  ["transfer-encoding: chunked", "content-length: 5"],
  ["transfer-encoding: chunked", "transfer-encoding: identity"],
  ["transfer-encoding: xchunked"],
  ["transfer-encoding : chunked"],
  ["transfer-encoding:\u000bchunked"],
  ["content-length: -5"],
  ["content-length: +5"],
  ["content-length: 0x5"],
  [" content-length: 5"],
  ["x-a: b\nx-c: d"],
  ["x-a: b\rx-c: d"],
  ["x-a: \0"],
  ["x a: b"],
];

void test("no request is read out of another one's body", async (t) => {
  const local = await serve(t);
  const inner = head(local, "DELETE /agents/ada?purge");
  for (const headers of SMUGGLED) {
    await using client = await rawClient(local.url);
    client.write(`${head(local, "POST /agents/ada/send", JSON_TYPE, ...headers)}{"a":${inner}`);
    client.socket.end();
    const [first, ...rest] = statuses(await client.closed);
    assert.ok(first === 400 || first === 413 || first === 501, `${headers.join()}: ${first}`);
    assert.ok(!rest.some((status) => status < 400), `${headers.join()}: ${rest.join()}`);
  }
  await isWell(local);
});

void test("garbage after a request ends the connection, and the request is answered", async (t) => {
  const local = await serve(t);
  for (const garbage of [
    "\x16\x03\x01\x02\0\x01\0",
    "GET\r\n\r\n",
    "\0".repeat(100),
    "}{\r\n\r\n",
  ]) {
    await using client = await rawClient(local.url);
    client.write(head(local, "GET /healthz") + head(local, "GET /agents/ada") + garbage);
    client.socket.end();
    const all = statuses(await client.closed);
    assert.equal(all.at(-1), 400, JSON.stringify(garbage));
    assert.ok(all.slice(0, -1).every((status) => status === 200));
  }
  await isWell(local);
});

void test("bytes that are no HTTP are answered by a problem at most", async (t) => {
  const local = await serve(t);
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
          fc.constantFrom(
            "GET ",
            "POST ",
            "/agents",
            " HTTP/1.1",
            "\r\n",
            "host: x\r\n",
            "\r\n\r\n",
          ),
          fc.constantFrom(
            "transfer-encoding: chunked\r\n",
            "5\r\nabcde\r\n",
            "0\r\n\r\n",
            ": ",
            "\0",
          ),
          fc.constantFrom(
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "upgrade: h2c\r\n",
            "HTTP/0.9",
            "HTTP/1.0",
          ),
        ),
        { minLength: 1, maxLength: 10 },
      ),
      async (parts) => {
        await using client = await rawClient(local.url);
        client.socket.end(Buffer.from(parts.join(""), "latin1"));
        const text = await client.closed;
        assert.ok(
          statuses(text).every((status) => status >= 400 && status < 500),
          text,
        );
      },
    ),
    { numRuns: Number(process.env["FC_RUNS"] ?? 150) },
  );
  await isWell(local);
});

void test("an address is taken for nothing but what it is", async (t) => {
  const local = await serve(t);
  const at = (target: string, status: number): readonly [string, number] => [target, status];
  const targets = [
    at("//agents", 404),
    at("/agents//ada", 404),
    at("/agents/", 404),
    // The root of its tree of files.
    at("/agents/ada/", 200),
    at("/AGENTS", 404),
    at("/agents/../runtime/status", 200),
    at("/agents/%2e%2e/runtime/status", 200),
    at("/agents/..%2fruntime%2fstatus", 400),
    at("/agents/ada%2fstatus", 400),
    at("/agents/ada%00", 400),
    at("/agents/%E0%A4%A", 400),
    at("/agents/%", 400),
    at("/agents/ada;x=1", 400),
    at("/agents\\ada", 400),
    at("/agents/ada?x=%", 200),
    at("/agents/ada#status", 200),
    at("http://elsewhere.test/agents/ada", 200),
    at("http://elsewhere.test/agents/../runtime/status", 200),
    at("https://[::1/agents", 400),
    at("http://", 400),
    at("ftp://home.test/agents", 400),
    at("*", 400),
    at("agents/ada", 400),
    at("/agents/\u00ff", 400),
  ];
  for (const [target, status] of targets) {
    await using client = await rawClient(local.url);
    client.socket.end(head(local, `GET ${target}`), "latin1");
    const text = await client.closed;
    assert.deepEqual(statuses(text), [status], target);
    if (status >= 400) assert.equal(problemOf(text).status, status, target);
    // What an address normalizes to is as closed as that.
    await using stranger = await rawClient(local.url);
    stranger.socket.end(`GET ${target} HTTP/1.1\r\nhost: home.test\r\n\r\n`, "latin1");
    const [refused] = statuses(await stranger.closed);
    assert.ok(refused === 401 || refused === 400, `${target}: ${refused}`);
  }
});

void test("no header of an answer is made of what a client sends", async (t) => {
  const local = await serve(t);
  const evil = "x%0d%0aset-cookie:%20a=b";
  for (const target of [
    `/agents/${evil}`,
    `/schedules/${evil}`,
    `/webhooks/${evil}`,
    `/tokens/${evil}`,
    `/agents/ada/ticks/${evil}`,
    `/hooks/ada/web/${evil}?wait=1ms&${evil}`,
    `/agents/ada/stream?after=${evil}`,
    `/agents?cursor=${evil}&label=${evil}`,
    `/runtime/resolve?name=${evil}`,
    `/agents/ada/export?to=${evil}&move=${evil}`,
    `/${evil}`,
  ]) {
    await using client = await rawClient(local.url);
    const odd = ["x-request-id: a b\u00ff", `origin: https://${evil}`, "traceparent: 00-zz-zz-01"];
    client.socket.end(head(local, `GET ${target}`, ...odd), "latin1");
    const text = await client.closed;
    const [top = ""] = text.split("\r\n\r\n");
    assert.doesNotMatch(top, /set-cookie|a b|zz-zz|access-control/i, target);
  }
  const made = await fetch(`${local.url}/schedules`, {
    method: "POST",
    headers: { authorization: `Bearer ${local.token}`, "content-type": "application/json" },
    body: JSON.stringify({ id: "x\r\nset-cookie: a=b", agent: "ada", every: "1h" }),
  });
  assert.equal(made.status, 400);
});

void test("a head of more than 16 KiB is answered 431", async (t) => {
  const local = await serve(t);
  const long = "x".repeat(20_000);
  for (const text of [
    head(local, "GET /agents", `x-long: ${long}`),
    head(local, `GET /agents/${long}`),
    head(local, "GET /agents", ...Array.from({ length: 2000 }, (_, i) => `x-${i}: aaaaaaa`)),
  ]) {
    await using client = await rawClient(local.url);
    client.write(text);
    const answer = await client.closed;
    assert.deepEqual(statuses(answer), [431]);
    assert.equal(problemOf(answer).code, "LIMIT");
  }
  await isWell(local);
});

void test("methods that are none of the API's are refused, and HTTP/1.0 is served", async (t) => {
  const local = await serve(t);
  const expected = { TRACE: 405, OPTIONS: 405, PROPFIND: 405, PURGE: 405, BREW: 400, get: 400 };
  for (const [method, status] of Object.entries(expected)) {
    await using client = await rawClient(local.url);
    client.socket.end(head(local, `${method} /agents/ada`));
    const text = await client.closed;
    assert.deepEqual(statuses(text), [status], method);
    assert.equal(problemOf(text).status, status);
    assert.ok(!text.includes(local.token), "TRACE gives nothing back");
  }
  await using tunnel = await rawClient(local.url);
  tunnel.socket.end(`CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n`);
  assert.deepEqual(statuses(await tunnel.closed), []);
  await using old = await rawClient(local.url);
  old.write(`GET /agents/ada HTTP/1.0\r\nauthorization: Bearer ${local.token}\r\n\r\n`);
  assert.match(await old.closed, /^HTTP\/1\.1 200 [^]*"name":"ada"/);
  await using older = await rawClient(local.url);
  older.write("GET /agents\r\n\r\n");
  assert.deepEqual(statuses(await older.closed), [401]);
  await using nameless = await rawClient(local.url);
  nameless.write("GET /healthz HTTP/1.1\r\n\r\n");
  assert.deepEqual(statuses(await nameless.closed), [400]);
});

void test("connections above the limit are closed, the operator is told, and the others go on", async (t) => {
  const local = await serve(t, { http: { connections: 3 } });
  const held = await Promise.all([1, 2, 3].map(() => rawClient(local.url)));
  const [one] = held;
  one!.write(head(local, "GET /healthz"));
  await one!.until(/"ok"/);
  const refused = await rawClient(local.url).catch(() => undefined);
  assert.equal(await (refused?.closed ?? ""), "");
  one!.write(head(local, "GET /agents/ada"));
  await one!.until(/"name":"ada"/);
  assert.deepEqual(local.warnings, [
    'Cannot take more connections: there are 3, the limit "http.connections"',
  ]);
  for (const client of held) client.socket.destroy();
});
