import assert from "node:assert/strict";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";

import * as fc from "fast-check";

import { OpenAgentsError } from "../../src/core/errors.ts";
import { canonicalJson, checkJson, parseJson, toJson } from "../../src/core/json.ts";

const invalid = (message: RegExp | string) => (error: unknown) => {
  assert.ok(error instanceof OpenAgentsError);
  assert.equal(error.code, "INVALID");
  if (typeof message === "string") assert.equal(error.message, message);
  else assert.match(error.message, message);
  return true;
};

/** Any value that JSON text can hold, but for -0, which is written as 0. */
const anyJson = fc.jsonValue({ stringUnit: "binary" }).map(withoutMinusZero);

function withoutMinusZero(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** Copies with the members of every object in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([key, member]) => [key, reversed(member)] as const);
  return Object.fromEntries(members.toReversed());
}

class Point {
  x = 1;
}

class Bare extends (null as unknown as ObjectConstructor) {
  static make(): object {
    return Object.create(Bare.prototype) as object;
  }
}

void test("toJson() gives back the same value for any JSON value", () => {
  fc.assert(
    fc.property(anyJson, (value) => {
      assert.deepEqual(JSON.parse(toJson(value, "value")), value);
    }),
    { numRuns: 500 },
  );
});

void test("toJson() refuses what JSON cannot carry, with the path to it", () => {
  const map = "Map is not JSON, store plain objects, arrays, strings and numbers";
  const cases: readonly (readonly [unknown, string])[] = [
    [undefined, 'Cannot store "state": undefined is not JSON'],
    [() => 1, 'Cannot store "state": function is not JSON'],
    [{ a: { b: 1n } }, 'Cannot store "state.a.b": bigint is not JSON'],
    [{ a: [0, Symbol("s")] }, 'Cannot store "state.a[1]": symbol is not JSON'],
    [["a", "\ud800"], 'Cannot store "state[1]": the text has a lone surrogate'],
    [{ a: { "\udc00": 1 } }, 'Cannot store "state.a": the name of a member has a lone surrogate'],
    [[NaN], 'Cannot store "state[0]": NaN is not JSON'],
    [{ n: -Infinity }, 'Cannot store "state.n": -Infinity is not JSON'],
    [[[undefined]], 'Cannot store "state[0][0]": undefined is not JSON'],
    [{ m: new Map() }, `Cannot store "state.m": ${map}`],
    [[{}, new Set()], `Cannot store "state[1]": ${map.replace("Map", "Set")}`],
    [{ at: new Date(0) }, `Cannot store "state.at": ${map.replace("Map", "Date")}`],
    [new Point(), `Cannot store "state": ${map.replace("Map", "Point")}`],
    [Bare.make(), `Cannot store "state": ${map.replace("Map", "Bare")}`],
    [new Uint8Array(2), `Cannot store "state": ${map.replace("Map", "Uint8Array")}`],
    [Object("text"), `Cannot store "state": ${map.replace("Map", "String")}`],
  ];
  for (const [value, message] of cases) {
    assert.throws(() => toJson(value, "state"), invalid(message));
    assert.throws(() => checkJson(value, "state"), invalid(message));
  }
});

void test("toJson() refuses a toJSON method, which would write something else", () => {
  const hidden = Object.defineProperty({ a: 1 }, "toJSON", { value: () => 2 });
  const list = Object.assign([1], { toJSON: () => 2 });
  for (const value of [hidden, list, { toJSON: () => 2 }]) {
    assert.throws(() => toJson(value, "state"), invalid(/^Cannot store "state": /));
  }
  assert.equal(toJson({ toJSON: "text" }, "state"), '{"toJSON":"text"}');
});

void test("toJson() refuses holes in arrays, which would come back as null", () => {
  const sparse: number[] = [1];
  sparse[2] = 3;
  assert.throws(() => toJson({ sparse }, "state"), invalid(/"state\.sparse\[1\]": undefined/));
  assert.throws(() => canonicalJson(sparse), invalid(/undefined is not JSON/));
});

void test("toJson() refuses a cycle with the path at which it closes", () => {
  const loop: { list: unknown[] } = { list: [] };
  loop.list.push({ back: loop });
  assert.throws(
    () => toJson(loop, "state"),
    invalid('Cannot store "state.list[0].back": it contains itself'),
  );
});

void test("toJson() accepts an object that occurs twice without a cycle", () => {
  const shared = { x: [1] };
  const value = { a: shared, b: { c: shared }, d: [shared, shared, shared.x] };
  assert.deepEqual(JSON.parse(toJson(value, "state")), value);
});

void test("toJson() leaves out undefined members and writes -0 as 0", () => {
  assert.equal(toJson({ a: undefined, b: -0 }, "state"), '{"b":0}');
});

void test("toJson() accepts plain objects of another realm and without prototype", () => {
  const foreign: unknown = runInContext("({ a: [1, { b: null }] })", createContext());
  assert.equal(toJson(foreign, "state"), '{"a":[1,{"b":null}]}');
  assert.equal(canonicalJson(foreign), '{"a":[1,{"b":null}]}');
  const bare: unknown = Object.assign(Object.create(null) as object, { a: 1 });
  assert.equal(toJson(bare, "state"), '{"a":1}');
});

void test("toJson() keeps a member named __proto__ as data, and refuses a changed prototype", () => {
  const text = '{"__proto__":{"admin":true},"constructor":1}';
  const value: unknown = JSON.parse(text);
  assert.equal(toJson(value, "state"), text);
  assert.equal(canonicalJson(value), text);
  assert.equal(({} as { admin?: boolean }).admin, undefined);
  const nested: unknown = JSON.parse('{"__proto__":{"a":[{"__proto__":1e400}]}}');
  assert.throws(() => toJson(nested, "s"), invalid(/"s\.__proto__\.a\[0\]\.__proto__": Infinity/));
  assert.throws(() => toJson({ __proto__: { a: 1 } }, "state"), invalid(/is not JSON/));
});

void test("toJson() and canonicalJson() refuse deep nesting instead of overflowing the stack", () => {
  const nest = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth));
  assert.equal(toJson(nest(500), "state").length, 1000);
  assert.equal(canonicalJson(nest(500)).length, 1000);
  for (const depth of [501, 100_000]) {
    assert.throws(() => toJson(nest(depth), "s"), invalid(/nests more than 500 levels/));
    assert.throws(() => canonicalJson(nest(depth)), invalid(/nests more than 500 levels/));
  }
});

void test("canonicalJson() writes the sample of RFC 8785, section 3.2.2", () => {
  const input = String.raw`{
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false]
  }`;
  const output = String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`;
  assert.equal(canonicalJson(JSON.parse(input)), output);
});

void test("canonicalJson() sorts by UTF-16 code units, as in RFC 8785, section 3.2.3", () => {
  const input = {
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    1: "One",
    "\ud83d\ude00": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
  };
  assert.deepEqual(Object.values(JSON.parse(canonicalJson([input]))[0] as object).slice(1), [
    "Carriage Return",
    "Control",
    "Latin Small Letter O With Diaeresis",
    "Euro Sign",
    "Emoji: Grinning Face",
    "Hebrew Letter Dalet With Dagesh",
  ]);
  // Reading puts the key "1" first again, so its place is looked up in the text.
  assert.match(canonicalJson(input), /^\{"\\r":"Carriage Return","1":"One","\u0080":/);
  assert.equal(canonicalJson({ 10: 0, 9: 0, a: 0, B: 0 }), '{"10":0,"9":0,"B":0,"a":0}');
});

void test("canonicalJson() writes the numbers of RFC 8785, appendix B", () => {
  const samples: Readonly<Record<string, string>> = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    ffefffffffffffff: "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    c340000000000000: "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    becbf647612f3696: "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
  };
  for (const [bits, text] of Object.entries(samples)) {
    assert.equal(canonicalJson(Buffer.from(bits, "hex").readDoubleBE()), text);
  }
  for (const bits of ["7fffffffffffffff", "7ff0000000000000"]) {
    const number = Buffer.from(bits, "hex").readDoubleBE();
    assert.throws(() => canonicalJson([number]), invalid(/(NaN|Infinity) is not JSON/));
  }
});

void test("canonicalJson() is the same after reading it, and whatever the order of members", () => {
  const wellFormed = anyJson.filter((value) => !/\\ud[89a-f]/.test(JSON.stringify(value)));
  fc.assert(
    fc.property(wellFormed, (value) => {
      const text = canonicalJson(value);
      assert.equal(canonicalJson(JSON.parse(text)), text);
      assert.equal(canonicalJson(reversed(value)), text);
      assert.deepEqual(JSON.parse(text), value);
    }),
    { numRuns: 500 },
  );
});

void test("canonicalJson() refuses lone surrogates, in keys too", () => {
  for (const value of ["a\ud800", { "\udc00": 1 }, [{ a: ["\udfff"] }]]) {
    assert.throws(() => canonicalJson(value), invalid(/lone surrogate/));
  }
  assert.equal(canonicalJson("\ud83d\ude00"), '"\u{1f600}"');
});

void test("canonicalJson() refuses what JSON would change or lose", () => {
  const loop: unknown[] = [];
  loop.push(loop);
  const values = [new Date(0), new Map([[1, 2]]), new Point(), Bare.make(), () => 1, 1n, undefined];
  for (const value of [...values, [undefined], { a: Symbol("s") }, loop]) {
    assert.throws(() => canonicalJson(value), invalid(/^Cannot write canonical JSON: /));
  }
  assert.equal(canonicalJson({ b: undefined, a: [null] }), '{"a":[null]}');
});

void test("parseJson() names what it could not parse", () => {
  assert.deepEqual(parseJson("[1]", "body"), [1]);
  assert.throws(() => parseJson("[1", "body"), invalid(/^Cannot parse body: .+/));
});
