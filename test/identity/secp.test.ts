import assert from "node:assert/strict";
import { test } from "node:test";

import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import * as fc from "fast-check";

import { isPublicKey, isSecretKey, nobleSecp } from "../../src/identity/secp.ts";
import { CURVES, secretOf, vectors, wasm } from "./setting.ts";

const ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const PRIME = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
/** An x that no point of the curve has: of BIP-340's vector 5. */
const NO_POINT = "eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34";

const BAD_SECRETS: readonly (readonly [what: string, secret: unknown])[] = [
  ["zero", new Uint8Array(32)],
  ["the order", hexToBytes(ORDER)],
  ["above the order", new Uint8Array(32).fill(255)],
  ["31 bytes", new Uint8Array(31).fill(1)],
  ["33 bytes", new Uint8Array(33).fill(1)],
  ["nothing", new Uint8Array(0)],
  ["hex", "01".repeat(32)],
  ["an array", Array.from({ length: 32 }, () => 1)],
  ["undefined", undefined],
];

const BAD_POINTS: readonly (readonly [what: string, key: unknown])[] = [
  ["no point", NO_POINT],
  ["zero", "0".repeat(64)],
  ["the prime of the field", PRIME],
  ["above the prime", "f".repeat(64)],
  ["31 bytes", "79".repeat(31)],
  ["33 bytes", `02${"79".repeat(32)}`],
  ["upper case", "AB".repeat(32)],
  ["a line after it", `${nobleSecp.publicKey(secretOf(1))}\n`],
  ["no hex", "g".repeat(64)],
  ["nothing", ""],
  ["bytes", new Uint8Array(32).fill(1)],
  ["undefined", undefined],
];

const bip340 = vectors("bip340-test-vectors.csv")
  .trim()
  .split(/\r?\n/)
  .slice(1)
  .map((line) => {
    const [index, secret, key, aux, message, signature, result] = line.toLowerCase().split(",");
    return { index, secret, key, aux, message, signature, result };
  });

for (const [name, secp] of CURVES) {
  void test(`${name}: BIP-340's vectors pass`, () => {
    assert.equal(bip340.length, 19);
    let signed = 0;
    for (const { index, secret, key, aux, message, signature, result } of bip340) {
      const [text, given] = [hexToBytes(message!), hexToBytes(signature!)];
      assert.equal(secp.verify(given, text, key!), result === "true", `vector ${index}`);
      if (secret === "") continue;
      signed += 1;
      const made = secp.sign(text, hexToBytes(secret!), hexToBytes(aux!));
      assert.equal(bytesToHex(made), signature, `vector ${index}`);
      assert.equal(secp.publicKey(hexToBytes(secret!)), key, `vector ${index}`);
    }
    assert.equal(signed, 8);
  });

  void test(`${name}: every function refuses what is no private key`, () => {
    const [message, aux] = [new Uint8Array(32), new Uint8Array(32)];
    const { publicKey } = { publicKey: secp.publicKey(secretOf(1)) };
    for (const [what, secret] of BAD_SECRETS) {
      const bad = secret as Uint8Array;
      assert.equal(isSecretKey(secret), false, what);
      assert.throws(() => secp.publicKey(bad), { code: "INVALID" }, what);
      assert.throws(() => secp.sign(message, bad, aux), { code: "INVALID" }, what);
      assert.throws(() => secp.sharedX(bad, publicKey), { code: "INVALID" }, what);
    }
    assert.equal(isSecretKey(hexToBytes(`${ORDER.slice(0, -1)}0`)), true);
    assert.equal(isSecretKey(hexToBytes("1".padStart(64, "0"))), true);
  });

  void test(`${name}: sharedX() refuses a public key that is no point, verify() says false`, () => {
    const message = new Uint8Array(32).fill(3);
    const signature = secp.sign(message, secretOf(1), new Uint8Array(32));
    for (const [what, key] of BAD_POINTS) {
      const bad = key as string;
      assert.throws(() => secp.sharedX(secretOf(1), bad), { code: "INVALID" }, what);
      assert.equal(secp.verify(signature, message, bad), false, what);
    }
    assert.equal(isPublicKey(NO_POINT), true, "its form is right");
  });

  void test(`${name}: verify() says false for signatures and messages that are none`, () => {
    const secret = secretOf(2);
    const key = secp.publicKey(secret);
    const message = new Uint8Array(32).fill(3);
    const good = secp.sign(message, secret, new Uint8Array(32).fill(1));
    assert.equal(secp.verify(good, message, key), true);
    const [r, s] = [good.slice(0, 32), good.slice(32)];
    const join = (first: Uint8Array, second: Uint8Array) => Uint8Array.from([...first, ...second]);
    const bad: unknown[] = [
      new Uint8Array(64),
      new Uint8Array(64).fill(255),
      join(hexToBytes(PRIME), s),
      join(hexToBytes(NO_POINT), s),
      join(new Uint8Array(32), s),
      join(r, hexToBytes(ORDER)),
      join(r, new Uint8Array(32)),
      join(s, r),
      good.slice(1),
      good.slice(0, 63),
      join(good, new Uint8Array(1)),
      new Uint8Array(0),
      bytesToHex(good),
      [...good],
      undefined,
    ];
    for (const [i, signature] of bad.entries()) {
      assert.equal(secp.verify(signature as Uint8Array, message, key), false, `signature ${i}`);
    }
    for (const text of ["", undefined, [...message], message.slice(1), new Uint8Array(32)]) {
      assert.equal(secp.verify(good, text as Uint8Array, key), false);
    }
  });

  void test(`${name}: sign() refuses randomness that is not 32 bytes, and text`, () => {
    const message = new Uint8Array(32);
    for (const aux of [new Uint8Array(31), new Uint8Array(33), undefined, "0".repeat(32)]) {
      const bad = aux as Uint8Array;
      assert.throws(() => secp.sign(message, secretOf(1), bad), { code: "INVALID" });
    }
    const text = "0".repeat(32) as unknown as Uint8Array;
    assert.throws(() => secp.sign(text, secretOf(1), message), { code: "INVALID" });
  });

  void test(`${name}: what was refused thousands of times leaves it as good as before`, () => {
    // An error thrown out of the WASM module uses up its stack: 3,500 of them were its end.
    const message = new Uint8Array(32);
    const signature = secp.sign(message, secretOf(1), new Uint8Array(32));
    for (let i = 0; i < 5000; i += 1) {
      assert.equal(secp.verify(signature, message, NO_POINT), false);
      assert.throws(() => secp.sharedX(secretOf(1), NO_POINT), { code: "INVALID" });
    }
    assert.equal(secp.verify(signature, message, secp.publicKey(secretOf(1))), true);
  });

  void test(`${name}: errors quote no key`, () => {
    const secret = hexToBytes(ORDER);
    for (const work of [
      () => secp.publicKey(secret),
      () => secp.sign(new Uint8Array(32), secret, new Uint8Array(32)),
      () => secp.sharedX(secret, NO_POINT),
      () => secp.sharedX(secretOf(1), NO_POINT),
    ]) {
      assert.throws(work, (error: Error) => {
        assert.equal(error.cause, undefined);
        assert.doesNotMatch(String(error.stack), /fffffffe|255, 255|eefdea|[0-9a-f]{64}/);
        return true;
      });
    }
  });
}

void test("both curves give the same for any key, message and randomness", () => {
  const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const secret = bytes32.filter(isSecretKey);
  const message = fc.oneof(bytes32, fc.uint8Array({ maxLength: 100 }));
  fc.assert(
    fc.property(secret, secret, message, bytes32, (one, two, text, aux) => {
      const [a, b] = [nobleSecp.publicKey(one), nobleSecp.publicKey(two)];
      assert.equal(wasm.publicKey(one), a);
      const shared = nobleSecp.sharedX(one, b);
      assert.deepEqual(wasm.sharedX(one, b), shared);
      assert.deepEqual(wasm.sharedX(two, a), shared);
      const signature = nobleSecp.sign(text, one, aux);
      assert.deepEqual(wasm.sign(text, one, aux), signature);
      assert.equal(wasm.verify(signature, text, a), true);
      assert.equal(nobleSecp.verify(signature, text, a), true);
      assert.equal(wasm.verify(signature, text, b), a === b);
    }),
    { numRuns: 40 },
  );
});

void test("both curves agree on which x are of points, and find each changed bit", () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToHex);
  const one = secretOf(1);
  const message = new Uint8Array(32).fill(7);
  const good = nobleSecp.sign(message, one, new Uint8Array(32));
  const own = nobleSecp.publicKey(one);
  const shared = (secp: typeof wasm, x: string): string => {
    try {
      return bytesToHex(secp.sharedX(one, x));
    } catch {
      return "none";
    }
  };
  fc.assert(
    fc.property(key, fc.nat(511), (x, bit) => {
      assert.equal(shared(wasm, x), shared(nobleSecp, x));
      const changed = good.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      for (const [, secp] of CURVES) assert.equal(secp.verify(changed, message, own), false);
    }),
    { numRuns: 60 },
  );
});
