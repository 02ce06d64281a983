import assert from "node:assert/strict";
import { test } from "node:test";

import { schnorr } from "@noble/curves/secp256k1.js";
import * as fc from "fast-check";
import * as nip04 from "nostr-tools/nip04";
import * as nip49 from "nostr-tools/nip49";

import type { AgentRecord } from "../../src/core/agent.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { accountKeys, newMnemonic } from "../../src/identity/nip06.ts";
import { decodeNpub, encodeNsec } from "../../src/identity/nip19.ts";
import { CURVES, secretOf, someone, vectors as vectorsOf, wasm } from "./setting.ts";

const MNEMONIC =
  "what bleak badge arrange retreat wolf trade produce cricket blur garlic valid proud rude strong choose busy staff weather area salt hollow arm fade";
const signer = derivedSigner(MNEMONIC);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

async function agent(account: number): Promise<AgentRecord> {
  const { npub, publicKey } = await signer.identity(account);
  const facts = {
    name: `agent-${account}`,
    type: "test",
    labels: [],
    status: "live",
    createdAt: 0,
  } as const;
  return { id: npub, publicKey, account, ...facts };
}

const vectors = vectorsOf("bip340-test-vectors.csv")
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

for (const [name, secp] of CURVES) {
  void test(`sign(), encrypt(), seal() and adopt() do the same by ${name}`, async () => {
    const [here, there] = [
      derivedSigner(MNEMONIC, { secp }),
      derivedSigner(newMnemonic(), { secp }),
    ];
    const one = await agent(4);
    const message = new Uint8Array(32).fill(5);
    assert.equal(signer.verify(one.publicKey, message, await here.sign(one, message)), true);
    const key = await there.adopt(
      one.publicKey,
      await here.seal(one, (await there.home()).publicKey),
    );
    const moved = { name: "x", publicKey: one.publicKey, account: null, key };
    const peer = someone(1);
    const payload = await here.encrypt(one, peer.publicKey, bytes("00ff"));
    assert.equal(hex(await there.decrypt(moved, peer.publicKey, payload)), "00ff");
  });
}

void test("encrypt() and decrypt() are NIP-44 between an agent and any key", async () => {
  const [one, two] = [await agent(1), await agent(2)];
  const peer = someone(1);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (plaintext) => {
      const payload = await signer.encrypt(one, two.publicKey, plaintext);
      assert.deepEqual(await signer.decrypt(two, one.publicKey, payload), plaintext);
      assert.deepEqual(await signer.decrypt(one, two.publicKey, payload), plaintext);
      await assert.rejects(signer.decrypt(one, peer.publicKey, payload), { code: "DENIED" });
    }),
    { numRuns: 20 },
  );
  const text = new TextEncoder().encode("hé");
  const out = await signer.encrypt(one, peer.publicKey, text);
  assert.equal(await peer.decrypt(one.publicKey, out), "hé");
  assert.deepEqual(
    await signer.decrypt(one, peer.publicKey, await peer.encrypt(one.publicKey, "hé")),
    text,
  );
});

void test("encrypt() and decrypt() refuse what is no key, plaintext or payload", async () => {
  const one = await agent(1);
  const { publicKey } = someone(1);
  for (const key of [
    "",
    "0".repeat(64),
    "f".repeat(64),
    publicKey.toUpperCase(),
    `02${publicKey}`,
  ]) {
    await assert.rejects(signer.encrypt(one, key, bytes("00")), { code: "INVALID" }, key);
    await assert.rejects(signer.decrypt(one, key, "x"), { code: "INVALID" }, key);
    await assert.rejects(signer.decryptLegacy!(one, key, "x"), { code: "INVALID" }, key);
  }
  await assert.rejects(signer.encrypt(one, publicKey, new Uint8Array(0)), { code: "INVALID" });
  await assert.rejects(signer.decrypt(one, publicKey, "no payload"), { code: "DENIED" });
  await assert.rejects(signer.decryptLegacy!(one, publicKey, "no payload"), { code: "DENIED" });
});

void test("a conversation that is cached is not open to a record with another agent's key", async () => {
  const [one, two] = [await agent(1), await agent(2)];
  const { publicKey: peer } = someone(1);
  const payload = await signer.encrypt(one, peer, bytes("0102"));
  const denied = { code: "DENIED" };
  for (const forged of [
    { ...two, publicKey: one.publicKey },
    { ...one, account: null },
    { ...one, account: null, key: "1" },
    { ...one, account: 7 },
  ]) {
    await assert.rejects(signer.decrypt(forged, peer, payload), denied);
    await assert.rejects(signer.encrypt(forged, peer, bytes("00")), denied);
    await assert.rejects(signer.decryptLegacy!(forged, peer, payload), denied);
  }
});

void test("encrypt() works out the key of a conversation once", async () => {
  let worked = 0;
  const counting = derivedSigner(MNEMONIC, {
    secp: {
      ...wasm,
      sharedX(secret, publicKey) {
        worked += 1;
        return wasm.sharedX(secret, publicKey);
      },
    },
  });
  const one = await agent(1);
  const { publicKey } = someone(1);
  for (let i = 0; i < 5; i += 1) {
    const payload = await counting.encrypt(one, publicKey, bytes("00"));
    await counting.decrypt(one, publicKey, payload);
  }
  assert.equal(worked, 1);
});

void test("decryptLegacy() reads what old clients sent", async () => {
  const one = await agent(1);
  const payload = nip04.encrypt(secretOf(1), one.publicKey, "an old message");
  assert.equal(await signer.decryptLegacy!(one, someone(1).publicKey, payload), "an old message");
});

void test("importKey() takes in an nsec or an ncryptsec, and sign() then uses the key", async () => {
  const home = derivedSigner(newMnemonic(), { secp: wasm });
  const secret = secretOf(9);
  const { publicKey } = someone(9);
  const message = new Uint8Array(32).fill(3);
  for (const [text, password] of [
    [encodeNsec(secret), undefined],
    [encodeNsec(secret).toUpperCase(), undefined],
    [nip49.encrypt(secret, "a password", 4), "a password"],
  ] as const) {
    const imported = await home.importKey(text, password);
    assert.equal(imported.publicKey, publicKey);
    assert.equal(decodeNpub(imported.npub), publicKey);
    const record = { name: "x", publicKey, account: null, key: imported.key };
    assert.equal(home.verify(publicKey, message, await home.sign(record, message)), true);
    const payload = await home.encrypt(record, someone(1).publicKey, bytes("aa"));
    assert.equal(hex(await home.decrypt(record, someone(1).publicKey, payload)), "aa");
    // It is sealed for this home alone, and moves as any other key does.
    const other = derivedSigner(newMnemonic(), { secp: wasm });
    await assert.rejects(other.sign(record, message), { code: "DENIED" });
    const moved = await other.adopt(
      publicKey,
      await home.seal(record, (await other.home()).publicKey),
    );
    const there = { ...record, key: moved };
    assert.equal(other.verify(publicKey, message, await other.sign(there, message)), true);
  }
});

void test("importKey() refuses what is no key, and a password that is wrong, missing or needless", async () => {
  const mnemonic = newMnemonic();
  const home = derivedSigner(mnemonic, { secp: wasm });
  const nsec = encodeNsec(secretOf(9));
  const ncryptsec = nip49.encrypt(secretOf(9), "a password", 4);
  const own = encodeNsec(accountKeys(mnemonic)(2 ** 31 - 1).privateKey);
  const cases: readonly (readonly [text: unknown, password: string | undefined, code: string])[] = [
    ["", undefined, "INVALID"],
    [undefined, undefined, "INVALID"],
    [hex(secretOf(9)), undefined, "INVALID"],
    [someone(9).publicKey, undefined, "INVALID"],
    [(await home.identity(0)).npub, undefined, "INVALID"],
    [`${nsec}q`, undefined, "INVALID"],
    [encodeNsec(new Uint8Array(32)), undefined, "INVALID"],
    [encodeNsec(new Uint8Array(32).fill(255)), undefined, "INVALID"],
    [nsec, "a password", "INVALID"],
    [own, undefined, "INVALID"],
    [ncryptsec, undefined, "DENIED"],
    [ncryptsec, "another", "DENIED"],
    [`${ncryptsec}q`, "a password", "INVALID"],
    [nip49.encrypt(new Uint8Array(32), "a password", 4), "a password", "CORRUPT"],
  ];
  for (const [text, password, code] of cases) {
    await assert.rejects(home.importKey(text as string, password), { code }, String(text));
  }
});

void test("exportKey() gives an ncryptsec that other clients and importKey() read, and no key but an agent's", async () => {
  const home = derivedSigner(MNEMONIC, { secp: wasm });
  const one = await agent(1);
  const { privateKey } = accountKeys(MNEMONIC)(1);
  const ncryptsec = await home.exportKey(one, "a password");
  assert.deepEqual(nip49.decrypt(ncryptsec, "a password"), privateKey);
  assert.notEqual(await home.exportKey(one, "a password"), ncryptsec, "a new salt each time");
  const brought = await home.importKey(encodeNsec(secretOf(9)));
  const nine = { name: "nine", publicKey: brought.publicKey, account: null, key: brought.key };
  const again = await home.exportKey(nine, "ÅΩẛ̣");
  const other = derivedSigner(newMnemonic(), { secp: wasm });
  assert.equal((await other.importKey(again, "ÅΩẛ̣")).publicKey, brought.publicKey);

  await assert.rejects(home.exportKey(one, ""), { code: "INVALID" });
  await assert.rejects(other.exportKey(one, "a password"), { code: "DENIED" });
  const posing = { name: "x", publicKey: (await home.home()).publicKey, account: 2 ** 31 - 1 };
  await assert.rejects(home.exportKey(posing, "a password"), { code: "INVALID" });
});

void test("openSecret() gives what sealSecret() was given, at the same home and under the same name alone", async () => {
  const mnemonic = newMnemonic();
  const one = derivedSigner(mnemonic);
  const texts = ["tok!", "ä\n\u0000\u{1F511}", "x".repeat(65_536), "\uFEFFmark"];
  for (const text of texts) {
    const sealed = await one.sealSecret("NAME", text);
    assert.ok(!sealed.includes(text.slice(0, 20)));
    assert.notEqual(await one.sealSecret("NAME", text), sealed);
    assert.equal(await derivedSigner(mnemonic).openSecret("NAME", sealed), text);
  }
  const sealed = await one.sealSecret("NAME", "the secret");
  const altered = `${sealed.slice(0, 60)}${sealed[60] === "A" ? "B" : "A"}${sealed.slice(61)}`;
  const { publicKey } = await one.identity(0);
  const agent = { name: "a", publicKey, account: 0 };
  const bytes = new TextEncoder().encode('["NAME","forged"]');
  const byAgent = await one.encrypt(agent, (await one.home()).publicKey, bytes);
  for (const [signer, name, text] of [
    [derivedSigner(newMnemonic()), "NAME", sealed],
    [one, "OTHER", sealed],
    [one, "NAME", altered],
    [one, "NAME", ""],
    [one, "NAME", byAgent],
  ] as const) {
    await assert.rejects(signer.openSecret(name, text), (error: Error) => {
      assert.equal((error as { code?: string }).code, "DENIED");
      assert.ok(!error.message.includes("the secret"));
      return true;
    });
  }
});
