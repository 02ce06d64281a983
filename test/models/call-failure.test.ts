import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { failureOf } from "../../src/models/call-failure.ts";
import { messageOf } from "../../src/models/message-of.ts";

const NOW = Date.parse("2026-11-29T00:00:00Z");
const DAY = 86_400_000;

const waitFor = (headers: Record<string, unknown>): number | undefined =>
  failureOf({ message: "Busy", isRetryable: true, statusCode: 429, responseHeaders: headers }, NOW)
    .wait;

void test("failureOf() reads Retry-After in seconds, in ms and as a date, and nothing else", () => {
  const cases: readonly (readonly [Record<string, unknown>, number | undefined])[] = [
    [{ "retry-after": "20" }, 20_000],
    [{ "Retry-After": " 1.5 " }, 1500],
    [{ "retry-after-ms": "250", "retry-after": "20" }, 250],
    [{ "retry-after": "Sun, 29 Nov 2026 00:01:00 GMT" }, 60_000],
    [{ "retry-after": "Sunday, 29-Nov-26 00:01:00 GMT" }, 60_000],
    [{ "retry-after": "Sat, 28 Nov 2026 00:00:00 GMT" }, 0],
    [{ "retry-after": "Fri, 31 Dec 9999 23:59:59 GMT" }, DAY],
    [{ "retry-after": "999999999999999999999" }, DAY],
    [{ "retry-after": "1e300" }, undefined],
    [{ "retry-after": "Infinity" }, undefined],
    [{ "retry-after": "-5" }, undefined],
    [{ "retry-after": "0x10" }, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "" }, undefined],
    [{ "retry-after": 7 }, undefined],
    [{}, undefined],
  ];
  for (const [headers, wait] of cases) {
    assert.equal(waitFor(headers), wait, JSON.stringify(headers));
  }
});

void test("failureOf() gives a wait within a day or none, whatever the header says", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const wait = waitFor({ "retry-after": text });
      assert.ok(wait === undefined || (Number.isInteger(wait) && wait >= 0 && wait <= DAY));
    }),
  );
});

void test("failureOf() and messageOf() take whatever is thrown", () => {
  const circle: Record<string, unknown> = {};
  circle["error"] = { error: circle };
  const odd: readonly unknown[] = [
    undefined,
    null,
    Symbol("x"),
    () => 1,
    { toJSON: () => undefined },
    Object.assign(new Error(""), { name: undefined }),
    circle,
    Object.create(null),
  ];
  for (const one of odd) {
    assert.equal(typeof messageOf(one), "string");
    assert.equal(typeof failureOf(one, NOW).message, "string");
  }
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (thrown) => {
      const { message, passes, wait } = failureOf(thrown, NOW);
      assert.ok(typeof message === "string" && message.length <= 500 && message.isWellFormed());
      assert.equal(typeof passes, "boolean");
      assert.ok(wait === undefined || wait >= 0);
    }),
  );
});
