import assert from "node:assert/strict";
import { test } from "node:test";

import { base64 } from "@scure/base";
import * as tools from "nostr-tools/nip98";
import type { EventTemplate as ToolsTemplate } from "nostr-tools/core";

import { sha256Hex } from "../../src/core/hash.ts";
import type { EventTemplate, NostrEvent } from "../../src/identity/event.ts";
import type { EventSigner } from "../../src/identity/event-signer.ts";
import { httpToken, HttpTokens } from "../../src/identity/nip98.ts";
import type { TokenRequest } from "../../src/identity/nip98.ts";
import { manualClock } from "../../src/testing/index.ts";
import { NOW, SECONDS, seeded, someone, wasm } from "./setting.ts";

const [alice, mallory] = [someone(1), someone(2)] as const;
const URL_ = "https://api.example/v1/agents?limit=5";
const GET = { method: "GET", url: URL_ };
const POST = { method: "POST", url: URL_, body: '{"text":"hello"}' };

/** A server whose clock stands at NOW. */
function server(options: { window?: number; limit?: number; now?: number } = {}) {
  const clock = manualClock(options.now ?? NOW);
  return { clock, tokens: new HttpTokens({ clock, secp: wasm, ...options }) };
}

const random = seeded(8);
const tokenFor = (signer: EventSigner, request: TokenRequest, now: number): Promise<string> =>
  httpToken(signer, request, { now, random });

/** A token of an event as somebody else would make it. */
async function tokenOf(template: Partial<EventTemplate>, spoil?: (event: NostrEvent) => unknown) {
  const event = await alice.signEvent({
    kind: 27_235,
    created_at: SECONDS,
    tags: [
      ["u", URL_],
      ["method", "GET"],
    ],
    content: "",
    ...template,
  });
  return encode(spoil === undefined ? event : spoil(event));
}
function encode(value: unknown): string {
  return `Nostr ${base64.encode(new TextEncoder().encode(JSON.stringify(value)))}`;
}

void test("check() gives the key of whoever made the token, for text, bytes and no body", async () => {
  const { tokens } = server();
  const bytes = new TextEncoder().encode("bytes, é");
  for (const request of [GET, POST, { ...POST, body: bytes }, { ...POST, body: "" }]) {
    assert.equal(tokens.check(await tokenFor(alice, request, NOW), request), alice.publicKey);
  }
  assert.equal(tokens.check(await tokenFor(mallory, GET, NOW), GET), mallory.publicKey);
  const same = { ...POST, body: "bytes, é" };
  const token = await tokenFor(alice, same, NOW - 1000);
  assert.equal(tokens.check(token, { ...POST, body: bytes }), alice.publicKey);
});

void test("check() takes an address however it is written, and no other", async () => {
  const { tokens } = server();
  const written = "HTTPS://API.example:443/v1/../v1/agents?limit=5#top";
  const token = await tokenFor(alice, { ...GET, url: written }, NOW);
  assert.equal(tokens.check(token, GET), alice.publicKey);
  for (const url of [
    "https://api.example/v1/agents",
    "https://api.example/v1/agents?limit=6",
    "https://api.example/v1/agents/?limit=5",
    "https://api.example/v1/Agents?limit=5",
    "http://api.example/v1/agents?limit=5",
    "https://api.example:8443/v1/agents?limit=5",
    "https://other.example/v1/agents?limit=5",
  ]) {
    const other = await tokenFor(alice, { ...GET, url }, NOW);
    assert.throws(() => tokens.check(other, GET), {
      code: "DENIED",
      message: "Cannot accept request: the token is for another address",
    });
  }
});

void test("check() refuses another method, body and time", async () => {
  const { tokens } = server();
  const refuse = (token: string, request: typeof POST | typeof GET, why: RegExp): void =>
    assert.throws(() => tokens.check(token, request), { code: "DENIED", message: why });
  const get = await tokenFor(alice, GET, NOW);
  refuse(get, { ...GET, method: "DELETE" }, /another method$/);
  const post = await tokenFor(alice, POST, NOW);
  refuse(post, { ...POST, body: '{"text":"hellO"}' }, /another body$/);
  refuse(post, { ...POST, body: "" }, /another body$/);
  refuse(post, { ...GET, method: "POST" }, /another body$/);
  // A token without the hash of a body is good for no body.
  refuse(await tokenFor(alice, { ...GET, method: "POST" }, NOW), POST, /another body$/);
  for (const off of [61, 3600, -61, -1e9]) {
    refuse(await tokenFor(alice, GET, NOW - off * 1000), GET, /not of the last 60 seconds$/);
  }
  for (const off of [60, 30, -60]) tokens.check(await tokenFor(alice, GET, NOW - off * 1000), GET);
});

void test("check() refuses a token that was used before, for as long as it is good", async () => {
  const { clock, tokens } = server();
  const used = { code: "DENIED", message: "Cannot accept request: the token was used before" };
  const ahead = await tokenFor(alice, GET, NOW + 60_000);
  tokens.check(ahead, GET);
  for (let second = 0; second <= 120; second += 10) {
    assert.throws(() => tokens.check(ahead, GET), used, `after ${second} s`);
    const another = await tokenFor(alice, GET, clock.now());
    tokens.check(another, GET);
    assert.throws(() => tokens.check(another, GET), used);
    await clock.advance(10_000);
  }
  assert.throws(() => tokens.check(ahead, GET), { message: /not of the last 60 seconds$/ });
});

void test("no token is accepted twice, whenever it comes", async () => {
  const { clock, tokens } = server({ window: 5 });
  const made: { readonly token: string; uses: number }[] = [];
  for (let i = 0; i < 80; i += 1) {
    for (const off of [-5, 0, 5]) {
      made.push({ token: await tokenFor(alice, GET, clock.now() + off * 1000), uses: 0 });
    }
    for (const one of made.slice(-60)) {
      try {
        tokens.check(one.token, GET);
        one.uses += 1;
      } catch {
        // Used before, or of another time.
      }
    }
    await clock.advance(1000);
  }
  assert.ok(
    made.every(({ uses }) => uses === 1),
    made.map(({ uses }) => uses).join(),
  );
});

void test("check() accepts no more tokens than it can remember, and more when it may forget", async () => {
  const { clock, tokens } = server({ limit: 3, window: 10 });
  const token = async (i: number): Promise<string> => tokenFor(someone(100 + i), GET, clock.now());
  const first = await token(0);
  for (const one of [first, await token(1), await token(2)]) tokens.check(one, GET);
  const fourth = await token(3);
  assert.throws(() => tokens.check(fourth, GET), { code: "LIMIT" });
  assert.throws(() => tokens.check(first, GET), { code: "DENIED" });
  await clock.advance(21_000);
  for (const i of [0, 1, 2]) tokens.check(await token(i), GET);
});

void test("check() refuses events that were changed, of another kind, or say two things", async () => {
  const { tokens } = server();
  const tags = (...more: string[][]): string[][] => [["u", URL_], ["method", "GET"], ...more];
  const bad: readonly (readonly [what: string, token: string])[] = [
    ["another kind", await tokenOf({ kind: 1 })],
    ["no address", await tokenOf({ tags: [["method", "GET"]] })],
    ["no method", await tokenOf({ tags: [["u", URL_]] })],
    ["two addresses", await tokenOf({ tags: tags(["u", "https://other.example/"]) })],
    ["two methods", await tokenOf({ tags: tags(["method", "PUT"]) })],
    ["two bodies", await tokenOf({ tags: tags(["payload", sha256Hex("")], ["payload", "x"]) })],
    ["a hash of another body", await tokenOf({ tags: tags(["payload", sha256Hex("x")]) })],
    [
      "a relative address",
      await tokenOf({
        tags: [
          ["u", "/v1/agents?limit=5"],
          ["method", "GET"],
        ],
      }),
    ],
    ["a bad signature", await tokenOf({}, (event) => ({ ...event, sig: "1".repeat(128) }))],
    ["another key", await tokenOf({}, (event) => ({ ...event, pubkey: mallory.publicKey }))],
    ["another time", await tokenOf({}, (event) => ({ ...event, created_at: SECONDS + 1 }))],
    ["another id", await tokenOf({}, (event) => ({ ...event, id: "1".repeat(64) }))],
    ["no id", await tokenOf({}, (event) => ({ ...event, id: undefined }))],
    ["no time", await tokenOf({}, (event) => ({ ...event, created_at: undefined }))],
    ["a time that is text", await tokenOf({}, (event) => ({ ...event, created_at: `${SECONDS}` }))],
    ["no tags", await tokenOf({}, (event) => ({ ...event, tags: undefined }))],
    ["tags that are none", await tokenOf({}, (event) => ({ ...event, tags: [1] }))],
    ["a tag of no text", await tokenOf({}, (event) => ({ ...event, tags: [["u", 1]] }))],
  ];
  for (const [what, token] of bad) {
    assert.throws(() => tokens.check(token, GET), { code: "DENIED" }, what);
  }
  assert.equal(tokens.check(await tokenOf({}), GET), alice.publicKey);
});

void test("check() refuses what is no header of a token", async () => {
  const { tokens } = server();
  const good = await tokenFor(alice, GET, NOW);
  const [, text] = good.split(" ") as [string, string];
  const bad = [
    undefined,
    null,
    "",
    "Nostr",
    "Nostr ",
    text,
    `Bearer ${text}`,
    `Nostr ${text.slice(0, -1)}`,
    `Nostr ${text}==`,
    `Nostr ${text}, Nostr ${text}`,
    `Nostr ${"A".repeat(10_000)}`,
    "Nostr !!!!",
    encode(null),
    encode([]),
    encode("text"),
    encode({}),
    `Nostr ${base64.encode(Uint8Array.of(0xff, 0xfe, 0xfd))}`,
  ];
  for (const header of bad) {
    assert.throws(() => tokens.check(header, GET), { code: "DENIED" }, String(header));
  }
  assert.equal(tokens.check(` nOsTr  ${text} `, GET), alice.publicKey);
  assert.throws(() => tokens.check(good, { ...GET, url: "/v1" }), { code: "INVALID" });
  await assert.rejects(tokenFor(alice, { ...GET, url: "/v1" }, NOW), { code: "INVALID" });
});

void test("nostr-tools accepts our tokens, and we accept its", async () => {
  const now = Date.now();
  const { tokens } = server({ now });
  const ours = await tokenFor(alice, GET, now);
  assert.equal(await tools.validateToken(ours, URL_, "get"), true);
  const sign = async (template: ToolsTemplate) => ({
    ...(await alice.signEvent(template)),
    tags: template.tags,
  });
  const theirs = await tools.getToken(URL_, "get", sign, true);
  assert.equal(tokens.check(theirs, GET), alice.publicKey);
  const payload = { text: "hello" };
  const posted = await tools.getToken(URL_, "post", sign, true, payload);
  const request = { ...POST, body: JSON.stringify(payload) };
  assert.equal(tokens.check(posted, request), alice.publicKey);
});
