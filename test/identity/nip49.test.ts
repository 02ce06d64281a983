import assert from "node:assert/strict";
import { test } from "node:test";

import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { bech32 } from "@scure/base";
import * as tools from "nostr-tools/nip49";

import { decodeNcryptsec, encodeNcryptsec } from "../../src/identity/nip49.ts";
import { secretOf, seeded, vectors } from "./setting.ts";

const SPEC = vectors("nip49.md");
const [, EXAMPLE] = /`(ncryptsec1\w+)`/.exec(SPEC) as unknown as [string, string];
const [, EXPECTED] = /`([0-9a-f]{64})`/.exec(SPEC) as unknown as [string, string];
const bytesOf = (text: string): Uint8Array =>
  bech32.fromWords(bech32.decode(text as "a1a", false).words);
const textOf = (bytes: Uint8Array, prefix = "ncryptsec"): string =>
  bech32.encode(prefix, bech32.toWords(bytes), false);
/** The example with some of its bytes changed. */
const changed = (change: (bytes: Uint8Array) => void): string => {
  const bytes = bytesOf(EXAMPLE);
  change(bytes);
  return textOf(bytes);
};

const refusal =
  (code: string, ...unsaid: readonly string[]) =>
  (error: Error & { code?: string }) => {
    assert.equal(error.code, code, String(error));
    assert.equal(error.cause, undefined);
    for (const text of unsaid) assert.ok(!String(error.stack).includes(text));
    return true;
  };

void test("decodeNcryptsec() opens the example of NIP-49, and no other password does", async () => {
  assert.equal(bytesToHex(await decodeNcryptsec(EXAMPLE, "nostr")), EXPECTED);
  const wrong = refusal("DENIED", EXAMPLE, EXPECTED, "Nostr");
  await assert.rejects(decodeNcryptsec(EXAMPLE.toUpperCase(), "Nostr"), wrong);
});

void test("a password is the same however its letters are composed, as NIP-49 shows", async () => {
  const secret = secretOf(1);
  // The texts of NIP-49's section on normalization, by code points.
  const [typed, normal] = ["\u212b\u2126\u1e9b\u0323", "\u00c5\u03a9\u1e69"];
  assert.equal(typed.normalize("NFKC"), normal);
  assert.deepEqual(await decodeNcryptsec(tools.encrypt(secret, normal, 4), typed), secret);
  assert.deepEqual(await decodeNcryptsec(await encodeNcryptsec(secret, typed), normal), secret);
});

void test("nostr-tools opens ours, and we open its", async () => {
  const secret = secretOf(2);
  const ours = await encodeNcryptsec(secret, "pass", { handled: "securely", random: seeded(1) });
  assert.deepEqual(Uint8Array.from(tools.decrypt(ours, "pass")), secret);
  const bytes = bytesOf(ours);
  assert.deepEqual([bytes.length, bytes[0], bytes[1], bytes[42]], [91, 2, 16, 1]);
  const theirs = tools.encrypt(secret, "pass", 4, 0);
  assert.deepEqual(await decodeNcryptsec(theirs, "pass"), secret);
});

void test("encodeNcryptsec() never gives the same text twice, and none that shows the key", async () => {
  const secret = secretOf(3);
  const [one, two] = await Promise.all([
    encodeNcryptsec(secret, "x"),
    encodeNcryptsec(secret, "x"),
  ]);
  assert.notEqual(one, two);
  assert.ok(!bytesToHex(bytesOf(one)).includes(bytesToHex(secret)));
});

void test("decodeNcryptsec() refuses a change of any part", async () => {
  // Cheap to try: at log N 1 the password is no protection.
  const cheap = bytesOf(tools.encrypt(secretOf(4), "x", 1, 2));
  assert.deepEqual(await decodeNcryptsec(textOf(cheap), "x"), secretOf(4));
  for (let at = 2; at < cheap.length; at += 1) {
    const bytes = cheap.slice();
    bytes[at]! ^= 1;
    const code = bytes[42]! > 2 ? "INVALID" : "DENIED";
    await assert.rejects(decodeNcryptsec(textOf(bytes), "x"), refusal(code), `byte ${at}`);
  }
});

void test("decodeNcryptsec() refuses costs that are absurd without paying them", async () => {
  for (const logN of [0, 19, 20, 22, 64, 255]) {
    const text = changed((bytes) => (bytes[1] = logN));
    await assert.rejects(decodeNcryptsec(text, "nostr"), refusal("INVALID"));
  }
  const text = changed((bytes) => (bytes[1] = 21));
  await assert.rejects(decodeNcryptsec(text, "nostr", 255), refusal("INVALID"));
  await assert.rejects(decodeNcryptsec(EXAMPLE, "nostr", 15), refusal("INVALID"));
});

void test("decodeNcryptsec() refuses other versions, texts and lengths, and quotes none", async () => {
  for (const version of [0, 1, 3]) {
    const text = changed((bytes) => (bytes[0] = version));
    await assert.rejects(decodeNcryptsec(text, "nostr"), refusal("VERSION", text));
  }
  const bytes = bytesOf(EXAMPLE);
  const bad: unknown[] = [
    textOf(bytes.slice(0, -1)),
    textOf(Uint8Array.from([...bytes, 0])),
    textOf(new Uint8Array(0)),
    textOf(bytes, "nsec"),
    `${EXAMPLE.slice(0, -1)}q`,
    EXAMPLE.slice(0, -1),
    ` ${EXAMPLE}`,
    "ncryptsec1",
    "x".repeat(10_000),
    "",
    undefined,
    1,
  ];
  for (const text of bad) {
    const quoted = typeof text === "string" && text.length > 12 ? [text] : [];
    await assert.rejects(decodeNcryptsec(text as string, "nostr"), refusal("INVALID", ...quoted));
  }
  const zero = tools.encrypt(new Uint8Array(32), "x", 1);
  await assert.rejects(decodeNcryptsec(zero, "x"), refusal("CORRUPT"));
});

void test("encodeNcryptsec() refuses what is no key, an empty password and another cost", async () => {
  const order = hexToBytes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
  for (const secret of [new Uint8Array(32), order, new Uint8Array(31).fill(1)]) {
    await assert.rejects(encodeNcryptsec(secret, "x"), refusal("INVALID"));
  }
  await assert.rejects(encodeNcryptsec(secretOf(1), ""), refusal("INVALID"));
  for (const logN of [15, 21, 16.5, NaN]) {
    await assert.rejects(encodeNcryptsec(secretOf(1), "x", { logN }), refusal("INVALID"));
  }
});
