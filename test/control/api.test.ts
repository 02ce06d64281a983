import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "../../src/core/runtime.ts";
import { HTTP_STATUS } from "../../src/control/http-status.ts";
import { fixture, TOKEN } from "./fixture.ts";
import type { Body } from "./fixture.ts";

/** Asserts a problem document, and gives its detail. */
function problem([status, body]: [number, Body], expected: number, code: string): string {
  assert.equal(status, expected, body.detail);
  assert.equal(body.status, expected);
  assert.equal(body.code, code);
  assert.equal(typeof body["title"], "string");
  assert.ok(body.detail);
  return body.detail;
}

void test("health checks need no token and say whether it is ready", async () => {
  let ready = false;
  await using f = await fixture({ ready: () => ready });
  assert.equal((await f.api.request("/healthz")).status, 200);
  assert.equal((await f.api.request("/readyz")).status, 503);
  problem(await f.json("GET", "/agents"), 503, "BUSY");
  ready = true;
  assert.equal((await f.api.request("/readyz")).status, 200);
});

void test("every other route is refused without the right token", async () => {
  await using f = await fixture();
  for (const route of f.api.routes) {
    if (["/healthz", "/readyz"].includes(route.path) || route.method === "ALL") continue;
    const path = route.path.replaceAll(/:\w+/g, "ada");
    for (const authorization of [undefined, "Bearer wrong", "Bearer ", "Basic YTpi", "Bearer é"]) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const response = await f.api.request(path, { method: route.method, headers });
      assert.equal(response.status, 401, `${route.method} ${path}`);
      assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer/);
      assert.equal(response.headers.get("content-type"), "application/problem+json");
      assert.equal(((await response.json()) as Body).code, "DENIED");
    }
  }
});

void test("an unknown address gives 404 and a wrong method 405", async () => {
  await using f = await fixture();
  problem(await f.json("GET", "/nothing"), 404, "NOT_FOUND");
  problem(await f.json("GET", "/agents/ada/nothing"), 404, "NOT_FOUND");
  const response = await f.call("PUT", "/agents/ada");
  assert.equal(response.status, 405);
  assert.equal(response.headers.get("allow"), "GET, PATCH, DELETE");
});

void test("GET /runtime/status shows the version, the types and the counters", async () => {
  await using f = await fixture();
  const [status, body] = await f.json("GET", "/runtime/status");
  assert.equal(status, 200);
  assert.equal(body["version"], "1.2.3");
  assert.deepEqual(body["types"], ["echo", "picky", "mute"]);
  assert.equal(typeof body["ticks"], "number");
});

void test("POST /agents creates, and refuses a bad name, type, field and a name that is taken", async () => {
  await using f = await fixture();
  const create = (body: unknown): Promise<[number, Body]> => f.json("POST", "/agents", { body });
  const response = await f.call("POST", "/agents", { body: { name: "bob", type: "echo" } });
  assert.equal(response.status, 201);
  const bob = (await response.json()) as Body;
  assert.equal(response.headers.get("location"), `/agents/${String(bob["id"])}`);
  problem(await create({ name: "bob", type: "echo" }), 409, "EXISTS");
  assert.match(problem(await create({ name: "eve", type: "nope" }), 400, "INVALID"), /"nope"/);
  for (const name of ["a/b", "..", "a\0b", "", "x".repeat(64), bob["id"]]) {
    problem(await create({ name, type: "echo" }), 400, "INVALID");
  }
  assert.match(problem(await create({ type: "echo" }), 400, "INVALID"), /"name" is missing/);
  assert.match(problem(await create({ name: 7, type: "echo" }), 400, "INVALID"), /"name".*text/);
  assert.match(problem(await create({ name: "a", kind: 1 }), 400, "INVALID"), /"kind"/);
  assert.match(problem(await create([]), 400, "INVALID"), /not a JSON object/);
  assert.match(problem(await create("text"), 400, "INVALID"), /content type/);
  const headers = { "content-type": "application/json" };
  const broken = await f.json("POST", "/agents", { body: "{]", headers });
  assert.match(problem(broken, 400, "INVALID"), /Cannot parse body/);
});

void test("GET /agents pages, filters, and refuses a wrong query", async () => {
  await using f = await fixture();
  for (const name of ["b", "c", "d"]) await f.runtime.create({ name, type: "mute" });
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const query = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const [, page] = await f.json("GET", `/agents?limit=2${query}`);
    names.push(...(page["items"] as { name: string }[]).map(({ name }) => name));
    cursor = page["cursor"] as string | undefined;
  } while (cursor !== undefined);
  assert.deepEqual(names, ["ada", "b", "c", "d"]);
  const [, echoes] = await f.json("GET", "/agents?type=echo");
  assert.equal((echoes["items"] as unknown[]).length, 1);
  const [, ended] = await f.json("GET", "/agents?status=terminated");
  assert.deepEqual(ended["items"], []);
  for (const query of ["limit=0", "limit=1001", "limit=x", "limit=-1", "status=asleep"]) {
    problem(await f.json("GET", `/agents?${query}`), 400, "INVALID");
  }
});

void test("GET /agents/{ref} takes name, npub and hex key, and nothing that could be a path", async () => {
  await using f = await fixture();
  const [, ada] = await f.json("GET", "/agents/ada");
  for (const ref of [ada["id"], ada["publicKey"]]) {
    const [status, same] = await f.json("GET", `/agents/${String(ref)}`);
    assert.equal(status, 200);
    assert.equal(same["id"], ada["id"]);
  }
  assert.equal(ada["account"], undefined);
  problem(await f.json("GET", "/agents/nobody"), 404, "NOT_FOUND");
  for (const ref of ["a%2Fb", "%2E%2E%2Fx", "..%2fx", "%00", "a%00", "%", "%zz", "%c3%28", "%20"]) {
    for (const [method, rest] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/send"],
      ["GET", "/stream"],
    ] as const) {
      const [status] = await f.json(method, `/agents/${ref}${rest}`, {
        ...(method === "POST" && { body: { text: "x" } }),
      });
      assert.ok(status === 400 || status === 404, `${method} ${ref}${rest} gave ${status}`);
    }
  }
});

void test("POST send answers 202 with the receipt, and the id is honoured once", async () => {
  await using f = await fixture();
  const headers = { "idempotency-key": "once" };
  const [status, sent] = await f.json("POST", "/agents/ada/send", {
    body: { text: "hi" },
    headers,
  });
  assert.equal(status, 202);
  assert.deepEqual(sent, { id: "once", receipt: "accepted" });
  const [, again] = await f.json("POST", "/agents/ada/send", { body: { text: "hi" }, headers });
  assert.equal(again["receipt"], "duplicate");
  const [, made] = await f.json("POST", "/agents/ada/send", { body: { payload: null } });
  assert.match(String(made["id"]), /\S{8}/);
});

void test("POST send?wait answers with what became of it, also when asked again", async () => {
  await using f = await fixture();
  const ask = async (body: unknown): Promise<[number, Answer]> => {
    const [status, answer] = await f.json("POST", "/agents/ada/send?wait=10s", { body });
    return [status, answer as unknown as Answer];
  };
  const [status, answer] = await ask({ payload: { a: [1] }, id: "x", from: "me" });
  assert.equal(status, 200);
  assert.equal(answer.outcome, "done");
  assert.deepEqual(answer.replies, [{ echo: { a: [1] }, from: "me", source: "http" }]);
  const [, again] = await ask({ payload: { a: [1] }, id: "x", from: "me" });
  assert.equal(again.receipt, "duplicate");
  assert.deepEqual(again.replies, answer.replies);
  const [, state] = await f.json("GET", "/agents/ada/state");
  assert.deepEqual(state, { heard: 1 });
});

void test("POST send?wait answers 202 while it is pending, and when it is told to stop", async () => {
  const stopping = new AbortController();
  await using f = await fixture({ stopping: stopping.signal });
  await f.runtime.create({ name: "m", type: "mute" });
  await f.runtime.tick("m");
  const body = { text: "x" };
  const [status, answer] = await f.json("POST", "/agents/m/send?wait=1ms", { body });
  assert.equal(status, 202);
  assert.equal(answer["outcome"], "pending");
  const stuck = f.json("POST", "/agents/m/send?wait=200s", {
    body: { text: "x", id: String(answer["id"]) },
  });
  setImmediate(() => stopping.abort());
  assert.equal((await stuck)[0], 202);
});

void test("POST send says which field is wrong", async () => {
  await using f = await fixture();
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{}, /"payload" or "text" is missing/],
    [{ text: "a", payload: "a" }, /both/],
    [{ text: 5 }, /"text" must be text/],
    [{ text: "a", id: 5 }, /"id" must be text/],
    [{ text: "a", id: "a/b" }, /"id"/],
    [{ text: "a", id: "initialize" }, /"id" must not be one of the kernel's own/],
    [{ text: "a", id: "alarm:tick:5" }, /"id" must not be/],
    [{ text: "a", id: "bounce:x" }, /"id" must not be/],
    [{ text: "a", type: "control" }, /"type" must be one of message/],
    [{ text: "a", type: "alarm" }, /"type"/],
    [{ text: "a", priority: "high" }, /"priority" must be a whole number/],
    [{ text: "a", priority: 101 }, /"priority"/],
    [{ text: "a", expiresAt: 1.5 }, /"expiresAt"/],
    [{ text: "a", headers: { a: 1 } }, /"headers.a" must be text/],
    [{ text: "a", headers: [] }, /"headers"/],
    [{ text: "a", source: "control" }, /unknown field "source"/],
    [{ text: "a", __proto__: null, constructor: "x" }, /unknown field "constructor"/],
    [{ text: "a", from: `npub1${"q".repeat(58)}` }, /"from" must not be a key/],
  ];
  for (const [body, expected] of cases) {
    const answer = await f.json("POST", "/agents/ada/send", { body });
    assert.match(problem(answer, 400, "INVALID"), expected);
  }
  const mismatch = await f.json("POST", "/agents/ada/send", {
    body: { text: "a", id: "one" },
    headers: { "idempotency-key": "two" },
  });
  assert.match(problem(mismatch, 400, "INVALID"), /Idempotency-Key/);
  const wait = await f.json("POST", "/agents/ada/send?wait=soon", { body: { text: "a" } });
  problem(wait, 400, "INVALID");
  const long = await f.json("POST", "/agents/ada/send?wait=1h", { body: { text: "a" } });
  assert.match(problem(long, 400, "INVALID"), /at most/);
});

void test("a body that is too large, of another type, or nested beyond reason is refused", async () => {
  await using f = await fixture();
  const send = (body: string, headers: Record<string, string> = {}): Promise<[number, Body]> =>
    f.json("POST", "/agents/ada/send", { body, headers });
  const json = { "content-type": "application/json" };
  problem(await send(JSON.stringify({ text: "x".repeat(1001) }), json), 413, "LIMIT");
  const large = JSON.stringify({ text: "x".repeat(100_000) });
  const said = problem(await send(large, json), 413, "LIMIT");
  assert.match(said, /larger than 66536 bytes \("limits.envelopeBytes" and some room\)/);
  for (const path of ["/agents", "/runtime/unlock", "/agents/ada/leave"]) {
    const answer = await f.json("POST", path, { body: large, headers: json });
    assert.match(problem(answer, 413, "LIMIT"), /larger than 65536 bytes \(fixed for this route\)/);
  }
  const declared = { ...json, "content-length": "10000000" };
  problem(await send("{}", declared), 413, "LIMIT");
  problem(await send("text=a", { "content-type": "text/plain" }), 400, "INVALID");
  const nested = `{"payload":${"[".repeat(30_000)}${"]".repeat(30_000)}}`;
  const [status] = await send(nested, json);
  assert.ok(status === 400 || status === 413, `gave ${status}`);
});

void test("a body that is no UTF-8 is refused, whether its length is told or not", async () => {
  await using f = await fixture();
  const start = Buffer.from('{"text":"');
  const bad = [
    Buffer.concat([start, Buffer.from([0xff]), Buffer.from('"}')]),
    // A letter that breaks off at the end.
    Buffer.concat([Buffer.from("{}"), Buffer.from([0xc3])]),
  ];
  for (const body of bad) {
    for (const length of [{}, { "content-length": String(body.length) }]) {
      const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
      const init = { method: "POST", headers: { ...headers, ...length }, body };
      const response = await f.api.request("/agents/ada/send", init);
      const answer: [number, Body] = [response.status, (await response.json()) as Body];
      assert.match(problem(answer, 400, "INVALID"), /it is not UTF-8$/);
    }
  }
  const [status] = await f.json("POST", "/agents/ada/send", { body: { text: "Zoë 🦉" } });
  assert.equal(status, 202);
});

void test("agents that cannot take mail answer with their code", async () => {
  await using f = await fixture();
  await f.runtime.create({ name: "m", type: "mute" });
  const send = (): Promise<[number, Body]> =>
    f.json("POST", "/agents/m/send", { body: { text: "x" } });
  let full = await send();
  for (let i = 0; i < 10 && full[0] === 202; i += 1) full = await send();
  problem(full, 429, "INBOX_FULL");
  const [, ada] = await f.json("GET", "/agents/ada");
  assert.equal((await f.call("DELETE", "/agents/ada")).status, 204);
  const gone = await f.json("POST", `/agents/${String(ada["id"])}/send`, { body: { text: "x" } });
  problem(gone, 410, "TERMINATED");
  problem(await f.json("POST", "/agents/ada/send", { body: { text: "x" } }), 404, "NOT_FOUND");
  assert.equal((await f.call("DELETE", `/agents/${String(ada["id"])}?purge=true`)).status, 204);
  problem(await f.json("GET", `/agents/${String(ada["id"])}`), 404, "NOT_FOUND");
  problem(await f.json("DELETE", "/agents/m?purge=maybe"), 400, "INVALID");
});

void test("tick, wake and hibernate give the record of their tick", async () => {
  await using f = await fixture();
  for (const verb of ["tick", "wake", "hibernate"]) {
    const [status, record] = await f.json("POST", `/agents/ada/${verb}`);
    assert.equal(status, 200);
    assert.equal(record["outcome"], "done");
  }
});

void test("status, ticks and trajectory show the record, and verify checks it", async () => {
  await using f = await fixture();
  await f.json("POST", "/agents/ada/send?wait=10s", { body: { text: "hi" } });
  const [, report] = await f.json("GET", "/agents/ada/status");
  assert.equal(report["ticks"], 2);
  assert.equal(report["queued"], 0);
  const [, ticks] = await f.json("GET", "/agents/ada/ticks?after=1&limit=5");
  const [tick] = ticks["items"] as { hash: string; record: { n: number }; output: object }[];
  assert.equal(tick?.record.n, 2);
  assert.equal(tick?.hash, report["head"]);
  assert.deepEqual(Object.keys(tick?.output ?? {}).sort(), ["events", "logs", "replies"]);
  const [, one] = await f.json("GET", "/agents/ada/ticks/2");
  assert.deepEqual(one, tick);
  problem(await f.json("GET", "/agents/ada/ticks/3"), 404, "NOT_FOUND");
  problem(await f.json("GET", "/agents/ada/ticks/0"), 400, "INVALID");
  const [, rows] = await f.json("GET", "/agents/ada/trajectory");
  const items = rows["items"] as { n: number; record: string }[];
  assert.deepEqual(
    items.map(({ n, record }) => [n, typeof record]),
    [
      [1, "string"],
      [2, "string"],
    ],
  );
  const [, verdict] = await f.json("GET", "/agents/ada/trajectory/verify");
  assert.deepEqual(verdict, { ok: true, records: 2, head: report["head"] });
});

void test("dead letters can be listed, replayed and discarded; the inbox can be looked into", async () => {
  await using f = await fixture();
  await f.runtime.create({ name: "p", type: "picky" });
  await f.runtime.tick("p");
  const body = { text: "this", id: "bad" };
  const [, answer] = await f.json("POST", "/agents/p/send?wait=10s", { body });
  assert.equal(answer["outcome"], "failed");
  assert.deepEqual(answer["error"], { code: "TERMINAL", message: "Cannot take this" });
  const list = async (): Promise<string[]> => {
    const [, page] = await f.json("GET", "/agents/p/deadletter");
    return (page["items"] as { envelope: { id: string } }[]).map(({ envelope }) => envelope.id);
  };
  assert.deepEqual(await list(), ["bad"]);
  problem(await f.json("POST", "/agents/p/deadletter/none/replay"), 404, "NOT_FOUND");
  const failed = new Promise((resolve) => {
    f.runtime.watch(undefined, ({ record }) => record.outcome === "failed" && resolve(record));
  });
  assert.equal((await f.call("POST", "/agents/p/deadletter/bad/replay")).status, 204);
  await failed;
  assert.equal((await f.call("POST", "/agents/p/deadletter/bad/discard")).status, 204);
  assert.deepEqual(await list(), []);
  problem(await f.json("POST", "/agents/p/deadletter/bad/discard"), 404, "NOT_FOUND");
  const [status, inbox] = await f.json("GET", "/agents/p/inbox");
  assert.equal(status, 200);
  assert.deepEqual(inbox["items"], []);
});

void test("HTTP_STATUS gives an error status to every code", () => {
  for (const [code, status] of Object.entries(HTTP_STATUS)) {
    assert.ok(status >= 400 && status < 600, code);
  }
});
