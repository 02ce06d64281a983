import assert from "node:assert/strict";
import { test } from "node:test";

import { makeAuthEvent } from "nostr-tools/nip42";

import { templateOf, verifyEvent } from "../../src/identity/event.ts";
import { authEvent } from "../../src/identity/nip42.ts";
import { NOW, SECONDS, someone } from "./setting.ts";

const signer = someone(1);
const RELAY = "wss://relay.example/";

void test("authEvent() signs relay and challenge, as nostr-tools makes it", async () => {
  const event = await authEvent(signer, RELAY, "a challenge", NOW);
  assert.equal(verifyEvent(event), true);
  assert.equal(event.pubkey, signer.publicKey);
  const expected = { ...makeAuthEvent(RELAY, "a challenge"), created_at: SECONDS };
  assert.deepEqual(templateOf(event), expected);
  assert.equal(event.kind, 22_242);
});

void test("authEvent() refuses what is no relay and what is no challenge", async () => {
  for (const relay of ["", "https://relay.example/", "relay.example", "wss://", "wss://a b"]) {
    await assert.rejects(authEvent(signer, relay, "x", NOW), { code: "INVALID" });
  }
  for (const challenge of ["", "x".repeat(1025), "\ud800", undefined, 1]) {
    const text = challenge as string;
    await assert.rejects(authEvent(signer, RELAY, text, NOW), { code: "INVALID" });
  }
});
