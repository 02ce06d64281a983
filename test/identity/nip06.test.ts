import assert from "node:assert/strict";
import { test } from "node:test";

import { HDKey } from "@scure/bip32";
import { entropyToMnemonic, mnemonicToEntropy, mnemonicToSeedSync } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import * as fc from "fast-check";

import { OpenAgentsError } from "../../src/core/errors.ts";
import { accountKeys, checkMnemonic, newMnemonic } from "../../src/identity/nip06.ts";
import { encodeNpub, encodeNsec } from "../../src/identity/nip19.ts";
import { CURVES, vectors as vector } from "./setting.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const ZERO = `${"abandon ".repeat(11)}about`;

const refusal = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof OpenAgentsError);
  assert.equal(error.code, "INVALID");
  assert.match(error.message, message);
  return true;
};

void test("accountKeys() gives the keys of NIP-06", () => {
  const field = (name: string) =>
    [...vector("nip06.md").matchAll(new RegExp(`^${name}: ([^\\\\\\n]+)`, "gm"))].map(
      ([, value]) => value!,
    );
  const [mnemonics, secrets, nsecs, publics, npubs] = [
    field("mnemonic"),
    field("private key \\(hex\\)"),
    field("nsec"),
    field("public key \\(hex\\)"),
    field("npub"),
  ];
  assert.equal(mnemonics.length, 2);
  for (const [i, mnemonic] of mnemonics.entries()) {
    const { privateKey, publicKey } = accountKeys(mnemonic)(0);
    assert.equal(hex(privateKey), secrets[i]);
    assert.equal(encodeNsec(privateKey), nsecs[i]);
    assert.equal(publicKey, publics[i]);
    for (const [, secp] of CURVES) assert.equal(secp.publicKey(privateKey), publics[i]);
    assert.equal(encodeNpub(publicKey), npubs[i]);
  }
});

void test("accountKeys() derives every account by the whole path", () => {
  const keys = accountKeys(ZERO);
  const master = HDKey.fromMasterSeed(mnemonicToSeedSync(ZERO));
  for (const account of [0, 1, 2, 255, 1_000_000, 2 ** 31 - 1]) {
    const key = master.derive(`m/44'/1237'/${account}'/0/0`);
    assert.equal(hex(keys(account).privateKey), hex(key.privateKey!));
    assert.equal(keys(account).publicKey, hex(key.publicKey!).slice(2));
  }
});

void test("accountKeys() gives a pair of its own on each call, so that one may be wiped", () => {
  const keys = accountKeys(ZERO);
  const before = hex(keys(3).privateKey);
  keys(3).privateKey.fill(0);
  assert.equal(hex(keys(3).privateKey), before);
});

void test("accountKeys() refuses accounts that the path has no place for", () => {
  const keys = accountKeys(ZERO);
  for (const account of [-1, 0.5, NaN, Infinity, 2 ** 31, "0" as unknown as number]) {
    assert.throws(() => keys(account), refusal(/^Cannot derive account ".+": use a whole number/));
  }
});

void test("BIP-39 and BIP-32 give Trezor's English vectors", () => {
  const { english } = JSON.parse(vector("bip39-trezor-english.json")) as {
    readonly english: readonly (readonly [string, string, string, string])[];
  };
  assert.equal(english.length, 24);
  for (const [entropy, mnemonic, seed, xprv] of english) {
    assert.equal(checkMnemonic(mnemonic), mnemonic);
    assert.equal(entropyToMnemonic(Buffer.from(entropy, "hex"), wordlist), mnemonic);
    assert.equal(hex(mnemonicToEntropy(mnemonic, wordlist)), entropy);
    const made = mnemonicToSeedSync(mnemonic, "TREZOR");
    assert.equal(hex(made), seed);
    assert.equal(HDKey.fromMasterSeed(made).privateExtendedKey, xprv);
  }
});

void test("newMnemonic() gives 24 good words, other ones each time", () => {
  const made = Array.from({ length: 20 }, newMnemonic);
  for (const mnemonic of made) {
    assert.equal(mnemonic.split(" ").length, 24);
    assert.equal(checkMnemonic(mnemonic), mnemonic);
  }
  assert.equal(new Set(made).size, 20);
});

void test("checkMnemonic() gives the one form of words typed with other spaces or case", () => {
  assert.equal(checkMnemonic(`  ${ZERO.toUpperCase().replaceAll(" ", " \n\t")} `), ZERO);
});

void test("checkMnemonic() says what is wrong without quoting a word", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /must have 12, 15, 18, 21 or 24 words, not 1$/],
    ["zoo ".repeat(13), /not 13$/],
    [ZERO.replace("about", "secretword"), /word 12 is not in the English list$/],
    [ZERO.replace("about", "abandon"), /the checksum does not fit/],
    ["constructor ".repeat(12), /word 1 is not/],
  ];
  for (const [mnemonic, message] of cases) {
    assert.throws(() => checkMnemonic(mnemonic), refusal(message));
    assert.throws(() => accountKeys(mnemonic), refusal(message));
  }
  assert.throws(
    () => checkMnemonic(ZERO.replace("about", "secretword")),
    (error) => !/secretword|abandon/.test(String(error)),
  );
});

void test("checkMnemonic() throws nothing but INVALID for any text", () => {
  const words = fc.array(fc.constantFrom(...wordlist), { minLength: 10, maxLength: 26 });
  const any = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string().map((text) => `${text}\ud800`),
    words.map((list) => list.join(" ")),
  );
  fc.assert(
    fc.property(any, (text) => {
      try {
        assert.equal(checkMnemonic(checkMnemonic(text)), checkMnemonic(text));
      } catch (error) {
        assert.ok(error instanceof OpenAgentsError && error.code === "INVALID", String(error));
      }
    }),
    { numRuns: 300 },
  );
});
