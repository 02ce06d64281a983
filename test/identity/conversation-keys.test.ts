import assert from "node:assert/strict";
import { test } from "node:test";

import { ConversationKeys } from "../../src/identity/conversation-keys.ts";
import { conversationKey } from "../../src/identity/nip44.ts";
import type { Secp } from "../../src/identity/secp.ts";
import { secretOf, wasm } from "./setting.ts";

const OWN = secretOf(0);
const peer = (seed: number): string => wasm.publicKey(secretOf(1000 + seed));
const keyWith = (seed: number): Uint8Array => conversationKey(OWN, peer(seed), wasm);

/** A cache, and the peers for whom a shared point was worked out. */
function counted(limit: number): { readonly keys: ConversationKeys; readonly worked: string[] } {
  const worked: string[] = [];
  const secp: Secp = {
    ...wasm,
    sharedX(secret, publicKey) {
      worked.push(publicKey);
      return wasm.sharedX(secret, publicKey);
    },
  };
  return { keys: new ConversationKeys({ secp, limit }), worked };
}

void test("get() works out a key once, and asks for the private key only then", () => {
  const { keys, worked } = counted(8);
  let asked = 0;
  const secret = (): Uint8Array => {
    asked += 1;
    return OWN;
  };
  for (let i = 0; i < 5; i += 1) assert.deepEqual(keys.get("own", peer(1), secret), keyWith(1));
  assert.deepEqual([worked, asked], [[peer(1)], 1]);
  assert.deepEqual(
    keys.get("another", peer(1), () => secretOf(5)),
    conversationKey(secretOf(5), peer(1), wasm),
  );
  assert.equal(worked.length, 2);
});

void test("keys that were used once do not drive out those that are used again", () => {
  const { keys, worked } = counted(8);
  const get = (seed: number): Uint8Array => keys.get("own", peer(seed), () => OWN);
  const lasting = [1, 2, 3, 4, 5, 6];
  for (const seed of lasting.flatMap((seed) => [seed, seed])) get(seed);
  for (let passing = 100; passing < 150; passing += 1) get(passing);
  worked.length = 0;
  for (const seed of lasting) assert.deepEqual(get(seed), keyWith(seed));
  assert.deepEqual(worked, [], "they are still there");
  assert.equal(keys.size, 8);
  get(7);
  get(7);
  get(1);
  assert.deepEqual(worked, [peer(7), peer(1)], "the one that was used longest ago fell out");
});

void test("a key that falls out is wiped, and so are all by clear()", () => {
  const keys = new ConversationKeys({ secp: wasm, limit: 4 });
  const first = keys.get("own", peer(1), () => OWN);
  keys.get("own", peer(2), () => OWN);
  assert.deepEqual(first, new Uint8Array(32));
  const lasting = keys.get("own", peer(2), () => OWN);
  assert.deepEqual(lasting, keyWith(2));
  keys.clear();
  assert.deepEqual(lasting, new Uint8Array(32));
  assert.equal(keys.size, 0);
});

void test("get() keeps nothing of what failed", () => {
  const { keys } = counted(8);
  assert.throws(() => keys.get("own", "0".repeat(64), () => OWN), { code: "INVALID" });
  assert.throws(() => keys.get("own", peer(1), () => new Uint8Array(32)), { code: "INVALID" });
  const refusal = new Error("no key");
  const refuse = (): never => {
    throw refusal;
  };
  assert.throws(() => keys.get("own", peer(1), refuse), refusal);
  assert.equal(keys.size, 0);
});

void test("keys of many peers are those that were worked out, whatever falls out", () => {
  const { keys } = counted(16);
  for (let i = 0; i < 400; i += 1) {
    const seed = (i * i) % 37;
    assert.deepEqual(
      keys.get("own", peer(seed), () => OWN),
      keyWith(seed),
    );
    assert.ok(keys.size <= 16);
  }
});
