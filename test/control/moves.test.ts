import assert from "node:assert/strict";
import { test } from "node:test";
import type { Departure, Imported } from "../../src/core/move.ts";
import type { Envelope } from "../../src/core/envelope.ts";
import { fixture, TOKEN } from "./fixture.ts";
import type { Body, Fixture } from "./fixture.ts";

/** Asserts a problem document, and gives its detail. */
function problem([status, body]: [number, Body], expected: number, code: string): string {
  assert.equal(status, expected, body.detail);
  assert.equal(body.code, code);
  return body.detail ?? "";
}

const there = "http://there.test";

async function bundleOf(f: Fixture, query = ""): Promise<Uint8Array> {
  const response = await f.call("GET", `/agents/ada/export${query}`);
  assert.equal(response.status, 200);
  return new Uint8Array(await response.arrayBuffer());
}

/** Imports bytes, as a client does that streams them. */
async function take(
  f: Fixture,
  bytes: Uint8Array,
  { query = "", type = "application/x-tar" } = {},
): Promise<[number, Body]> {
  const response = await f.api.request(`/agents/import${query}`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": type },
    body: new Blob([new Uint8Array(bytes)]).stream(),
    duplex: "half",
  });
  return [response.status, (await response.json()) as Body];
}

/** Moves ada from one home to the other, step by step; what the new home gave for it. */
async function moveOver(a: Fixture, b: Fixture, policy?: string): Promise<Imported> {
  const [, { publicKey }] = await b.json("GET", "/runtime/identity");
  const step = async (f: Fixture, verb: string, body: object): Promise<Body> => {
    const [status, answer] = await f.json("POST", `/agents/ada/${verb}`, { body });
    assert.equal(status, 200, answer.detail);
    return answer;
  };
  assert.equal(typeof (await step(a, "leave", { move: "m1" }))["until"], "number");
  const bundle = await bundleOf(a, `?move=m1&to=${String(publicKey)}`);
  await b.runtime.purge("ada").catch(() => undefined);
  const [status, taken] = await take(b, bundle);
  assert.equal(status, 201, taken.detail);
  const { ticket } = taken as unknown as Imported;
  const goal = { move: "m1", url: there, ticket, ...(policy !== undefined && { policy }) };
  const receipt = await step(a, "depart", goal);
  assert.deepEqual(await step(a, "depart", { move: "m1", url: there }), receipt);
  const arrived = await step(b, "arrive", receipt);
  assert.equal(arrived["name"], "ada");
  return taken as unknown as Imported;
}

void test("GET /runtime/identity gives the home's own key, which is no agent's", async () => {
  await using f = await fixture();
  const [status, identity] = await f.json("GET", "/runtime/identity");
  assert.equal(status, 200);
  assert.deepEqual(identity, { ...(await f.runtime.identity()) });
  assert.notEqual(identity["publicKey"], (await f.runtime.get("ada")).publicKey);
});

void test("GET export gives a tar file, for a home by npub or hex key", async () => {
  await using f = await fixture();
  const response = await f.call("GET", "/agents/ada/export");
  assert.equal(response.headers.get("content-type"), "application/x-tar");
  assert.equal(response.headers.get("content-disposition"), 'attachment; filename="ada.tar"');
  const bytes = new Uint8Array(await response.arrayBuffer());
  assert.equal(new TextDecoder().decode(bytes.subarray(0, 13)), "manifest.json");
  const { npub, publicKey } = await f.runtime.identity();
  for (const to of [npub, publicKey, publicKey.toUpperCase()]) {
    const text = new TextDecoder().decode(await bundleOf(f, `?to=${to}`));
    assert.ok(text.includes(`"for":"${publicKey}"`), to);
  }
  for (const query of ["to=nobody", "to=npub1qqq", "to=", "move=m1", "move=a/b", "move="]) {
    problem(await f.json("GET", `/agents/ada/export?${query}`), 400, "INVALID");
  }
  problem(await f.json("GET", "/agents/nobody/export"), 404, "NOT_FOUND");
  assert.equal((await f.call("HEAD", "/agents/ada/export")).status, 405);
  // Nothing of that holds the agent.
  assert.equal((await f.runtime.tick("ada")).outcome, "done");
});

void test("POST import takes an agent in, and says what is wrong with what it cannot take", async () => {
  await using f = await fixture();
  const bundle = await bundleOf(f);
  problem(await take(f, bundle), 409, "EXISTS");
  problem(await take(f, bundle, { query: "?mode=copy" }), 400, "INVALID");
  problem(await take(f, bundle, { query: "?mode=clone" }), 400, "INVALID");
  problem(await take(f, bundle, { query: "?mode=clone&name=a%2Fb" }), 400, "INVALID");
  problem(await take(f, bundle, { type: "application/json" }), 400, "INVALID");
  problem(await take(f, new Uint8Array(0)), 422, "CORRUPT");
  const half = await take(f, bundle.subarray(0, 5000), { query: "?mode=clone&name=half" });
  problem(half, 422, "CORRUPT");
  problem(await f.json("GET", "/agents/half"), 404, "NOT_FOUND");
  problem(await f.json("POST", "/agents/import"), 422, "CORRUPT");
  const [status, clone] = await take(f, bundle, { query: "?mode=clone&name=eve" });
  assert.equal(status, 201, clone.detail);
  assert.deepEqual(Object.keys(clone).sort(), ["agent", "warnings"]);
  const { id } = await f.runtime.get("ada");
  await f.runtime.purge("ada");
  const [, restored] = await take(f, bundle, { query: "?name=lovelace" });
  assert.deepEqual([(await f.runtime.get("lovelace")).id, restored["warnings"]], [id, []]);
});

void test("a move by its four steps, and each body that is wrong is refused", async () => {
  await using a = await fixture();
  await using b = await fixture();
  const post = (f: Fixture, verb: string, body: unknown): Promise<[number, Body]> =>
    f.json("POST", `/agents/ada/${verb}`, { body });
  for (const [verb, body] of [
    ["leave", {}],
    ["leave", { move: "a b" }],
    ["leave", { move: "m", wait: 0 }],
    ["leave", { move: "m", wait: 1e12 }],
    ["leave", { move: "m", more: 1 }],
    ["stay", {}],
    ["depart", { move: "m" }],
    ["depart", { move: "m", url: there }],
    ["depart", { move: "m", url: there, ticket: "t", policy: "maybe" }],
    ["arrive", {}],
    ["arrive", { agent: "a", move: "m", head: null, signature: "s" }],
    ["arrive", { agent: "a", move: "m", head: { n: "1" }, signature: "0".repeat(128) }],
  ] as const) {
    problem(await post(a, verb, body), 400, "INVALID");
  }
  problem(await a.json("POST", "/agents/nobody/leave", { body: { move: "m" } }), 404, "NOT_FOUND");
  assert.equal((await a.call("POST", "/agents/nobody/stay", { body: { move: "m" } })).status, 204);

  const { id } = await a.runtime.get("ada");
  const { ticket } = await moveOver(a, b);
  assert.match(ticket ?? "", /^[0-9a-f]{64}$/);
  assert.equal((await b.runtime.get(id)).name, "ada");
  const [, tombstone] = await a.json("GET", "/agents/ada");
  assert.deepEqual([tombstone.status, tombstone["move"]], ["moved", { id: "m1", url: there }]);
  assert.ok(!JSON.stringify(await a.json("GET", "/agents")).includes(ticket!));
  for (const [method, path] of [
    ["GET", "/agents/ada/state"],
    ["GET", "/agents/ada/export"],
    ["POST", "/agents/ada/tick"],
    ["POST", "/agents/ada/send?wait=1s"],
  ] as const) {
    const answer = await a.json(method, path, {
      ...(method === "POST" && { body: { text: "x" } }),
    });
    problem(answer, 421, "MOVED");
    assert.deepEqual([answer[1]["url"], answer[1]["title"]], [there, "Misdirected Request"]);
  }
  problem(await post(a, "stay", { move: "m1" }), 421, "MOVED");
  problem(
    await post(b, "arrive", { agent: id, move: "m2", head: null, signature: "0".repeat(128) }),
    400,
    "INVALID",
  );
});

void test("POST mail lets in the ticket of a move, for mail alone and to this agent alone", async () => {
  await using a = await fixture();
  await using b = await fixture();
  const { id } = await a.runtime.get("ada");
  const ticket = (await moveOver(a, b)).ticket!;
  const letter = (more: Partial<Envelope> = {}): Partial<Envelope> => ({
    id: "letter",
    sentAt: 1,
    source: "http",
    from: "operator",
    to: id,
    type: "message",
    payload: { text: "hello" },
    ...more,
  });
  const bring = (mail: unknown, { ref = id, token = ticket } = {}): Promise<[number, Body]> =>
    b.json("POST", `/agents/${ref}/mail`, {
      body: { mail },
      headers: { authorization: `Bearer ${token}` },
    });

  const [status, body] = await bring([letter(), letter(), letter({ id: "second" })]);
  assert.equal(status, 200);
  assert.deepEqual(body["receipts"], ["accepted", "duplicate", "accepted"]);
  while ((await b.runtime.status("ada")).queued > 0) await new Promise(setImmediate);
  assert.deepEqual(await b.runtime.state("ada"), { heard: 2 });

  for (const token of [TOKEN, "", "0".repeat(64), ticket.slice(1), `${ticket}0`]) {
    problem(await bring([letter()], { token }), 401, "DENIED");
  }
  for (const ref of ["ada", (await b.runtime.get("ada")).publicKey, "nobody"]) {
    problem(await bring([letter()], { ref }), 401, "DENIED");
  }
  const other = await b.runtime.create({ name: "eve", type: "echo" });
  problem(await bring([letter({ to: other.id })], { ref: other.id }), 401, "DENIED");
  for (const more of [
    { to: other.id },
    { to: "ada" },
    { type: "control", payload: "terminate" },
    { type: "initialize" },
    { type: "manual" },
    { type: "alarm" },
    { source: "control" },
    { id: "" },
    { sentAt: -1 },
    { payload: undefined as never },
  ] as Partial<Envelope>[]) {
    assert.match(
      problem(await bring([letter(), letter(more)]), 400, "INVALID"),
      /mail\[1\]|payload/,
    );
  }
  problem(await bring("x"), 400, "INVALID");
  const large = letter({ id: "large", payload: "x".repeat(100_000) });
  problem(await bring([large]), 413, "LIMIT");
  assert.equal((await b.runtime.get("ada")).status, "active");

  // The ticket opens nothing else.
  for (const [method, path] of [
    ["GET", `/agents/${id}`],
    ["GET", `/agents/${id}/mail`],
    ["POST", `/agents/${id}/send`],
    ["POST", `/agents/${id}/mail/x`],
    ["DELETE", `/agents/${id}`],
    ["GET", "/agents"],
  ] as const) {
    const headers = { authorization: `Bearer ${ticket}` };
    problem(await b.json(method, path, { headers }), 401, "DENIED");
  }
});

void test("what is not ready takes no mail that is passed on", async () => {
  let ready = true;
  await using f = await fixture({ ready: () => ready });
  ready = false;
  const { id } = await f.runtime.get("ada");
  problem(await f.json("POST", `/agents/${id}/mail`, { body: { mail: [] } }), 503, "BUSY");
});

void test("a receipt is a proof that others can check", async () => {
  await using a = await fixture();
  await using b = await fixture();
  const { id } = await a.runtime.get("ada");
  await moveOver(a, b, "refuse");
  const [, receipt] = await a.json("POST", "/agents/ada/depart", {
    body: { move: "m1", url: there },
  });
  const { agent, head, signature } = receipt as unknown as Departure;
  assert.equal(agent, id);
  const log = await b.runtime.log("ada", head!.n - 1, 1);
  assert.equal(log[0]?.hash, head!.hash);
  assert.match(signature, /^[0-9a-f]{128}$/);
  problem(await a.json("POST", "/agents/ada/send", { body: { text: "x" } }), 421, "MOVED");
});
