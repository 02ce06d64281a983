import assert from "node:assert/strict";
import { test } from "node:test";

import { hexToBytes } from "@noble/hashes/utils.js";
import * as fc from "fast-check";
import * as tools from "nostr-tools/nip59";
import type { NostrEvent as ToolsEvent } from "nostr-tools/core";

import type { EventSigner } from "../../src/identity/event-signer.ts";
import { signEvent, verifyEvent } from "../../src/identity/event.ts";
import type { EventTemplate, NostrEvent } from "../../src/identity/event.ts";
import { memorySigner } from "../../src/identity/memory-signer.ts";
import { conversationKey, encrypt } from "../../src/identity/nip44.ts";
import { giftWrap, rumorOf, unwrap } from "../../src/identity/nip59.ts";
import { CURVES, jsonVectors, NOW, SECONDS, secretOf, seeded, someone, wasm } from "./setting.ts";

const DAY = 86_400;
const [alice, bob, mallory] = [someone(1), someone(2), someone(3)] as const;
const CHAT = { kind: 14, created_at: SECONDS, tags: [["p", bob.publicKey]], content: "hello" };
const options = { now: NOW, random: seeded(9), secp: wasm };
const opening = { now: NOW, secp: wasm };

/** A gift wrap put together by hand, each part as a hostile sender would have it. */
interface Parts {
  readonly rumor?: unknown;
  readonly seal?: Partial<EventTemplate>;
  readonly wrap?: Partial<EventTemplate>;
  /** Changes the seal once it is signed. */
  readonly spoil?: (seal: NostrEvent) => unknown;
  readonly sealer?: EventSigner;
}

async function forged(parts: Parts): Promise<NostrEvent> {
  const { rumor = rumorOf(CHAT, alice.publicKey), sealer = alice, spoil = (seal) => seal } = parts;
  const text = typeof rumor === "string" ? rumor : JSON.stringify(rumor);
  const sealed = await sealer.signEvent({
    kind: 13,
    created_at: SECONDS,
    tags: [],
    content: await sealer.encrypt(bob.publicKey, text),
    ...parts.seal,
  });
  const inner = spoil(sealed);
  const secret = secretOf(77);
  const key = conversationKey(secret, bob.publicKey, wasm);
  const plain = new TextEncoder().encode(typeof inner === "string" ? inner : JSON.stringify(inner));
  const content = encrypt(plain, key, seeded(5).bytes(32));
  const tags = [["p", bob.publicKey]];
  return signEvent({ kind: 1059, created_at: SECONDS, tags, content, ...parts.wrap }, secret, {
    random: seeded(6),
    secp: wasm,
  });
}

void test("unwrap() opens the example of NIP-59", async () => {
  interface Example {
    readonly author: string;
    readonly recipient: string;
    readonly rumor: object & { readonly pubkey: string };
    readonly wrap: NostrEvent;
  }
  const { recipient, rumor, wrap } = jsonVectors("nip59-example.json") as Example;
  for (const [, secp] of CURVES) {
    const signer = memorySigner(hexToBytes(recipient), { secp });
    const now = wrap.created_at * 1000;
    const opened = await unwrap(signer, wrap, { now, secp, maxAge: 200 * DAY });
    assert.deepEqual(opened, { rumor, sender: rumor.pubkey });
    // It was written four months before it was wrapped.
    await assert.rejects(unwrap(signer, wrap, { now, secp }), {
      code: "DENIED",
      message: "Cannot open gift wrap: its rumor is too old",
    });
  }
});

for (const [name, secp] of CURVES) {
  void test(`giftWrap() by ${name} shows nobody but the recipient, and dates back by up to two days`, async () => {
    const rumor = rumorOf(CHAT, alice.publicKey);
    const authors = new Set<string>();
    for (let i = 0; i < 10; i += 1) {
      const wrap = await giftWrap(alice, rumor, bob.publicKey, { ...options, secp });
      assert.equal(verifyEvent(wrap), true);
      assert.deepEqual([wrap.kind, wrap.tags], [1059, [["p", bob.publicKey]]]);
      assert.ok(wrap.created_at <= SECONDS && wrap.created_at > SECONDS - 2 * DAY);
      assert.ok(!JSON.stringify(wrap).includes(alice.publicKey));
      authors.add(wrap.pubkey);
      const seal = JSON.parse(await bob.decrypt(wrap.pubkey, wrap.content)) as NostrEvent;
      assert.equal(verifyEvent(seal), true);
      assert.deepEqual([seal.kind, seal.tags, seal.pubkey], [13, [], alice.publicKey]);
      assert.ok(seal.created_at <= SECONDS && seal.created_at > SECONDS - 2 * DAY);
      assert.notEqual(seal.created_at, wrap.created_at);
      const inner = JSON.parse(await bob.decrypt(seal.pubkey, seal.content)) as object;
      assert.deepEqual(inner, rumor);
      assert.equal("sig" in inner, false);
      const opened = await unwrap(bob, wrap, { ...opening, secp });
      assert.deepEqual(opened, { rumor, sender: alice.publicKey });
    }
    assert.equal(authors.size, 10, "each has a key of its own");
  });
}

void test("giftWrap() puts a relay and an expiry into the tags", async () => {
  const wrap = await giftWrap(alice, rumorOf(CHAT, alice.publicKey), bob.publicKey, {
    ...options,
    relay: "wss://relay.example",
    expiration: SECONDS + 60,
  });
  assert.deepEqual(wrap.tags, [
    ["p", bob.publicKey, "wss://relay.example"],
    ["expiration", String(SECONDS + 60)],
  ]);
});

void test("giftWrap() and unwrap() agree for any rumor, and with nostr-tools in both directions", async () => {
  const text = fc.string({ unit: "binary", maxLength: 300 }).filter((one) => one.isWellFormed());
  const templates = fc.record({
    kind: fc.integer({ min: 0, max: 65_535 }),
    created_at: fc.integer({ min: SECONDS - 20 * DAY, max: SECONDS }),
    tags: fc.array(fc.array(text, { maxLength: 3 }), { maxLength: 3 }),
    content: text,
  });
  await fc.assert(
    fc.asyncProperty(templates, async (template) => {
      fc.pre(!template.tags.some(([name]) => name === "expiration"));
      const rumor = rumorOf(template, alice.publicKey);
      const wrap = await giftWrap(alice, rumor, bob.publicKey, options);
      assert.deepEqual(await unwrap(bob, wrap, opening), { rumor, sender: alice.publicKey });
      assert.deepEqual(tools.unwrapEvent(wrap as ToolsEvent, secretOf(2)), rumor);
      const theirs = tools.wrapEvent(structuredClone(template), secretOf(1), bob.publicKey);
      // It dates them by the machine's own clock.
      const now = Math.max(NOW, Date.now());
      const opened = await unwrap(bob, theirs, { ...opening, now, maxAge: 1e9 });
      assert.deepEqual(opened, { rumor, sender: alice.publicKey });
    }),
    { numRuns: 8 },
  );
});

void test("unwrap() refuses a seal that names another sender than its rumor", async () => {
  const wrap = await forged({ rumor: rumorOf(CHAT, alice.publicKey), sealer: mallory });
  await assert.rejects(unwrap(bob, wrap, opening), {
    code: "DENIED",
    message: "Cannot open gift wrap: its rumor names another sender than its seal",
  });
  // The other way round: alice's name on a seal that mallory signed.
  const posing = await forged({
    sealer: mallory,
    spoil: (seal) => ({ ...seal, pubkey: alice.publicKey }),
  });
  await assert.rejects(unwrap(bob, posing, opening), { code: "DENIED" });
});

void test("unwrap() refuses a gift wrap whose outer signature, id or contents were changed", async () => {
  const wrap = await giftWrap(alice, rumorOf(CHAT, alice.publicKey), bob.publicKey, options);
  const other = await giftWrap(alice, rumorOf(CHAT, alice.publicKey), bob.publicKey, options);
  const changes: Partial<NostrEvent>[] = [
    { sig: other.sig },
    { sig: "0".repeat(128) },
    { id: other.id },
    { id: "" },
    { pubkey: other.pubkey },
    { content: other.content },
    { tags: [["p", alice.publicKey]] },
    { created_at: wrap.created_at + 1 },
  ];
  for (const change of changes) {
    const error = { code: "DENIED", message: /it or its signature is wrong$/ };
    await assert.rejects(unwrap(bob, { ...wrap, ...change }, opening), error);
  }
  // The outer signature is what keeps a third party from changing the time or the tags.
  assert.deepEqual(
    tools.unwrapEvent({ ...wrap, sig: other.sig } as ToolsEvent, secretOf(2)),
    rumorOf(CHAT, alice.publicKey),
    "nostr-tools does not look at it",
  );
});

void test("unwrap() refuses what is wrong with the seal", async () => {
  const stranger = await forged({});
  await unwrap(bob, stranger, opening);
  const cases: readonly (readonly [what: string, parts: Parts, code: string])[] = [
    ["another kind", { seal: { kind: 14 } }, "INVALID"],
    ["tags", { seal: { tags: [["p", bob.publicKey]] } }, "INVALID"],
    ["an empty tag", { seal: { tags: [[]] } }, "INVALID"],
    ["no content", { seal: { content: "" } }, "DENIED"],
    ["NIP-04", { seal: { content: "AAAA?iv=AAAA" } }, "DENIED"],
    ["a later version", { seal: { content: "#later" } }, "VERSION"],
    ["the content of another", { seal: { content: stranger.content } }, "DENIED"],
    ["no signature", { spoil: (seal) => ({ ...seal, sig: undefined }) }, "DENIED"],
    ["a bad signature", { spoil: (seal) => ({ ...seal, sig: "1".repeat(128) }) }, "DENIED"],
    ["another id", { spoil: (seal) => ({ ...seal, id: "1".repeat(64) }) }, "DENIED"],
    ["a changed time", { spoil: (seal) => ({ ...seal, created_at: SECONDS - 1 }) }, "DENIED"],
    ["the rumor itself", { spoil: () => rumorOf(CHAT, alice.publicKey) }, "INVALID"],
    ["no JSON", { spoil: () => "no JSON" }, "INVALID"],
    ["null", { spoil: () => "null" }, "INVALID"],
    ["a number", { spoil: () => "13" }, "INVALID"],
  ];
  for (const [what, parts, code] of cases) {
    await assert.rejects(unwrap(bob, await forged(parts), opening), { code }, what);
  }
});

void test("unwrap() refuses what is wrong with the rumor", async () => {
  const rumor = rumorOf(CHAT, alice.publicKey);
  const { id: _, ...without } = rumor;
  const cases: readonly (readonly [what: string, rumor: unknown, code: string])[] = [
    ["another content", { ...rumor, content: "other" }, "DENIED"],
    ["another kind", { ...rumor, kind: 1 }, "DENIED"],
    ["another id", { ...rumor, id: "1".repeat(64) }, "DENIED"],
    ["no id", without, "DENIED"],
    ["no key", { ...rumor, pubkey: undefined }, "INVALID"],
    ["a key in upper case", { ...rumor, pubkey: alice.publicKey.toUpperCase() }, "INVALID"],
    ["no tags", { ...rumor, tags: undefined }, "INVALID"],
    ["tags that are none", { ...rumor, tags: [1] }, "INVALID"],
    ["a kind that is none", { ...rumor, kind: 1e9 }, "INVALID"],
    ["no text", { ...rumor, content: 1 }, "INVALID"],
    ["no JSON", "hello", "INVALID"],
    ["null", "null", "INVALID"],
    ["a list", "[]", "INVALID"],
  ];
  for (const [what, bad, code] of cases) {
    await assert.rejects(unwrap(bob, await forged({ rumor: bad }), opening), { code }, what);
  }
});

void test("unwrap() gives only the members of an event, and no signature of a rumor", async () => {
  const rumor = rumorOf(CHAT, alice.publicKey);
  const wrap = await forged({ rumor: { ...rumor, sig: "a".repeat(128), extra: 1 } });
  assert.deepEqual((await unwrap(bob, wrap, opening)).rumor, rumor);
});

void test("unwrap() refuses times far ahead or back, of any of the three", async () => {
  const dated = async (created_at: number, which: number): Promise<NostrEvent> => {
    const rumor = rumorOf(which === 0 ? { ...CHAT, created_at } : CHAT, alice.publicKey);
    return forged({
      rumor,
      ...(which === 1 && { seal: { created_at } }),
      ...(which === 2 && { wrap: { created_at } }),
    });
  };
  for (const which of [0, 1, 2]) {
    for (const good of [SECONDS + 900, SECONDS - 2 * DAY, SECONDS - 32 * DAY]) {
      await unwrap(bob, await dated(good, which), opening);
    }
    for (const bad of [SECONDS + 901, SECONDS + 10 * DAY, 2 ** 40, SECONDS - 32 * DAY - 1, 0]) {
      const wrap = await dated(bad, which);
      const error = { code: "DENIED", message: /is (of the future|too old)$/ };
      await assert.rejects(unwrap(bob, wrap, opening), error, `${which} at ${bad}`);
    }
    const week = await dated(SECONDS - 7 * DAY, which);
    await unwrap(bob, week, { ...opening, maxAge: 5 * DAY });
    await assert.rejects(unwrap(bob, week, { ...opening, maxAge: 4 * DAY }), { code: "DENIED" });
  }
});

void test("unwrap() refuses what expired (NIP-40)", async () => {
  const until = (seconds: number): string[][] => [["expiration", String(seconds)]];
  const wrap = await forged({ wrap: { tags: until(SECONDS + 1) } });
  await unwrap(bob, wrap, opening);
  await assert.rejects(unwrap(bob, wrap, { ...opening, now: NOW + 1000 }), { code: "DENIED" });
  const rumor = rumorOf({ ...CHAT, tags: until(SECONDS) }, alice.publicKey);
  await assert.rejects(unwrap(bob, await forged({ rumor }), opening), {
    message: "Cannot open gift wrap: its rumor expired",
  });
});

void test("unwrap() refuses what is for another, and what is no gift wrap", async () => {
  const wrap = await giftWrap(alice, rumorOf(CHAT, alice.publicKey), bob.publicKey, options);
  await assert.rejects(unwrap(mallory, wrap, opening), { code: "DENIED" });
  await assert.rejects(unwrap(alice, wrap, opening), { code: "DENIED" });
  const note = await alice.signEvent({ ...CHAT, kind: 1 });
  for (const event of [note, { ...wrap, kind: 13 }, {}, null, undefined, "wrap", 1059, []]) {
    await assert.rejects(unwrap(bob, event, opening), { code: "INVALID" });
  }
  await assert.rejects(unwrap(bob, { kind: 1059 }, opening), { code: "DENIED" });
});

void test("giftWrap() refuses a rumor of another key, and a recipient, relay or size that is none", async () => {
  const rumor = rumorOf(CHAT, alice.publicKey);
  const refuse = async (work: Promise<unknown>): Promise<void> =>
    assert.rejects(work, { code: "INVALID" });
  await refuse(giftWrap(mallory, rumor, bob.publicKey, options));
  await refuse(giftWrap(alice, { ...rumor, id: "1".repeat(64) }, bob.publicKey, options));
  await refuse(giftWrap(alice, { ...rumor, content: "other" }, bob.publicKey, options));
  for (const to of ["", "f".repeat(64), "0".repeat(64), "npub1xyz", bob.publicKey.toUpperCase()]) {
    await refuse(giftWrap(alice, rumor, to, options));
  }
  await refuse(giftWrap(alice, rumor, bob.publicKey, { ...options, relay: "https://x.example" }));
  const zeros = { ...options, random: { bytes: (length: number) => new Uint8Array(length) } };
  await refuse(giftWrap(alice, rumor, bob.publicKey, zeros));
  const long = rumorOf({ ...CHAT, content: "x".repeat(800_000) }, alice.publicKey);
  await refuse(giftWrap(alice, long, bob.publicKey, options));
  const large = rumorOf({ ...CHAT, content: "x".repeat(400_000) }, alice.publicKey);
  const wrap = await giftWrap(alice, large, bob.publicKey, options);
  assert.equal((await unwrap(bob, wrap, opening)).rumor.content.length, 400_000);
});
