import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { bech32, bech32m } from "@scure/base";
import * as fc from "fast-check";

import { isNpub } from "../../src/core/agent.ts";
import { OpenAgentsError } from "../../src/core/errors.ts";
import { decodeNpub, decodeNsec, encodeNpub, encodeNsec } from "../../src/identity/nip19.ts";

const SPEC = readFileSync(new URL("../vectors/nip19.md", import.meta.url), "utf8");
const key32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

const refusal = (text: string) => (error: unknown) => {
  assert.ok(error instanceof OpenAgentsError);
  assert.equal(error.code, "INVALID");
  assert.equal(error.cause, undefined);
  if (text.length > 4) assert.ok(!error.message.includes(text), "the text is not quoted");
  return true;
};

void test("encode and decode give the examples of NIP-19, both ways", () => {
  const pairs = [...SPEC.matchAll(/`((npub|nsec)1\w+)`[^\n]*?hex `(\w{64})`/g)].map(
    ([, text, kind, key]) => [kind, text, key] as const,
  );
  const [, first] = /translates to `(npub1\w+)`/.exec(SPEC)!;
  const [, firstKey] = /hex public key `(\w{64})` translates/.exec(SPEC)!;
  pairs.push(["npub", first, firstKey]);
  assert.equal(pairs.length, 3);
  for (const [kind, text, key] of pairs) {
    if (kind === "npub") {
      assert.equal(encodeNpub(key!), text);
      assert.equal(decodeNpub(text!), key);
    } else {
      assert.equal(encodeNsec(Buffer.from(key!, "hex")), text);
      assert.equal(hex(decodeNsec(text!)), key);
    }
  }
});

void test("decode gives back what encode was given, for any 32 bytes", () => {
  fc.assert(
    fc.property(key32, (bytes) => {
      const npub = encodeNpub(hex(bytes));
      assert.ok(isNpub(npub));
      assert.equal(decodeNpub(npub), hex(bytes));
      assert.equal(decodeNpub(npub.toUpperCase()), hex(bytes));
      assert.equal(encodeNpub(hex(bytes).toUpperCase()), npub);
      assert.deepEqual(decodeNsec(encodeNsec(bytes)), bytes);
    }),
  );
});

void test("decode refuses any text in which characters were changed", () => {
  // BIP-173: every change of up to four characters is found.
  const change = fc.tuple(fc.integer({ min: 5, max: 62 }), fc.integer({ min: 1, max: 31 }));
  const letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
  fc.assert(
    fc.property(key32, fc.array(change, { minLength: 1, maxLength: 4 }), (bytes, changes) => {
      const nsec = encodeNsec(bytes);
      const text = nsec.split("");
      for (const [at, by] of changes) {
        text[at] = letters[(letters.indexOf(text[at]!) + by) % 32]!;
      }
      const changed = text.join("");
      fc.pre(changed !== nsec);
      assert.throws(() => decodeNsec(changed), refusal(changed));
    }),
  );
});

void test("decode refuses the wrong prefix, length or checksum, and quotes nothing", () => {
  const bytes = new Uint8Array(32).fill(7);
  const nsec = encodeNsec(bytes);
  const bad = [
    nsec,
    encodeNpub(hex(bytes)).replace("npub", "nPub"),
    ` ${encodeNpub(hex(bytes))}`,
    bech32.encodeFromBytes("npub", new Uint8Array(31)),
    bech32.encodeFromBytes("npub", new Uint8Array(33)),
    bech32.encodeFromBytes("note", bytes),
    bech32m.encodeFromBytes("npub", bytes),
    hex(bytes),
    "npub1",
    "",
    "x".repeat(10_000),
  ];
  for (const text of bad) assert.throws(() => decodeNpub(text), refusal(text));
  assert.throws(() => decodeNsec(encodeNpub(hex(bytes))), refusal(nsec));
});

void test("decode throws nothing but INVALID for any text", () => {
  const letters = fc.stringMatching(/^(npub|nsec)1[02-9ac-hj-np-z]{50,70}$/);
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), letters), (text) => {
      assert.throws(() => decodeNpub(text), refusal(text));
      assert.throws(() => decodeNsec(text), refusal(text));
    }),
  );
});

void test("encode refuses what is no key", () => {
  for (const key of ["", "ab", "g".repeat(64), "0".repeat(63), "0".repeat(66)]) {
    assert.throws(() => encodeNpub(key), refusal(key));
  }
  for (const size of [0, 31, 33]) {
    assert.throws(() => encodeNsec(new Uint8Array(size)), refusal("nothing to quote"));
  }
});
