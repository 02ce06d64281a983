import assert from "node:assert/strict";
import { test } from "node:test";

import * as nip04 from "nostr-tools/nip04";

import { agentSigner } from "../../src/identity/event-signer.ts";
import type { EventSigner } from "../../src/identity/event-signer.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { verifyEvent } from "../../src/identity/event.ts";
import type { EventTemplate } from "../../src/identity/event.ts";
import { memorySigner } from "../../src/identity/memory-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { fakeSigner } from "../../src/testing/index.ts";
import { CURVES, NOW, SECONDS, secretOf, someone, wasm } from "./setting.ts";
import { giftWrap, rumorOf, unwrap } from "../../src/identity/nip59.ts";
import { systemRandom } from "../../src/core/system.ts";

const TEMPLATE = { kind: 1, created_at: SECONDS, tags: [["t", "x"]], content: "é" };

async function agent(): Promise<EventSigner> {
  const signer = derivedSigner(newMnemonic(), { secp: wasm });
  const { publicKey } = await signer.identity(3);
  return agentSigner(signer, { name: "agent", publicKey, account: 3 });
}

const SIGNERS: readonly (readonly [name: string, make: () => Promise<EventSigner>])[] = [
  ["agentSigner()", agent],
  ...CURVES.map(
    ([name, secp]) =>
      [`memorySigner() by ${name}`, async () => memorySigner(secretOf(8), { secp })] as const,
  ),
];

for (const [name, make] of SIGNERS) {
  void test(`${name} signs events, and nothing that is not of an event`, async () => {
    const signer = await make();
    const event = await signer.signEvent({ ...TEMPLATE, pubkey: "x" } as EventTemplate);
    assert.equal(verifyEvent(event), true);
    assert.equal(event.pubkey, signer.publicKey);
    assert.equal(Object.keys(event).length, 7);
    for (const bad of [{ kind: -1 }, { tags: ["x"] }, { content: "\ud800" }, { created_at: 0.5 }]) {
      const template = { ...TEMPLATE, ...bad } as EventTemplate;
      await assert.rejects(signer.signEvent(template), { code: "INVALID" });
    }
  });

  void test(`${name} encrypts for another, and reads what it wrote and what came`, async () => {
    const [signer, other] = [await make(), someone(1)];
    for (const text of ["x", "\ufeffhé 😀\u0000", "long ".repeat(20_000)]) {
      const payload = await signer.encrypt(other.publicKey, text);
      assert.equal(await other.decrypt(signer.publicKey, payload), text);
      assert.equal(await signer.decrypt(other.publicKey, payload), text);
      const answer = await other.encrypt(signer.publicKey, text);
      assert.equal(await signer.decrypt(other.publicKey, answer), text);
    }
    const own = await signer.encrypt(signer.publicKey, "a note to oneself");
    assert.equal(await signer.decrypt(signer.publicKey, own), "a note to oneself");
    assert.notEqual(
      await signer.encrypt(signer.publicKey, "x"),
      await signer.encrypt(signer.publicKey, "x"),
    );
  });

  void test(`${name} reads what old clients sent (NIP-04)`, async () => {
    const signer = await make();
    const payload = nip04.encrypt(secretOf(1), signer.publicKey, "an old message");
    assert.equal(await signer.decryptLegacy!(someone(1).publicKey, payload), "an old message");
    // But never where NIP-44 is due.
    await assert.rejects(signer.decrypt(someone(1).publicKey, payload), { code: "DENIED" });
  });

  void test(`${name} refuses keys, texts and payloads that are none`, async () => {
    const [signer, other] = [await make(), someone(1)];
    for (const key of ["", "0".repeat(64), "f".repeat(64), other.publicKey.toUpperCase()]) {
      await assert.rejects(signer.encrypt(key, "x"), { code: "INVALID" });
      await assert.rejects(signer.decrypt(key, "x"), { code: "INVALID" });
    }
    for (const text of ["", "\ud800", undefined as unknown as string]) {
      await assert.rejects(signer.encrypt(other.publicKey, text), { code: "INVALID" });
    }
    const payload = await other.encrypt(someone(2).publicKey, "not for it");
    await assert.rejects(signer.decrypt(other.publicKey, payload), { code: "DENIED" });
    await assert.rejects(signer.decrypt(other.publicKey, "#x"), { code: "VERSION" });
  });

  void test(`${name} makes and opens gift wraps`, async () => {
    const [signer, other] = [await make(), someone(1)];
    const rumor = rumorOf(TEMPLATE, signer.publicKey);
    const wrap = await giftWrap(signer, rumor, other.publicKey, { now: NOW, random: systemRandom });
    assert.deepEqual(await unwrap(other, wrap, { now: NOW }), { rumor, sender: signer.publicKey });
    const back = rumorOf(TEMPLATE, other.publicKey);
    const answer = await giftWrap(other, back, signer.publicKey, {
      now: NOW,
      random: systemRandom,
    });
    assert.deepEqual((await unwrap(signer, answer, { now: NOW })).rumor, back);
  });
}

void test("memorySigner() keeps a copy of its key, shows none, and refuses what is no key", () => {
  const secret = secretOf(8);
  const signer = memorySigner(secret, { secp: wasm });
  secret.fill(0);
  assert.equal(signer.publicKey, someone(8).publicKey);
  assert.ok(Object.isFrozen(signer));
  assert.deepEqual(Object.keys(signer), [
    "publicKey",
    "signEvent",
    "encrypt",
    "decrypt",
    "decryptLegacy",
  ]);
  for (const bad of [new Uint8Array(32), new Uint8Array(31).fill(1), undefined]) {
    assert.throws(() => memorySigner(bad as Uint8Array), { code: "INVALID" });
  }
});

void test("agentSigner() works with whatever signer has the key", async () => {
  const signer = fakeSigner();
  const { publicKey } = await signer.identity(0);
  const { publicKey: peer } = await signer.identity(1);
  const one = agentSigner(signer, { name: "a", publicKey, account: 0 });
  const two = agentSigner(signer, { name: "b", publicKey: peer, account: 1 });
  const payload = await one.encrypt(peer, "hello");
  assert.equal(await two.decrypt(publicKey, payload), "hello");
  await assert.rejects(two.decrypt(peer, payload), { code: "DENIED" });
  assert.equal((await one.signEvent(TEMPLATE)).pubkey, publicKey);
  assert.equal("decryptLegacy" in one, false, "what its signer cannot do, it does not have");
});
