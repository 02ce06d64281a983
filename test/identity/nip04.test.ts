import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";
import * as tools from "nostr-tools/nip04";

import { decryptNip04 } from "../../src/identity/nip04.ts";
import { CURVES, secretOf, wasm } from "./setting.ts";

const [one, two] = [secretOf(1), secretOf(2)];
const shared = (): Uint8Array => wasm.sharedX(two, wasm.publicKey(one));
const refused = {
  code: "DENIED",
  message: "Cannot decrypt: it is no message of NIP-04 to this key",
};

for (const [name, secp] of CURVES) {
  void test(`decryptNip04() reads what nostr-tools writes, by ${name}`, async () => {
    const text = fc.string({ unit: "binary", maxLength: 100 }).filter((one) => one.isWellFormed());
    await fc.assert(
      fc.asyncProperty(text, async (plaintext) => {
        const payload = tools.encrypt(one, secp.publicKey(two), plaintext);
        const key = secp.sharedX(two, secp.publicKey(one));
        assert.equal(await decryptNip04(payload, key), plaintext);
      }),
      { numRuns: 10 },
    );
  });
}

void test("decryptNip04() refuses what is for another key, cut off or no such message, all alike", async () => {
  const payload = tools.encrypt(one, wasm.publicKey(two), "hello, this is more than one block");
  const [ciphertext, iv] = payload.split("?iv=") as [string, string];
  await assert.rejects(decryptNip04(payload, secretOf(3)), refused);
  const bad = [
    ciphertext,
    `${ciphertext}?iv=`,
    `?iv=${iv}`,
    `${payload}?iv=${iv}`,
    `${ciphertext.slice(4)}?iv=${iv}`,
    `${ciphertext}?iv=${iv.slice(4)}`,
    `${ciphertext}*?iv=${iv}`,
    payload.replace("?iv=", "?vi="),
    "",
    "?iv=",
    undefined,
    1,
  ];
  for (const one of bad) await assert.rejects(decryptNip04(one as string, shared()), refused);
  await assert.rejects(decryptNip04(`${"A".repeat(2_000_000)}?iv=${iv}`, shared()), refused);
  await assert.rejects(decryptNip04(payload, shared().slice(1)), refused);
});
