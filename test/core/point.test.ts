import assert from "node:assert/strict";
import { test } from "node:test";
import { checkPoint } from "../../src/core/point.ts";

void test("checkPoint() says which key is none", () => {
  const isPoint = (key: string): boolean => key === "good";
  checkPoint({ isPoint }, "good", "npub1x");
  assert.throws(() => checkPoint({ isPoint }, "bad", "npub1x"), {
    code: "INVALID",
    message: /npub1x/,
  });
});
