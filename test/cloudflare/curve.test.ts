import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { hexToBytes } from "@noble/hashes/utils.js";
import { startWorkerd } from "../../scripts/workerd.ts";
import { nobleSecp } from "../../src/identity/secp.ts";

void test("a Worker whose entry passes in the WASM curve signs with it", async () => {
  const entry = import.meta.resolve("tiny-secp256k1");
  await using worker = await startWorkerd({
    entry: "test/cloudflare/curve.worker.ts",
    wasm: { "secp256k1.wasm": fileURLToPath(new URL("secp256k1.wasm", entry)) },
  });
  const post = async (path: string, body: object): Promise<unknown> => {
    const response = await worker.fetch(path, { method: "POST", body: JSON.stringify(body) });
    assert.ok(response.ok, `${response.status} ${worker.output()}`);
    return response.json();
  };
  await post("/agents", { name: "ada", type: "notary" });
  const hash = "5e".repeat(32);
  const answer = JSON.stringify(await post("/agents/ada/send?wait=20", { text: hash }));
  const [, publicKey] = /"publicKey":"([0-9a-f]{64})"/.exec(answer)!;
  const [, signature] = /"signature":"([0-9a-f]{128})"/.exec(answer)!;
  assert.ok(nobleSecp.verify(hexToBytes(signature!), hexToBytes(hash), publicKey!));
});
