import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv } from "ajv";
import * as fc from "fast-check";
import type { Json } from "../../src/core/json.ts";
import { problemsOf } from "../../src/models/json-schema.ts";
import type { JsonSchema } from "../../src/models/json-schema.ts";

const leaf: fc.Arbitrary<JsonSchema> = fc.oneof(
  fc.record({ type: fc.constantFrom("string", "number", "integer", "boolean", "null") }),
  fc.record({ type: fc.constant("string"), minLength: fc.nat(4), maxLength: fc.nat(6) }),
  fc.record({
    minimum: fc.integer({ min: -3, max: 3 }),
    exclusiveMaximum: fc.integer({ min: -3, max: 5 }),
  }),
  fc.record({ enum: fc.uniqueArray(fc.constantFrom("a", "b", 1, null), { minLength: 1 }) }),
  fc.record({ const: fc.constantFrom("a", 0, true) }),
  fc.record({ type: fc.constant(["string", "null"]), pattern: fc.constantFrom("^a", "b$") }),
);
const { schema } = fc.letrec<{ schema: JsonSchema }>((tie) => ({
  schema: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.record({
      type: fc.constant("array"),
      items: tie("schema"),
      minItems: fc.nat(2),
      maxItems: fc.nat(3),
    }),
    fc.record({
      type: fc.constant("object"),
      properties: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("schema")),
      required: fc.uniqueArray(fc.constantFrom("a", "b")),
      additionalProperties: fc.oneof(fc.boolean(), tie("schema")),
    }),
    fc.record({ anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ allOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }) }),
  ),
}));
const value = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom<Json>("a", "b", "ab", "", 0, 1, 2.5, -1, true, null),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value")),
  ),
})).value;

void test("problemsOf() finds fault with just what another checker finds fault with", () => {
  const ajv = new Ajv({ strict: false, allErrors: false });
  fc.assert(
    fc.property(schema, value, (schema, value) => {
      const isRight = ajv.validate(schema, value);
      assert.equal(
        problemsOf(value, schema).length === 0,
        isRight,
        JSON.stringify(problemsOf(value, schema)),
      );
    }),
    { numRuns: 300 },
  );
});

void test("problemsOf() says where something is wrong, and follows references", () => {
  const schema = {
    type: "object",
    properties: {
      at: { $ref: "#/$defs/place" },
      tags: { type: "array", items: { type: "string" } },
    },
    required: ["at", "why"],
    additionalProperties: false,
    $defs: { place: { type: "object", properties: { x: { type: "integer" } } } },
  };
  assert.deepEqual(problemsOf({ at: { x: 1.5 }, tags: ["a", 2], more: 1 }, schema), [
    '"why" is missing',
    '"at.x" must be integer',
    '"tags[1]" must be string',
    '"more" is not known',
  ]);
});

// Each of these alone would take longer than the world has stood.
void test("problemsOf() has an end for schemas that are made to have none", () => {
  const self = { anyOf: [{ $ref: "#" }, { $ref: "#" }], type: "string" };
  assert.deepEqual(problemsOf("x", self), []);
  const both = { allOf: [{ $ref: "#" }, { $ref: "#" }] };
  assert.deepEqual(problemsOf("x", both), []);
  for (const pattern of [
    "^(a+)+$",
    "^(a|a)*$",
    "^(a?){40}a{40}$",
    "^a*a*a*a*a*a*a*a*$",
    `^${"a?".repeat(40)}${"a".repeat(40)}$`,
    "^(?:(?:a*)*)*$",
    "^([a-z]+)*$",
    "^(\\w+\\s?)*$",
    `^${".?".repeat(28)}${".".repeat(14)}\\0$`,
    `^${"[ab]?".repeat(28)}${"a".repeat(14)}\\0$`,
    `^${"(a|a)".repeat(40)}$`,
    `^${"(?:a|a)".repeat(40)}$`,
    `^${"(?=a*)a??".repeat(40)}!!$`,
    `^${"a{0,9}".repeat(12)}!!$`,
    "^(?<x>a*)\\k<x>\\k<x>b",
    "(a*)\\1\\1b",
    "a*b",
    "(?:(?:(?:){9999}){9999}){9999}",
    "^(a|aa)+$",
  ]) {
    problemsOf(`${"a".repeat(28)}!`, { pattern });
    problemsOf("a".repeat(1_000_000), { pattern });
    problemsOf(
      Array.from({ length: 2000 }, () => "a".repeat(40)),
      { items: { pattern } },
    );
    problemsOf(`${"a".repeat(12)}!`, { pattern });
    problemsOf(`${"a".repeat(11)}!`, { pattern });
    problemsOf(`${"a".repeat(40)}!`, { pattern });
    problemsOf(`${"a".repeat(10_000)}!`, { pattern });
  }
  assert.deepEqual(problemsOf("x", { $ref: "#/a%/b" }), []);
  const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`m${i}`, i]));
  assert.equal(problemsOf(many, { additionalProperties: false }).length, 10);
  const items = Array.from({ length: 2000 }, () => "abcdef");
  const large = Array.from({ length: 100_000 }, () => ({}));
  const list = Array.from({ length: 300 }, (_, a) => ({ a }));
  const words = Array.from({ length: 100_000 }, (_, i) => `w${i}`);
  const wide = Array.from({ length: 2000 }, () => ({}));
  problemsOf(list, { enum: large });
  problemsOf(items, { items: { enum: large } });
  problemsOf(items, { items: { type: words } });
  problemsOf(wide, { items: { required: words } });
  problemsOf(items, { items: { $ref: `#${"/a".repeat(500_000)}` } });
  problemsOf(items, { items: { $ref: `#${"/%61".repeat(250)}` } });
});

void test("problemsOf() goes on looking at patterns that are quick", () => {
  for (const [pattern, fits, not] of [
    ["^\\d{4}-\\d{2}-\\d{2}$", "2026-11-29", "tomorrow"],
    ["^[a-z]+@[a-z]+\\.[a-z]{2,}$", "a@b.cd", "nobody"],
    ["^(https?|ftp)://", "http://x.test", "gopher://x"],
    ["^(\\+\\d{1,3})?\\d+$", "+47123", "none"],
    ["^[\\p{L}\\u{20}-]+$", "Åse Lund-Vik", "x1"],
    ["^(?:red|green)(?:, (?:red|green)){0,3}$", "red, green", "blue"],
    ["[0-9]+", "a1", "none"],
    ["^(?<a>[()|*]\\))$", "()", "x"],
  ] as const) {
    assert.deepEqual(problemsOf(fits, { pattern }), []);
    assert.deepEqual(problemsOf(not, { pattern }), [`it must match ${pattern}`]);
    assert.deepEqual(problemsOf(not, { pattern }, { patterns: false }), []);
  }
});

void test("problemsOf() compares objects whatever the order of their members is", () => {
  const schema = { enum: [{ a: 1, b: [{ c: null }] }, 3] };
  assert.deepEqual(problemsOf({ b: [{ c: null }], a: 1 }, schema), []);
  for (const other of [{ a: 1 }, { a: 1, b: [{ c: 0 }] }, { a: 1, b: { 0: { c: null } } }, "3"]) {
    const problem = 'it must be one of {"a":1,"b":[{"c":null}]}, 3';
    assert.deepEqual(problemsOf(other, schema), [problem]);
  }
});

const WORDS =
  "type enum const allOf anyOf oneOf properties required additionalProperties items prefixItems minItems maxItems minLength maxLength pattern minimum maximum $ref".split(
    " ",
  );

void test("problemsOf() takes any JSON for a schema", () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom(...WORDS), fc.jsonValue()),
      (value, schema) => {
        const problems = problemsOf(value as Json, schema);
        assert.ok(problems.every((problem) => typeof problem === "string"));
      },
    ),
    { numRuns: 500 },
  );
});
