import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import * as tools from "nostr-tools/nip44";
import { sha256Hex } from "../../src/core/hash.ts";
import { accountKeys, newMnemonic } from "../../src/identity/nip06.ts";
import {
  bytesOf,
  conversationKey,
  decrypt,
  encrypt,
  messageKeys,
  paddedLength,
  textOf,
} from "../../src/identity/nip44.ts";
import { CURVES, jsonVectors, secretOf, wasm } from "./setting.ts";

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
        "sec1" | "sec2" | "conversation_key" | "nonce" | "plaintext" | "payload",
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

const { valid, invalid } = (jsonVectors("nip44.vectors.json") as Vectors).v2;

/** From NIP-44 itself, which allows longer texts than the file of vectors did. */
const LONG = [
  [65_535, "6d8c2810d1e870fbaa1f0a0937126cca837a15f9260e27060c331d70a3c0bc84"],
  [65_536, "b7b4edb36ba92e267d322d56d9aebc22e7fa96ff52e3c12adc07f07a43cbc616"],
  [65_537, "eeb7c7c5373894ea2c1547cfd3ccb15d5a0b2d619da852e5c79df792dcc9e435"],
] as const;

for (const [name, secp] of CURVES) {
  void test(`conversationKey() gives the keys of NIP-44's vectors by ${name}`, () => {
    assert.equal(valid.get_conversation_key.length, 35);
    for (const { sec1, pub2, conversation_key } of valid.get_conversation_key) {
      assert.equal(bytesToHex(conversationKey(hexToBytes(sec1), pub2, secp)), conversation_key);
    }
    assert.equal(invalid.get_conversation_key.length, 8);
    for (const { sec1, pub2, note } of invalid.get_conversation_key) {
      const work = (): unknown => conversationKey(hexToBytes(sec1), pub2, secp);
      assert.throws(work, { code: "INVALID" }, note);
    }
  });

  void test(`encrypt() and decrypt() do what NIP-44's vectors say from key to text by ${name}`, () => {
    assert.equal(valid.encrypt_decrypt.length, 10);
    for (const {
      sec1,
      sec2,
      conversation_key,
      nonce,
      plaintext,
      payload,
    } of valid.encrypt_decrypt) {
      const [one, two] = [hexToBytes(sec1), hexToBytes(sec2)];
      const key = conversationKey(one, secp.publicKey(two), secp);
      assert.equal(bytesToHex(key), conversation_key);
      assert.deepEqual(conversationKey(two, secp.publicKey(one), secp), key);
      assert.equal(encrypt(bytesOf(plaintext), key, hexToBytes(nonce)), payload);
      assert.equal(textOf(decrypt(payload, key)), plaintext);
    }
  });
}

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

void test("encrypt() and decrypt() do what NIP-44's vectors say of long texts", () => {
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
  const key = conversationKey(alice.privateKey, bob.publicKey, wasm);
  assert.deepEqual(conversationKey(bob.privateKey, alice.publicKey), key);
  const nonce = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 1000 });
  fc.assert(
    fc.property(bytes, nonce, fc.nat(), (plaintext, salt, at) => {
      const payload = encrypt(plaintext, key, salt);
      assert.deepEqual(decrypt(payload, key), plaintext);
      const data = Buffer.from(payload, "base64");
      data[at % data.length]! ^= 1;
      const code = at % data.length === 0 ? "VERSION" : "DENIED";
      assert.throws(() => decrypt(data.toString("base64"), key), { code });
    }),
  );
});

void test("decrypt() refuses a payload cut off at any place, and what is no payload", () => {
  const key = conversationKey(secretOf(1), wasm.publicKey(secretOf(2)), wasm);
  const payload = encrypt(bytesOf("a text of some length, to be cut"), key, new Uint8Array(32));
  for (let end = 0; end < payload.length; end += 1) {
    assert.throws(() => decrypt(payload.slice(0, end), key), { code: "DENIED" }, `${end}`);
  }
  const refused = { code: "DENIED" };
  for (const bad of [`${payload}A`, ` ${payload}`, `${payload}\n`, payload.replace(/.$/, "*")]) {
    assert.throws(() => decrypt(bad, key), refused);
  }
  for (const bad of [undefined, null, 1, utf8ToBytes(payload)]) {
    assert.throws(() => decrypt(bad as unknown as string, key), refused);
  }
  assert.throws(() => decrypt("A".repeat(12_000_000), key), {
    code: "DENIED",
    message: /longer than \d+ characters/,
  });
  assert.throws(() => decrypt(`#${payload}`, key), { code: "VERSION" });
  const other = conversationKey(secretOf(3), wasm.publicKey(secretOf(2)), wasm);
  assert.throws(() => decrypt(payload, other), refused);
  assert.throws(() => decrypt(payload, key.slice(1)), { code: "INVALID" });
});

void test("textOf() and bytesOf() keep any right text as it is, and refuse the rest", () => {
  for (const text of ["\ufeffwith a byte order mark", "\u0000", "é 😀", ""]) {
    assert.equal(textOf(bytesOf(text)), text);
  }
  for (const bad of ["\ud800", "\udc00\ud800", undefined, 1]) {
    assert.throws(() => bytesOf(bad as string), { code: "INVALID" });
  }
  assert.throws(() => textOf(Uint8Array.of(0xff)), { code: "DENIED" });
  assert.throws(() => textOf(Uint8Array.of(0xed, 0xa0, 0x80)), { code: "DENIED" });
});

void test("NIP-44 of nostr-tools reads ours, and ours reads its", () => {
  const text = fc
    .string({ unit: "binary", minLength: 1, maxLength: 500 })
    .filter((one) => one.isWellFormed());
  const nonce = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const [one, two] = [secretOf(1), secretOf(2)];
  const key = conversationKey(one, wasm.publicKey(two), wasm);
  assert.deepEqual(tools.getConversationKey(two, wasm.publicKey(one)), key);
  fc.assert(
    fc.property(text, nonce, (plaintext, salt) => {
      const payload = encrypt(bytesOf(plaintext), key, salt);
      assert.equal(tools.encrypt(plaintext, key, salt), payload);
      // The one way in which it differs: it drops a byte order mark.
      assert.equal(tools.decrypt(payload, key), plaintext.replace(/^\ufeff/, ""));
      assert.equal(textOf(decrypt(payload, key)), plaintext);
    }),
  );
});
