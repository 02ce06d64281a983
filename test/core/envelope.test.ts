import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { checkEnvelope, ENVELOPE_TYPES, textOf, triggerOf } from "../../src/core/envelope.ts";
import type { Envelope } from "../../src/core/envelope.ts";
import { OpenAgentsError } from "../../src/core/errors.ts";

const LEAST: Envelope = {
  id: "018f-1",
  sentAt: 1_763_000_000_000,
  source: "http",
  from: "operator",
  to: "npub1zutzeysacnf9rru6zqwmxd54mud0k44tst6l70ja5mhv8jjumytsd2x7nu",
  type: "message",
  payload: null,
};

const FULL: Envelope = {
  ...LEAST,
  payload: { text: "hi", list: [1, { a: null }] },
  replyTo: "018f-0",
  traceId: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  seq: 0,
  expiresAt: 1_763_000_060_000,
  priority: -100,
  headers: { "content-type": "text/plain", empty: "" },
};

void test("checkEnvelope() accepts the least and the fullest envelope, of every type", () => {
  for (const type of ENVELOPE_TYPES) {
    checkEnvelope({ ...LEAST, type });
    checkEnvelope({ ...FULL, type });
  }
  checkEnvelope({ ...LEAST, id: "x".repeat(200), priority: 100, seq: undefined, unknown: 1 });
});

void test("checkEnvelope() refuses every bad field by its name", () => {
  const notText = ["", 1, null, {}, ["a"], "a\nb", "\u0000", "a\ud800"];
  const notTime = [-1, 1.5, NaN, Infinity, 2 ** 53, "1", 1n, null];
  const bad: Readonly<Record<keyof Envelope, readonly unknown[]>> = {
    id: [...notText, undefined, "x".repeat(201), "a/b"],
    sentAt: [...notTime, undefined],
    source: [...notText, undefined],
    from: [...notText, undefined],
    to: [...notText, undefined],
    toName: notText,
    sealed: ["", "yes", true, null, "SENDER"],
    type: ["", "Message", "mail", "toString", undefined, null, 0],
    payload: [undefined, NaN, () => 1, 1n, new Date(0), { a: [new Map()] }],
    replyTo: [...notText, "x".repeat(201), "a/b"],
    traceId: notText,
    seq: notTime,
    expiresAt: notTime,
    priority: [101, -101, 0.5, "1", NaN, null],
    headers: [null, [], "a", { a: 1 }, { a: undefined }],
  };
  for (const [field, values] of Object.entries(bad)) {
    for (const value of values) {
      assert.throws(
        () => checkEnvelope({ ...FULL, [field]: value }),
        (error) => {
          assert.ok(error instanceof OpenAgentsError);
          assert.equal(error.code, "INVALID");
          assert.match(error.message, new RegExp(`^Cannot [a-z ]+:? "${field}["\\[.]`));
          return true;
        },
        `${field}: ${typeof value} ${String(value)}`,
      );
    }
  }
});

void test("checkEnvelope() refuses what is no object", () => {
  for (const value of [undefined, null, 1, "{}", [], [LEAST]]) {
    assert.throws(() => checkEnvelope(value), /Cannot accept envelope: it must be an object/);
  }
});

void test("checkEnvelope() never throws anything else, whatever it is given", () => {
  const fields = Object.keys(FULL);
  fc.assert(
    fc.property(fc.constantFrom(...fields), fc.anything({ withBigInt: true }), (field, value) => {
      try {
        checkEnvelope({ ...FULL, [field]: value });
      } catch (error) {
        assert.ok(error instanceof OpenAgentsError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

void test("triggerOf() gives what a tick sees, with defaults for what is absent", () => {
  assert.partialDeepStrictEqual(triggerOf(LEAST), {
    type: "message",
    id: LEAST.id,
    from: "operator",
    source: "http",
    sentAt: LEAST.sentAt,
    payload: null,
    text: "null",
    replyTo: undefined,
    headers: {},
  });
  const types = ENVELOPE_TYPES.map((type) => triggerOf({ ...FULL, type }).type).join(" ");
  assert.equal(types, "message message message alarm event mention manual initialize manual");
});

void test("textOf() is the text, the text member, or else the JSON", () => {
  assert.equal(textOf("a"), "a");
  assert.equal(textOf({ text: "b", c: 1 }), "b");
  assert.equal(textOf({ text: 1 }), '{"text":1}');
  assert.equal(textOf(["text"]), '["text"]');
  assert.equal(textOf(null), "null");
});
