import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import { OpenAgentsError } from "../../src/core/errors.ts";
import type { Signer } from "../../src/core/ports/index.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { lockedSigner } from "../../src/identity/locked-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { wasm } from "./setting.ts";

const MNEMONIC = newMnemonic();
const RIGHT = "correct horse";
const behind = derivedSigner(MNEMONIC, { secp: wasm });
const { npub, publicKey } = await behind.identity(1);
const one = { name: "one", publicKey, account: 1 };
const message = new Uint8Array(32).fill(7);

/** A locked signer, and the passphrases that it was given. */
function locked(): { readonly signer: Signer; readonly given: string[] } {
  const given: string[] = [];
  const signer = lockedSigner(
    async (passphrase) => {
      given.push(passphrase);
      if (passphrase === RIGHT) return behind;
      throw new OpenAgentsError("DENIED", "Cannot open: the passphrase is wrong");
    },
    { secp: wasm },
  );
  return { signer, given };
}

/** All that needs a secret, by name. */
const NEED: Readonly<Record<string, (signer: Signer) => Promise<unknown>>> = {
  identity: (signer) => signer.identity(1),
  home: (signer) => signer.home(),
  sign: (signer) => signer.sign(one, message),
  encrypt: (signer) => signer.encrypt(one, publicKey, message),
  decrypt: async (signer) =>
    signer.decrypt(one, publicKey, await behind.encrypt(one, publicKey, message)),
  decryptLegacy: (signer) => signer.decryptLegacy!(one, publicKey, "AAAA?iv=AAAA"),
  seal: (signer) => signer.seal(one, publicKey),
  adopt: async (signer) =>
    signer.adopt(publicKey, await behind.seal(one, (await behind.home()).publicKey)),
  importKey: (signer) => signer.importKey(`nsec1${"q".repeat(58)}`),
  sealSecret: (signer) => signer.sealSecret("A", "text"),
  openSecret: async (signer) => signer.openSecret("A", await behind.sealSecret("A", "text")),
  exportKey: (signer) => signer.exportKey(one, "a password"),
};

void test("lockedSigner() rejects whatever needs a secret, and does the rest", async () => {
  const { signer } = locked();
  assert.equal(signer.lock!.locked, true);
  for (const [name, use] of Object.entries(NEED)) {
    await assert.rejects(use(signer), { code: "LOCKED", message: /agentctl unlock/ }, name);
  }
  const rest = ["lock", "npub", "publicKey", "verify", "isPoint"];
  assert.deepEqual(Object.keys(signer).sort(), [...Object.keys(NEED), ...rest].sort());
  assert.deepEqual(Object.keys(behind).sort(), [...Object.keys(NEED), ...rest.slice(1)].sort());
  assert.equal(signer.npub(publicKey), npub);
  assert.equal(signer.publicKey(npub), publicKey);
  assert.equal(signer.publicKey("npub1"), undefined);
  assert.equal(signer.isPoint(publicKey), true);
  assert.equal(signer.isPoint("0".repeat(64)), false);
  const signature = await behind.sign(one, message);
  assert.equal(signer.verify(publicKey, message, signature), true);
  assert.equal(signer.verify(publicKey, new Uint8Array(32), signature), false);
});

void test("lockedSigner() is what is behind it once it is open, and is never shut again", async () => {
  const { signer, given } = locked();
  const lock = signer.lock!;
  await assert.rejects(lock.open("wrong"), { code: "DENIED" });
  assert.equal(lock.locked, true);
  await lock.open(RIGHT);
  assert.equal(lock.locked, false);
  await lock.open("whatever");
  assert.deepEqual(given, ["wrong", RIGHT], "an open one asks for nothing");
  for (const [name, use] of Object.entries(NEED)) {
    const outcome = await use(signer).then(
      () => "done",
      (error: OpenAgentsError) => error.code,
    );
    const expected = { decryptLegacy: "DENIED", importKey: "INVALID" }[name] ?? "done";
    assert.equal(outcome, expected, name);
  }
  assert.deepEqual(await signer.identity(1), { npub, publicKey });
  const signature = await signer.sign(one, message);
  assert.equal(signer.verify(publicKey, message, signature), true);
});

void test("lockedSigner() tries passphrases one after the other", async () => {
  let trying = 0;
  let most = 0;
  const signer = lockedSigner(async (passphrase) => {
    trying += 1;
    most = Math.max(most, trying);
    await new Promise(setImmediate);
    trying -= 1;
    if (passphrase === RIGHT) return behind;
    throw new OpenAgentsError("DENIED", "Cannot open: the passphrase is wrong");
  });
  const attempts = ["a", "b", RIGHT, "c"].map((passphrase) => signer.lock!.open(passphrase));
  const outcomes = await Promise.allSettled(attempts);
  assert.equal(most, 1);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["rejected", "rejected", "fulfilled", "fulfilled"],
  );
});

void test("lockedSigner() shows nothing of the passphrase or of what it opened", async () => {
  const { signer } = locked();
  await signer.lock!.open(RIGHT);
  const deep = { showHidden: true, depth: Infinity, getters: true, showProxy: true } as const;
  const shown = [
    inspect(signer, deep),
    JSON.stringify(signer),
    ...Object.values(signer).map(String),
  ];
  for (const text of shown) {
    assert.ok(!text.includes(RIGHT) && !text.includes(MNEMONIC.slice(0, 20)), text);
  }
  assert.ok(Object.isFrozen(signer) && Object.isFrozen(signer.lock));
});
