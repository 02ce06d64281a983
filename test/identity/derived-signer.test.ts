import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { format, inspect } from "node:util";
import { serialize } from "node:v8";

import { schnorr } from "@noble/curves/secp256k1.js";
import { mnemonicToSeedSync } from "@scure/bip39";
import * as fc from "fast-check";

import type { AgentRecord } from "../../src/core/agent.ts";
import { errorInfo, OpenAgentsError } from "../../src/core/errors.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { accountKeys, newMnemonic } from "../../src/identity/nip06.ts";
import { decodeNpub, encodeNsec } from "../../src/identity/nip19.ts";

const MNEMONIC =
  "what bleak badge arrange retreat wolf trade produce cricket blur garlic valid proud rude strong choose busy staff weather area salt hollow arm fade";
const signer = derivedSigner(MNEMONIC);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

async function agent(account: number): Promise<AgentRecord> {
  const { npub, publicKey } = await signer.identity(account);
  const facts = { name: `agent-${account}`, type: "test", status: "live", createdAt: 0 } as const;
  return { id: npub, publicKey, account, ...facts };
}

const vectors = readFileSync(new URL("../vectors/bip340-test-vectors.csv", import.meta.url), "utf8")
  .trim()
  .split(/\r?\n/)
  .slice(1)
  .map((line) => {
    const [index, secret, key, aux, message, signature, result] = line.split(",");
    return { index, secret, key, aux, message, signature, result };
  });

void test("verify() gives the results of the BIP-340 vectors", () => {
  assert.equal(vectors.length, 19);
  for (const { index, key, message, signature, result } of vectors) {
    const valid = signer.verify(key!.toLowerCase(), bytes(message!), bytes(signature!));
    assert.equal(valid, result === "TRUE", `vector ${index}`);
  }
});

void test("signatures are those of the BIP-340 vectors", () => {
  const signing = vectors.filter(({ secret }) => secret !== "");
  assert.equal(signing.length, 8);
  for (const { index, secret, key, aux, message, signature } of signing) {
    const made = schnorr.sign(bytes(message!), bytes(secret!), bytes(aux!));
    assert.equal(hex(made).toUpperCase(), signature, `vector ${index}`);
    assert.equal(hex(schnorr.getPublicKey(bytes(secret!))).toUpperCase(), key);
  }
});

void test("identity() gives the NIP-06 vector, and the same on every call", async () => {
  const identity = await signer.identity(0);
  assert.deepEqual(identity, {
    npub: "npub16sdj9zv4f8sl85e45vgq9n7nsgt5qphpvmf7vk8r5hhvmdjxx4es8rq74h",
    publicKey: "d41b22899549e1f3d335a31002cfd382174006e166d3e658e3a5eecdb6463573",
  });
  assert.deepEqual(await signer.identity(0), identity);
  assert.deepEqual(await derivedSigner(MNEMONIC).identity(0), identity);
  assert.equal(decodeNpub((await signer.identity(1)).npub), (await signer.identity(1)).publicKey);
});

void test("sign() makes a signature that verify() accepts, and no other", async () => {
  const [one, two] = [await agent(1), await agent(2)];
  const message = new Uint8Array(32).fill(9);
  const signature = await signer.sign(one, message);
  assert.equal(signature.length, 64);
  assert.equal(signer.verify(one.publicKey, message, signature), true);
  assert.equal(signer.verify(two.publicKey, message, signature), false);
  assert.equal(signer.verify(one.publicKey, new Uint8Array(32), signature), false);
  for (let at = 0; at < 64; at += 7) {
    const changed = Uint8Array.from(signature);
    changed[at]! ^= 1;
    assert.equal(signer.verify(one.publicKey, message, changed), false, `byte ${at}`);
  }
});

void test("sign() goes on giving right signatures when keys fall out of the cache", async () => {
  const message = new Uint8Array(32).fill(1);
  const first = await agent(0);
  for (let account = 1; account <= 300; account += 1) await signer.identity(account);
  assert.equal(signer.verify(first.publicKey, message, await signer.sign(first, message)), true);
  const middle = await agent(150);
  assert.equal(signer.verify(middle.publicKey, message, await signer.sign(middle, message)), true);
});

void test("verify() is false for anything malformed", async () => {
  const one = await agent(1);
  const message = new Uint8Array(32);
  const signature = await signer.sign(one, message);
  const keys = ["", "0".repeat(64), "f".repeat(64), one.publicKey.slice(2), `02${one.publicKey}`];
  for (const key of [...keys, one.id, one.publicKey.toUpperCase(), `${one.publicKey}\n`]) {
    assert.equal(signer.verify(key, message, signature), false, key);
  }
  const any = fc.anything() as fc.Arbitrary<never>;
  fc.assert(
    fc.property(any, any, any, fc.uint8Array({ maxLength: 70 }), (a, b, c, noise) => {
      assert.equal(signer.verify(a, message, signature), false);
      assert.equal(signer.verify(one.publicKey, b, signature), false);
      assert.equal(signer.verify(one.publicKey, message, c), false);
      assert.equal(signer.verify(one.publicKey, message, noise), false);
    }),
  );
});

void test("sign() refuses a message that is not 32 bytes with INVALID", async () => {
  const one = await agent(1);
  for (const message of [new Uint8Array(31), new Uint8Array(33), "0".repeat(32) as never]) {
    await assert.rejects(signer.sign(one, message), { code: "INVALID" });
  }
});

void test("sign() refuses an agent whose key is of another mnemonic with DENIED", async () => {
  const foreign = { ...(await agent(1)), publicKey: (await signer.identity(2)).publicKey };
  await assert.rejects(signer.sign(foreign, new Uint8Array(32)), {
    code: "DENIED",
    message: 'Cannot sign for "agent-1": its key does not come from this mnemonic',
  });
});

void test("derivedSigner() shows no secret in print, JSON, its members or its errors", async () => {
  const one = await agent(1);
  const signature = await signer.sign(one, new Uint8Array(32));
  const deep = { showHidden: true, depth: Infinity, getters: true, showProxy: true } as const;
  const shown = [
    inspect(signer, deep),
    format("%o %O %j %s", signer, signer, signer, signer),
    JSON.stringify(signer),
    JSON.stringify([await signer.identity(1), one, hex(signature)]),
    ...Object.values(signer).map(String),
    String(derivedSigner),
    Object.getOwnPropertyNames(signer).join(" "),
  ];
  const fail = async (work: () => unknown) => {
    try {
      await work();
      assert.fail("it must throw");
    } catch (error) {
      assert.ok(error instanceof OpenAgentsError, String(error));
      shown.push(inspect(error, deep), JSON.stringify(errorInfo(error)), error.stack!);
    }
  };
  await fail(() => signer.identity(-1));
  await fail(() => signer.sign(one, new Uint8Array(1)));
  await fail(() => signer.sign({ ...one, publicKey: "00" }, new Uint8Array(32)));
  await fail(() => derivedSigner(MNEMONIC.replace("fade", "zoo")));
  await fail(() => derivedSigner(`${MNEMONIC} fade`));
  await fail(() => derivedSigner(MNEMONIC.replace("bleak", "bleakly")));
  assert.throws(() => serialize(signer), /could not be cloned/);

  const seed = mnemonicToSeedSync(MNEMONIC);
  const { privateKey } = accountKeys(MNEMONIC)(1);
  const secrets = [
    ...[seed, seed.slice(0, 32), privateKey].flatMap((secret) => [
      hex(secret),
      Buffer.from(secret).toString("base64"),
      [...secret].join(", ").slice(0, 40),
      [...secret].join(",").slice(0, 30),
      hex(secret).match(/../g)!.join(" ").slice(0, 40),
    ]),
    encodeNsec(privateKey),
    "nsec1",
    "xprv",
    MNEMONIC,
    "bleak badge",
  ];
  for (const text of shown) {
    for (const secret of secrets) assert.ok(!text.includes(secret), text);
  }
  assert.ok(Object.isFrozen(signer));
});

void test("home() is a key of its own, whose account no agent can have", async () => {
  const signer = derivedSigner(newMnemonic());
  const home = await signer.home();
  assert.notEqual(home.publicKey, (await signer.identity(0)).publicKey);
  await assert.rejects(signer.identity(2 ** 31 - 1), { code: "INVALID" });
  const posing = { name: "x", publicKey: home.publicKey, account: 2 ** 31 - 1 };
  await assert.rejects(signer.sign(posing, new Uint8Array(32)), { code: "INVALID" });
  await assert.rejects(signer.seal(posing, home.publicKey), { code: "INVALID" });
});

void test("adopt() takes in a key that seal() made for this home, and sign() then uses it", async () => {
  const [old, young, other] = [newMnemonic(), newMnemonic(), newMnemonic()].map((words) =>
    derivedSigner(words),
  );
  const { publicKey } = await old!.identity(3);
  const there = { name: "x", publicKey, account: 3 };
  const sealed = await old!.seal(there, (await young!.home()).publicKey);
  const key = await young!.adopt(publicKey, sealed);
  assert.notEqual(key, sealed);
  const here = { name: "x", publicKey, account: null, key };
  const message = new Uint8Array(32).fill(7);
  const signature = await young!.sign(here, message);
  assert.equal(young!.verify(publicKey, message, signature), true);
  assert.match(await young!.adopt(publicKey, key), /^[A-Za-z0-9+/=]+$/);
  // And on, and back.
  const back = await young!.seal(here, (await old!.home()).publicKey);
  assert.match(await old!.adopt(publicKey, back), /^[A-Za-z0-9+/=]+$/);

  const { publicKey: another } = await old!.identity(4);
  await assert.rejects(other!.adopt(publicKey, sealed), { code: "DENIED" });
  await assert.rejects(young!.adopt(another, sealed), { code: "DENIED" });
  await assert.rejects(young!.adopt(publicKey, `${sealed.slice(0, -8)}AAAAAAA=`), {
    code: "DENIED",
  });
  await assert.rejects(young!.sign({ ...here, publicKey: another }, message), { code: "DENIED" });
  await assert.rejects(young!.sign({ name: "x", publicKey, account: null }, message), {
    code: "DENIED",
  });
});
