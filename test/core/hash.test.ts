import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import * as fc from "fast-check";

import { leafHash, portableSha256Hex, sha256Hex } from "../../src/core/hash.ts";

void test("sha256Hex() gives the hashes of FIPS 180-4's examples", () => {
  const cases = {
    "": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    abc: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq:
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  };
  for (const [text, hash] of Object.entries(cases)) assert.equal(sha256Hex(text), hash);
});

void test("leafHash() gives the leaf hashes of RFC 6962", () => {
  const empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
  assert.equal(leafHash(""), empty);
  const text = "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56";
  assert.equal(leafHash("L123456"), text);
});

void test("sha256Hex() and leafHash() agree with another implementation", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      const other = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
      assert.equal(sha256Hex(text), other(text));
      assert.equal(portableSha256Hex(text), other(text));
      assert.equal(sha256Hex(Buffer.from(text)), other(text));
      assert.equal(leafHash(text), other(Buffer.concat([Buffer.of(0), Buffer.from(text)])));
    }),
  );
});
