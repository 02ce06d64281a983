import assert from "node:assert/strict";
import { test } from "node:test";
import { isPoint } from "../../src/identity/point.ts";

void test("isPoint() is true for keys of the vectors of BIP-340", () => {
  for (const key of [
    "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
    "DFF1D77F2A671C5F36183726DB2341BE58FEAE1DA2DECED843240F7B502BA659",
    "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
  ]) {
    assert.equal(isPoint(key), true, key);
  }
});

void test("isPoint() is false for what is on no curve, and for no key", () => {
  for (const key of [
    "0".repeat(64),
    "f".repeat(64),
    "EEFDEA4CDB677750A420FEE807EACF21EB9898AE79B9768766E4FAA04A2D4A34",
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC30",
    "79be",
  ]) {
    assert.equal(isPoint(key), false, key);
  }
});
