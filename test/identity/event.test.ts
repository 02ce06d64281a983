import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";
import * as tools from "nostr-tools/pure";

import { sha256Hex } from "../../src/core/hash.ts";
import {
  eventId,
  expiration,
  MAX_EVENT_LENGTH,
  signEvent,
  tagValue,
  verifyEvent,
} from "../../src/identity/event.ts";
import type { EventTemplate, NostrEvent } from "../../src/identity/event.ts";
import { nobleSecp } from "../../src/identity/secp.ts";
import { CURVES, SECONDS, secretOf, seeded, wasm } from "./setting.ts";

const TEMPLATE: EventTemplate = {
  kind: 1,
  created_at: SECONDS,
  tags: [["e", "a".repeat(64)], ["t", "x", ""], []],
  content: 'a "b" \\ \n\r\t\b\f \u0000\u0001\u001f\u007f \u2028\u2029 é 😀 </script>',
};
const random = seeded(7);
const signed = (template: EventTemplate = TEMPLATE, seed = 1): NostrEvent =>
  signEvent(template, secretOf(seed), { random, secp: wasm });

/** Any text that an event may have. */
const text = fc.string({ unit: "binary", maxLength: 60 }).filter((one) => one.isWellFormed());
const templates: fc.Arbitrary<EventTemplate> = fc.record({
  kind: fc.integer({ min: 0, max: 65_535 }),
  created_at: fc.integer({ min: 0, max: 2 ** 40 }),
  tags: fc.array(fc.array(text, { maxLength: 4 }), { maxLength: 5 }),
  content: text,
});

void test("eventId() hashes NIP-01's serialisation, byte for byte", () => {
  const pubkey = "b".repeat(64);
  const event = { kind: 1, created_at: 5, tags: [["e", "f"], []], content: 'é\n"\\\u0001' };
  const text = `[0,"${pubkey}",5,1,[["e","f"],[]],"é\\n\\"\\\\\\u0001"]`;
  assert.equal(eventId({ ...event, pubkey }), sha256Hex(text));
});

for (const [name, secp] of CURVES) {
  void test(`${name}: signEvent() and verifyEvent() agree with nostr-tools in both directions`, () => {
    fc.assert(
      fc.property(templates, (template) => {
        const ours = signEvent(template, secretOf(3), { random, secp });
        assert.equal(tools.verifyEvent(ours as tools.Event), true);
        assert.equal(tools.getEventHash(ours as tools.Event), ours.id);
        assert.equal(verifyEvent(ours, secp), true);
        const theirs = tools.finalizeEvent(structuredClone(template) as tools.Event, secretOf(4));
        assert.equal(verifyEvent(theirs, secp), true);
        assert.equal(verifyEvent(JSON.parse(JSON.stringify(theirs)), secp), true);
        assert.equal(eventId(theirs), theirs.id);
      }),
      { numRuns: 25 },
    );
  });
}

void test("verifyEvent() finds a change of any member", () => {
  const good = signed();
  const other = signed({ ...TEMPLATE, content: "other" }, 2);
  const changes: Partial<Record<keyof NostrEvent, unknown>>[] = [
    { content: "changed" },
    { content: `${good.content} ` },
    { kind: 2 },
    { created_at: SECONDS + 1 },
    { tags: [] },
    { tags: [...good.tags, []] },
    { tags: good.tags.toReversed() },
    { pubkey: other.pubkey },
    { id: other.id },
    { sig: other.sig },
    { id: "" },
    { id: good.id.slice(0, -1) },
    { id: good.id.toUpperCase() },
    { sig: "" },
    { sig: good.sig.slice(0, -2) },
    { sig: `${good.sig}00` },
    { sig: good.sig.toUpperCase() },
    { sig: "0".repeat(128) },
    { pubkey: good.pubkey.toUpperCase() },
    { pubkey: "0".repeat(64) },
    { pubkey: "f".repeat(64) },
    { pubkey: "" },
  ];
  for (const [, secp] of CURVES) {
    assert.equal(verifyEvent(good, secp), true);
    for (const change of changes) {
      assert.equal(verifyEvent({ ...good, ...change }, secp), false, JSON.stringify(change));
    }
  }
});

void test("verifyEvent() trusts no mark that another library left on an event", () => {
  const theirs = tools.finalizeEvent(structuredClone(TEMPLATE) as tools.Event, secretOf(4));
  const forged = { ...theirs, content: "forged" };
  assert.equal(tools.verifyEvent(forged), true, "the trap is there");
  assert.equal(verifyEvent(forged), false);
  assert.equal(verifyEvent({ ...theirs, [tools.verifiedSymbol]: false }), true);
});

void test("eventId() refuses what NIP-01 does not allow, and verifyEvent() says false", () => {
  const good = signed();
  const bad: Partial<Record<keyof NostrEvent, unknown>>[] = [
    { pubkey: undefined },
    { pubkey: 1 },
    { pubkey: `${good.pubkey}\n` },
    { kind: -1 },
    { kind: 65_536 },
    { kind: 1.5 },
    { kind: "1" },
    { kind: NaN },
    { created_at: -1 },
    { created_at: 1.5 },
    { created_at: Infinity },
    { created_at: 2 ** 53 },
    { created_at: String(SECONDS) },
    { created_at: new Date() },
    { tags: undefined },
    { tags: {} },
    { tags: "e" },
    { tags: ["e"] },
    { tags: [["e", 1]] },
    { tags: [["e", null]] },
    { tags: [[["e"]]] },
    { tags: Array.from({ length: 2 }) },
    { tags: [["\ud800"]] },
    { content: undefined },
    { content: null },
    { content: 1 },
    { content: "\udc00 lone" },
    { content: "x".repeat(MAX_EVENT_LENGTH + 1) },
    { tags: Array.from({ length: 400_000 }, () => []) },
    { tags: [Array.from({ length: 400_000 }, () => "")] },
  ];
  for (const [i, change] of bad.entries()) {
    const event = { ...good, ...change } as NostrEvent;
    const refusal = { code: "INVALID", message: /^Cannot make event: / };
    assert.throws(() => eventId(event), refusal, `${i}`);
    assert.equal(verifyEvent(event), false, `${i}`);
  }
  for (const value of [undefined, null, "", "event", 1, [], {}, () => good, Object.create(null)]) {
    assert.equal(verifyEvent(value), false);
  }
});

void test("verifyEvent() throws nothing for any value", () => {
  const hostile = Object.defineProperty({ ...signed() }, "content", {
    get() {
      throw new Error("hostile");
    },
  });
  assert.equal(verifyEvent(hostile), false);
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (one, two) => {
      assert.equal(verifyEvent(one), false);
      const event: Record<string, unknown> = { ...signed() };
      for (const key of ["tags", "content", "sig"]) {
        assert.equal(verifyEvent({ ...event, [key]: two }), false);
      }
    }),
    { numRuns: 50 },
  );
});

void test("signEvent() signs nothing but the members of an event", () => {
  const event = signed({ ...TEMPLATE, secret: "kept" } as EventTemplate);
  assert.deepEqual(Object.keys(event).sort(), [
    "content",
    "created_at",
    "id",
    "kind",
    "pubkey",
    "sig",
    "tags",
  ]);
  assert.throws(() => signEvent(TEMPLATE, new Uint8Array(32), { random }), { code: "INVALID" });
  assert.equal(signed().pubkey, nobleSecp.publicKey(secretOf(1)));
});

void test("expiration() reads NIP-40's tag, and nothing that only looks like it", () => {
  const cases: readonly (readonly [tags: string[][], at: number | undefined])[] = [
    [[["expiration", "1600000000"]], 1_600_000_000],
    [[["e"], ["expiration", "0"]], 0],
    [
      [
        ["expiration", "5"],
        ["expiration", "6"],
      ],
      5,
    ],
    [[], undefined],
    [[["expiration"]], undefined],
    [[["expiration", ""]], undefined],
    [[["expiration", "soon"]], undefined],
    [[["expiration", "-5"]], undefined],
    [[["expiration", "1e3"]], undefined],
    [[["expiration", " 5"]], undefined],
    [[["expiration", "9".repeat(20)]], undefined],
  ];
  for (const [tags, at] of cases) assert.equal(expiration({ tags }), at);
  assert.equal(tagValue({ tags: [["a", "1"], ["b"], ["a", "2"]] }, "a"), "1");
  assert.equal(tagValue({ tags: [["b"]] }, "b"), undefined);
});
