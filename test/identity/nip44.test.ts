import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as fc from "fast-check";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { sha256Hex } from "../../src/core/hash.ts";
import { accountKeys, newMnemonic } from "../../src/identity/nip06.ts";
import {
  conversationKey,
  decrypt,
  encrypt,
  messageKeys,
  paddedLength,
} from "../../src/identity/nip44.ts";

interface Vectors {
  readonly v2: {
    readonly valid: {
      readonly get_conversation_key: readonly Record<
        "sec1" | "pub2" | "conversation_key",
        string
      >[];
      readonly get_message_keys: {
        readonly conversation_key: string;
        readonly keys: readonly Record<
          "nonce" | "chacha_key" | "chacha_nonce" | "hmac_key",
          string
        >[];
      };
      readonly calc_padded_len: readonly (readonly [number, number])[];
      readonly encrypt_decrypt: readonly Record<
        "conversation_key" | "nonce" | "plaintext" | "payload",
        string
      >[];
      readonly encrypt_decrypt_long_msg: readonly {
        readonly conversation_key: string;
        readonly nonce: string;
        readonly pattern: string;
        readonly repeat: number;
        readonly plaintext_sha256: string;
        readonly payload_sha256: string;
      }[];
    };
    readonly invalid: {
      readonly encrypt_msg_lengths: readonly number[];
      readonly get_conversation_key: readonly Record<"sec1" | "pub2" | "note", string>[];
      readonly decrypt: readonly Record<"conversation_key" | "payload" | "note", string>[];
    };
  };
}

const path = new URL("../vectors/nip44.vectors.json", import.meta.url);
const { valid, invalid } = (JSON.parse(readFileSync(path, "utf8")) as Vectors).v2;

/** From NIP-44 itself, which allows longer texts than the file of vectors did. */
const LONG = [
  [65_535, "6d8c2810d1e870fbaa1f0a0937126cca837a15f9260e27060c331d70a3c0bc84"],
  [65_536, "b7b4edb36ba92e267d322d56d9aebc22e7fa96ff52e3c12adc07f07a43cbc616"],
  [65_537, "eeb7c7c5373894ea2c1547cfd3ccb15d5a0b2d619da852e5c79df792dcc9e435"],
] as const;

void test("conversationKey() gives the keys of NIP-44's vectors", () => {
  assert.ok(valid.get_conversation_key.length > 30);
  for (const { sec1, pub2, conversation_key } of valid.get_conversation_key) {
    assert.equal(bytesToHex(conversationKey(hexToBytes(sec1), pub2)), conversation_key);
  }
  for (const { sec1, pub2, note } of invalid.get_conversation_key) {
    assert.throws(() => conversationKey(hexToBytes(sec1), pub2), { code: "INVALID" }, note);
  }
});

void test("messageKeys() and paddedLength() give what NIP-44's vectors say", () => {
  const { conversation_key, keys } = valid.get_message_keys;
  for (const key of keys) {
    const made = messageKeys(hexToBytes(conversation_key), hexToBytes(key.nonce));
    assert.deepEqual([made.chacha, made.nonce, made.hmac].map(bytesToHex), [
      key.chacha_key,
      key.chacha_nonce,
      key.hmac_key,
    ]);
  }
  for (const [length, padded] of valid.calc_padded_len) assert.equal(paddedLength(length), padded);
});

void test("encrypt() and decrypt() do what NIP-44's vectors say", () => {
  for (const { conversation_key, nonce, plaintext, payload } of valid.encrypt_decrypt) {
    const key = hexToBytes(conversation_key);
    assert.equal(encrypt(utf8ToBytes(plaintext), key, hexToBytes(nonce)), payload);
    assert.equal(new TextDecoder().decode(decrypt(payload, key)), plaintext);
  }
  for (const long of valid.encrypt_decrypt_long_msg) {
    const key = hexToBytes(long.conversation_key);
    const plaintext = utf8ToBytes(long.pattern.repeat(long.repeat));
    const payload = encrypt(plaintext, key, hexToBytes(long.nonce));
    assert.equal(sha256Hex(plaintext), long.plaintext_sha256);
    assert.equal(sha256Hex(payload), long.payload_sha256);
    assert.deepEqual(decrypt(payload, key), plaintext);
  }
});

void test("encrypt() takes texts above 65,535 bytes with the longer prefix", () => {
  const key = hexToBytes("c41c775356fd92eadc63ff5a0dc1da211b268cbea22316767095b2871ea1412d");
  const nonce = hexToBytes("1".padStart(64, "0"));
  for (const [length, digest] of LONG) {
    const plaintext = utf8ToBytes("a".repeat(length));
    const payload = encrypt(plaintext, key, nonce);
    assert.equal(sha256Hex(payload), digest, `${length} bytes`);
    assert.deepEqual(decrypt(payload, key), plaintext);
  }
});

void test("encrypt() refuses no text, and a nonce of another length", () => {
  // The other lengths of this list were refused before NIP-44 had the longer prefix.
  assert.ok(invalid.encrypt_msg_lengths.includes(0));
  const key = new Uint8Array(32);
  assert.throws(() => encrypt(new Uint8Array(0), key, new Uint8Array(32)), { code: "INVALID" });
  assert.throws(() => encrypt(new Uint8Array(1), key, new Uint8Array(12)), { code: "INVALID" });
});

void test("decrypt() refuses the payloads that NIP-44's vectors say are invalid", () => {
  assert.ok(invalid.decrypt.length > 10);
  for (const { conversation_key, payload, note } of invalid.decrypt) {
    const code = /version/.test(note) ? "VERSION" : "DENIED";
    assert.throws(() => decrypt(payload, hexToBytes(conversation_key)), { code }, note);
  }
});

void test("decrypt() gives back what encrypt() was given, and refuses each altered byte", () => {
  const derive = accountKeys(newMnemonic());
  const [alice, bob] = [derive(0), derive(1)];
  const key = conversationKey(alice.privateKey, bob.publicKey);
  assert.deepEqual(conversationKey(bob.privateKey, alice.publicKey), key);
  const nonce = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 1000 });
  fc.assert(
    fc.property(bytes, nonce, fc.nat(), (plaintext, salt, at) => {
      const payload = encrypt(plaintext, key, salt);
      assert.deepEqual(decrypt(payload, key), plaintext);
      const data = Buffer.from(payload, "base64");
      data[at % data.length]! ^= 1;
      assert.throws(() => decrypt(data.toString("base64"), key));
    }),
  );
});
