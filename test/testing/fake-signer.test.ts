import assert from "node:assert/strict";
import { test } from "node:test";
import { isNpub } from "../../src/core/agent.ts";
import type { AgentRecord } from "../../src/index.ts";
import { fakeSigner } from "../../src/testing/index.ts";

void test("fakeSigner() gives each account its keys, and signatures that it alone accepts", async () => {
  const signer = fakeSigner();
  const identities = await Promise.all(Array.from({ length: 50 }, (_, i) => signer.identity(i)));
  assert.equal(new Set(identities.map(({ npub }) => npub)).size, 50);
  assert.ok(identities.every(({ npub }) => isNpub(npub)));
  assert.deepEqual(await fakeSigner().identity(7), identities[7]);
  const { publicKey } = identities[0]!;
  const message = new Uint8Array(32).fill(1);
  const signature = await signer.sign({ publicKey } as AgentRecord, message);
  assert.equal(signature.length, 64);
  assert.equal(signer.verify(publicKey, message, signature), true);
  assert.equal(signer.verify(publicKey, message.fill(2), signature), false);
  assert.equal(signer.verify(publicKey, message.fill(1), signature.subarray(1)), false);
});

void test("fakeSigner() lets the two of a conversation read it, and keeps a key that is brought", async () => {
  const signer = fakeSigner();
  const [one, two, three] = await Promise.all([0, 1, 2].map((i) => signer.identity(i)));
  const keyed = ({ publicKey }: { readonly publicKey: string }) => ({ publicKey }) as AgentRecord;
  const bytes = Uint8Array.of(0, 1, 255);
  const payload = await signer.encrypt(keyed(one!), two!.publicKey, bytes);
  assert.deepEqual(await signer.decrypt(keyed(two!), one!.publicKey, payload), bytes);
  assert.deepEqual(await signer.decrypt(keyed(one!), two!.publicKey, payload), bytes);
  await assert.rejects(signer.decrypt(keyed(three!), one!.publicKey, payload), { code: "DENIED" });
  await assert.rejects(signer.decrypt(keyed(one!), two!.publicKey, "x"), { code: "DENIED" });
  const { publicKey, key } = await signer.importKey("a key");
  assert.deepEqual(await signer.importKey("a key"), await fakeSigner().importKey("a key"));
  assert.equal(await signer.adopt(publicKey, key), key);
});
