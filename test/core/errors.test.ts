import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import {
  errorInfo,
  OpenAgentsError,
  RetryableError,
  TerminalError,
} from "../../src/core/errors.ts";
import { canonicalJson } from "../../src/core/json.ts";

void test("errorInfo() gives the code of our errors, and FAILED for anything else", () => {
  const ours = new OpenAgentsError("DENIED", "Cannot open it");
  assert.deepEqual(errorInfo(ours), { code: "DENIED", message: "Cannot open it" });
  assert.equal(errorInfo(new TerminalError("a")).code, "TERMINAL");
  assert.equal(errorInfo(new RetryableError("a", { code: "TIMEOUT" })).code, "TIMEOUT");
  assert.deepEqual(errorInfo(new TypeError("b")), { code: "FAILED", message: "b" });
  assert.deepEqual(errorInfo("c"), { code: "FAILED", message: "c" });
  assert.deepEqual(errorInfo(undefined), { code: "FAILED", message: "undefined" });
});

void test("errorInfo() gives what a record can carry, whatever was thrown", () => {
  const cut = new Error("\u{1f600}".slice(0, 1));
  const odd = Object.assign(new Error("x"), { message: { a: 1 } });
  const bare: unknown = Object.create(null);
  for (const error of [cut, odd, bare, Symbol("s"), 1n]) canonicalJson(errorInfo(error));
  assert.equal(errorInfo(cut).message, "\ufffd");
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true }), (error) => {
      canonicalJson(errorInfo(error));
    }),
  );
});
