import assert from "node:assert/strict";
import { test } from "node:test";

import { loadWasmSecp, wasmSecp } from "../../src/identity/secp-wasm.ts";
import { nobleSecp } from "../../src/identity/secp.ts";
import { secretOf, wasm } from "./setting.ts";

void test("loadWasmSecp() gives the curve where modules may be compiled, elsewhere undefined", async () => {
  const inWorker = "curveModule" in globalThis;
  const loaded = await loadWasmSecp();
  assert.equal(loaded === undefined, inWorker);
  assert.equal(
    loaded?.publicKey(secretOf(1)) ?? wasm.publicKey(secretOf(1)),
    nobleSecp.publicKey(secretOf(1)),
  );
});

void test("wasmSecp() refuses what is no such module when it is first used", () => {
  const secp = wasmSecp({});
  for (const work of [
    () => secp.publicKey(secretOf(1)),
    () => secp.verify(new Uint8Array(64), new Uint8Array(32), nobleSecp.publicKey(secretOf(1))),
  ]) {
    assert.throws(work, { code: "INVALID", message: /^Cannot use WASM curve: the module is not/ });
  }
});
