import assert from "node:assert/strict";
import { test } from "node:test";
import { mailLimit } from "../../src/control/mail.ts";
import { rateLimit } from "../../src/control/rate-limit.ts";
import { sendersOf } from "../../src/control/signed-mail.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { systemClock, systemRandom } from "../../src/core/system.ts";
import { memorySigner } from "../../src/identity/memory-signer.ts";
import { HttpTokens, httpToken } from "../../src/identity/nip98.ts";
import { encodeNpub } from "../../src/identity/nip19.ts";
import { fixture } from "./fixture.ts";
import type { Body, Fixture } from "./fixture.ts";

const BASE = "http://localhost";

async function home() {
  const signer = memorySigner(systemRandom.bytes(32));
  const npub = encodeNpub(signer.publicKey);
  const f: Fixture = await fixture({
    agents: [
      defineAgent({
        name: "friend",
        state: { from: [] as string[] },
        senders: [npub],
        onMessage: (ctx, message) => void ctx.state.from.push(`${message.from} ${message.text}`),
      }),
      defineAgent({ name: "open", senders: "anyone", onMessage: () => undefined }),
    ],
    signed: {
      tokens: new HttpTokens({ clock: systemClock }),
      address: (url) => url,
      bodyLimit: mailLimit(1000),
    },
    rates: rateLimit({ now: () => 0 }),
    senders: (type) => sendersOf(f.definition)(type),
  });
  await f.runtime.create({ name: "fred", type: "friend" });
  await f.runtime.create({ name: "olga", type: "open" });
  const header = (path: string, body: string, method = "POST"): Promise<string> =>
    httpToken(
      signer,
      { method, url: BASE + path, body },
      { now: Date.now(), random: systemRandom },
    );
  const send = async (
    path: string,
    body: object,
    authorization?: string,
  ): Promise<[number, Body]> => {
    const text = JSON.stringify(body);
    const headers = { authorization: authorization ?? (await header(path, text)) };
    return f.json("POST", path, {
      body: text,
      headers: { ...headers, "content-type": "application/json" },
    });
  };
  return { f, npub, send, header, [Symbol.asyncDispose]: () => f[Symbol.asyncDispose]() };
}

void test("a key's owner sends to an agent that takes its mail, in its name, and once", async () => {
  await using h = await home();
  const path = "/agents/fred/send";
  const [status, sent] = await h.send(path, { text: "hello" });
  assert.deepEqual([status, sent["receipt"]], [202, "accepted"]);
  await h.f.runtime.settled();
  assert.deepEqual(await h.f.runtime.state("fred"), { from: [`${h.npub} hello`] });
  // The same request a second time is the same envelope, whatever its headers say.
  const body = { text: "again" };
  const authorization = await h.header(path, JSON.stringify(body));
  assert.equal((await h.send(path, body, authorization))[0], 202);
  const again = await h.send(path, body, authorization);
  assert.deepEqual([again[0], again[1]["receipt"]], [202, "duplicate"]);
  const keyed = await h.f.json("POST", path, {
    body: JSON.stringify(body),
    headers: { authorization, "content-type": "application/json", "idempotency-key": "other" },
  });
  assert.equal(keyed[1]["receipt"], "duplicate");
  // The ids of others are not theirs to take.
  assert.equal((await h.send(path, { text: "squat", id: "order-1" }))[1]["receipt"], "accepted");
  const own = { body: { text: "real", id: "order-1" } };
  assert.equal((await h.f.json("POST", path, own))[1]["receipt"], "accepted");
  assert.equal((await h.send("/agents/olga/send", { text: "hi" }))[0], 202);
});

void test("a signed request does nothing but send, to whoever takes mail from its key", async () => {
  await using h = await home();
  // Of one that is not there no more is learned than of one that wants no mail.
  for (const ref of ["ada", "nobody"]) {
    const refused = await h.send(`/agents/${ref}/send`, { text: "x" });
    assert.deepEqual([refused[0], refused[1].code], [403, "DENIED"]);
  }
  for (const [method, path] of [
    ["GET", "/agents/fred"],
    ["POST", "/agents/fred/tick"],
    ["DELETE", "/agents/fred"],
    ["POST", "/agents"],
    ["GET", "/agents/fred/stream"],
  ] as const) {
    const authorization = await h.header(path, "", method);
    const [status] = await h.f.json(method, path, { headers: { authorization } });
    assert.equal(status, 401, `${method} ${path}`);
  }
  const path = "/agents/fred/send?wait=1s";
  assert.equal((await h.send(path, { text: "x" }))[0], 400);
  for (const body of [
    { text: "x", from: "operator" },
    { text: "x", priority: 9 },
    {},
    { text: "x".repeat(1001) },
  ]) {
    const [status] = await h.send("/agents/fred/send", body);
    assert.ok(status === 400 || status === 413, `${JSON.stringify(body)}: ${status}`);
  }
});

void test("a signature for another body, address, method or key lets nobody in", async () => {
  await using h = await home();
  const path = "/agents/fred/send";
  const text = JSON.stringify({ text: "x" });
  const others = [
    await h.header(path, JSON.stringify({ text: "y" })),
    await h.header(path, ""),
    await h.header("/agents/olga/send", text),
    await h.header(path, text, "PUT"),
    "Nostr ",
    "Nostr e30=",
    `Nostr ${"A".repeat(9000)}`,
  ];
  for (const authorization of others) {
    const [status, body] = await h.send(path, { text: "x" }, authorization);
    assert.deepEqual([status, body.code], [401, "DENIED"]);
  }
  await h.f.runtime.settled();
  assert.deepEqual(await h.f.runtime.state("fred"), { from: [] });
});

void test("one key makes sixty signed requests a minute", async () => {
  await using h = await home();
  const statuses: number[] = [];
  for (let i = 0; i < 61; i += 1) {
    statuses.push((await h.send("/agents/fred/send", { text: `${i}` }))[0]);
  }
  assert.equal(statuses.filter((status) => status === 202).length, 60);
  assert.equal(statuses.at(-1), 429);
});
