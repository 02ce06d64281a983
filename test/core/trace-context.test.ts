import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatTrace, parseTrace, traceHeaders, traceOf } from "../../src/core/trace-context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const GOOD = `00-${TRACE}-${SPAN}-01`;

const HEX = "0 1 2 3 4 5 6 7 8 9 a b c d e f".split(" ");

const hexOf = (length: number) =>
  fc
    .array(fc.constantFrom(...HEX), { minLength: length, maxLength: length })
    .map((digits) => digits.join(""))
    .filter((text) => !/^0+$/.test(text));

const contexts = fc.record(
  { traceId: hexOf(32), spanId: hexOf(16), sampled: fc.boolean() },
  { noNullPrototype: true },
);

void test("parseTrace() gives back what formatTrace() wrote", () => {
  fc.assert(
    fc.property(contexts, (trace) => {
      assert.deepEqual(parseTrace(formatTrace(trace)), trace);
      assert.deepEqual(traceOf({ headers: traceHeaders(trace, { hops: "3" }) }), trace);
    }),
  );
});

void test("parseTrace() takes what the standard says, and drops flags that it does not know", () => {
  const parsed = { traceId: TRACE, spanId: SPAN, sampled: true };
  assert.deepEqual(parseTrace(GOOD), parsed);
  assert.deepEqual(parseTrace(`00-${TRACE}-${SPAN}-ff`), parsed);
  assert.deepEqual(parseTrace(`00-${TRACE}-${SPAN}-02`), { ...parsed, sampled: false });
  // A later version may have more behind.
  assert.deepEqual(parseTrace(`cc-${TRACE}-${SPAN}-01-what-will-be`), parsed);
  assert.deepEqual(parseTrace(`cc-${TRACE}-${SPAN}-01`), parsed);
});

void test("parseTrace() ignores what is no traceparent", () => {
  for (const text of [
    "",
    "00",
    GOOD.toUpperCase(),
    ` ${GOOD}`,
    `${GOOD} `,
    `${GOOD}\r\nx-injected: 1`,
    `${GOOD}\n`,
    `${GOOD}-more`,
    `cc${GOOD.slice(2)}.more`,
    `cc${GOOD.slice(2)}-${"x".repeat(1000)}`,
    `ff${GOOD.slice(2)}`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}0-01`,
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-0g`,
    `00-${TRACE}-${SPAN}-01, ${GOOD}`,
  ]) {
    assert.equal(parseTrace(text), undefined, JSON.stringify(text));
  }
  for (const none of [undefined, null, 1, {}, []]) {
    assert.equal(parseTrace(none as string | undefined), undefined);
  }
});

void test("parseTrace() accepts nothing that it would not write but for version and flags", () => {
  const like = fc
    .tuple(fc.nat(70), fc.constantFrom(...HEX, ..."A Z - _ \r \n \0 é".split(" "), " "))
    .map(([at, letter]) => GOOD.slice(0, at) + letter + GOOD.slice(at + 1));
  fc.assert(
    fc.property(fc.oneof(like, fc.string({ unit: "binary" })), (text) => {
      const parsed = parseTrace(text);
      if (parsed === undefined) return;
      assert.equal(formatTrace(parsed).slice(3, 52), text.slice(3, 52));
      assert.match(text, /^[ -~]+$/);
    }),
    { numRuns: 2000 },
  );
});

void test("parseTrace() passes a tracestate on as it is, and drops one that is none", () => {
  const state = (text: string): string | undefined => parseTrace(GOOD, text)?.state;
  for (const good of [
    "vendor=1",
    "a=1,b=2",
    "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE",
    "t@v=x y",
  ]) {
    assert.equal(state(good), good);
  }
  for (const bad of [
    "",
    "vendor",
    "=1",
    "Vendor=1",
    "a=1=2",
    "a=1\r\nx: y",
    "a=é",
    "a=1,,",
    `a=${"x".repeat(600)}`,
    Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(","),
  ]) {
    assert.equal(state(bad), undefined, bad);
    assert.equal(parseTrace(GOOD, bad)?.traceId, TRACE);
  }
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 700 }), (text) => {
      const kept = state(text);
      assert.ok(kept === undefined || (kept === text && /^[\t -~]{1,512}$/.test(kept)));
    }),
  );
});

void test("traceHeaders() takes the place of what was there, also of its state", () => {
  const headers = { traceparent: "junk", tracestate: "old=1", hops: "2" };
  const trace = { traceId: TRACE, spanId: SPAN, sampled: true };
  assert.deepEqual(traceHeaders(trace, headers), { hops: "2", traceparent: GOOD });
  assert.equal(traceHeaders({ ...trace, state: "new=1" }, headers)["tracestate"], "new=1");
});
