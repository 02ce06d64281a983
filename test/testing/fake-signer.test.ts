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
