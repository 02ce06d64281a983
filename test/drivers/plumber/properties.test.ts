import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { jsonpath } from "json-p3";
import { stringify } from "yaml";
import { checkDraft } from "../../../src/core/draft-envelope.ts";
import { checkEnvelope } from "../../../src/core/envelope.ts";
import { OpenAgentsError } from "../../../src/core/errors.ts";
import type { Json } from "../../../src/core/json.ts";
import type { PlumberRule, PlumberWhen } from "../../../src/core/plumber-rules.ts";
import { compileRules, RulesError } from "../../../src/drivers/plumber.ts";
import type { Plumber } from "../../../src/drivers/plumber.ts";
import { compileGlob } from "../../../src/drivers/plumber/glob.ts";
import { compilePath } from "../../../src/drivers/plumber/json-path.ts";
import { Work } from "../../../src/drivers/plumber/work.ts";
import { draft } from "./setting.ts";

const runs = { numRuns: Number(process.env["FC_RUNS"] ?? 100) };

/** A plumber, or undefined for rules that are refused as they should be. */
function compiled(rules: string | object): Plumber | undefined {
  try {
    return compileRules(rules as string, { file: "f" });
  } catch (error) {
    assert.ok(error instanceof RulesError, String(error));
    assert.equal(error.code, "CONFIG");
    assert.ok(error.problems.length > 0);
    if (typeof rules !== "string") return undefined;
    const lines = rules.split(/\r\n|[\n\r]/).length;
    for (const { line, column } of error.problems) {
      assert.ok(line! >= 1 && line! <= lines + 1 && column! >= 1, `${line}:${column}`);
    }
    return undefined;
  }
}

/** Without the aliases by which this package writes a value that is there twice. */
function yaml(value: object): string {
  return stringify(value, { aliasDuplicateObjects: false });
}

const word = fc.constantFrom("a", "b", "ab", "github", "x-event");
const glob = fc.oneof(word, fc.constantFrom("*", "a*", "*b", "?", "a?", "g*b"));
const text = fc.oneof(
  glob,
  fc.array(glob, { minLength: 1, maxLength: 3 }),
  fc.record({ not: glob }),
);
const path = fc.constantFrom("$.a", "$.b", "$.a.b", "$[0]", "$..b", "$.a[*]", "$");
const json: fc.Arbitrary<Json> = fc
  .letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.oneof(word, fc.integer({ min: -1, max: 2 }), fc.boolean(), fc.constant(null)),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("a", "b", "__proto__", "c"), tie("value"), { maxKeys: 3 }),
    ),
  }))
  .value.map((value) => JSON.parse(JSON.stringify(value)) as Json);
const scalar = fc.oneof(glob, fc.integer({ min: -1, max: 2 }), fc.boolean(), fc.constant(null));
const valueTest = fc.oneof(
  scalar,
  fc.array(scalar, { minLength: 1, maxLength: 3 }),
  fc.record({ not: scalar }),
  fc.record({ exists: fc.boolean() }),
);
const when = fc.record(
  {
    source: text,
    type: fc.constantFrom("event", "mess*", "message"),
    from: text,
    to: text,
    headers: fc.dictionary(fc.constantFrom("a", "B"), text, { maxKeys: 2 }),
    json: fc.dictionary(path, valueTest, { maxKeys: 2 }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<PlumberWhen>;
const transform = fc.record(
  {
    type: fc.constantFrom("message", "event"),
    priority: fc.integer({ min: -100, max: 99 }),
    headers: fc.dictionary(fc.constantFrom("a", "b"), fc.oneof(word, fc.constant(null))),
    pick: fc.array(path, { minLength: 1, maxLength: 2 }),
    set: fc.dictionary(
      fc.constantFrom("$.a", "$.a.b", "$.c[0]", "$"),
      fc.oneof(scalar, fc.record({ from: path }), fc.constant({ text: "x {$.a} {$..b}" })),
      { maxKeys: 2 },
    ),
    remove: fc.array(path, { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: ["priority"] },
);
const agents = fc.uniqueArray(word, { minLength: 1, maxLength: 3 });
const action = fc.oneof(
  fc.record({ send: agents, continue: fc.boolean() }),
  fc.record({ send: agents, transform }),
  fc.record({
    fork: fc.array(fc.record({ send: agents, transform }), { minLength: 1, maxLength: 2 }),
  }),
  fc.record({ drop: fc.constantFrom("why", "because") }),
  fc.record({ transform }),
);
const rulesOf = (actions: fc.Arbitrary<object>): fc.Arbitrary<PlumberRule[]> =>
  fc
    .array(fc.record({ when, action: actions }), { maxLength: 8 })
    .map((list) => list.map((rule, i) => ({ name: `r${i}`, when: rule.when, ...rule.action })));
const drafts = fc.record(
  {
    source: word,
    from: word,
    to: word,
    type: fc.constantFrom("event", "message"),
    headers: fc.dictionary(fc.constantFrom("A", "b", "Plumber-Rule"), word),
    payload: json,
  },
  { requiredKeys: ["source", "from", "type", "payload"] },
);

void test("any text is rules, or is refused with places and with no other error", () => {
  const yamlish = fc
    .array(
      fc.constantFrom(
        ..."rules: |- name: x|  send: a|when:|{|}|[|]|\n|\n  |\n    |'|\"|*a|&a|!!x|?|: |,|$.a[|#|\t|\r\n|\u2028|---|>|\ud800|\\".split(
          "|",
        ),
        "|",
      ),
      { maxLength: 40 },
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), yamlish), (given) => {
      compiled(given);
    }),
    { numRuns: runs.numRuns * 5 },
  );
});

void test("a good file in which something was changed is rules, or is refused with places", () => {
  const edits = fc.array(
    fc.tuple(
      fc.nat(),
      fc.nat(8),
      fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom("\n", ": ")),
    ),
    { minLength: 1, maxLength: 3 },
  );
  fc.assert(
    fc.property(rulesOf(action), edits, (rules, changes) => {
      let given = yaml({ rules });
      for (const [at, length, put] of changes) {
        const start = at % (given.length + 1);
        given = given.slice(0, start) + put + given.slice(start + length);
      }
      compiled(given)?.route(draft());
    }),
    runs,
  );
});

void test("any JSON is rules, or is refused", () => {
  const anything = fc.dictionary(
    fc.constantFrom("rules", "name", "when", "send", "json", "$.a"),
    fc.jsonValue() as fc.Arbitrary<Json>,
  );
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), anything), fc.array(anything), (given, rules) => {
      compiled(JSON.stringify(given));
      compiled(given as object);
      compiled({ rules });
    }),
    runs,
  );
});

void test("routing is the same each time, changes nothing, and gives envelopes that can be delivered", () => {
  fc.assert(
    fc.property(rulesOf(action), drafts, (rules, given) => {
      const made = draft(given);
      checkDraft(made);
      const before = JSON.stringify(made);
      const plumber = compileRules({ rules });
      const routing = plumber.route(made);
      assert.deepEqual(plumber.route(made), routing);
      // The same rules, from their text, of which the places alone differ.
      assert.deepEqual(compileRules(yaml({ rules })).route(made), routing);
      assert.deepEqual(compileRules(JSON.stringify({ rules })).route(made), routing);
      assert.equal(JSON.stringify(made), before);
      const ids = routing.routed.map(({ envelope }) => envelope.id);
      assert.equal(new Set(ids).size, ids.length);
      for (const { rule, envelope } of routing.routed) {
        checkEnvelope(envelope);
        assert.equal(envelope.headers?.["plumber-rule"], rule);
      }
      const { routed, dropped, unrouted } = routing;
      assert.equal(unrouted, routed.length === 0 && dropped === undefined);
    }),
    runs,
  );
});

void test("the index finds what holding every rule against an envelope finds", () => {
  const ends = fc.oneof(fc.record({ send: agents }), fc.record({ drop: fc.constant("why") }));
  fc.assert(
    fc.property(rulesOf(ends), fc.array(drafts, { maxLength: 5 }), (rules, many) => {
      const plumber = compileRules({ rules });
      const alone = rules.map((rule) => compileRules({ rules: [rule] }));
      for (const given of many) {
        const made = draft(given);
        const first = alone
          .map((each) => each.route(made))
          .find(({ routed: [one], dropped }) => dropped ?? (one && one.rule !== "direct"));
        assert.deepEqual(plumber.route(made), first ?? compileRules({ rules: [] }).route(made));
      }
    }),
    runs,
  );
});

void test("a glob fits what the regular expression that it stands for fits", () => {
  const characters = fc.constantFrom("a", "b", "*", "?", "\\*", "\\?", "\u{1f600}", ".", "/");
  const globs = fc.array(characters, { maxLength: 8 });
  const texts = fc
    .array(fc.constantFrom("a", "b", "*", "?", "\u{1f600}", ".", "/", "\n"), { maxLength: 8 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(globs, texts, (parts, given) => {
      const pattern = parts.map((part) => {
        if (part === "*") return ".*";
        if (part === "?") return ".";
        return part.replace("\\", "").replace(/[.*?/]/, "\\$&");
      });
      const made = compileGlob(parts.join(""));
      assert.ok(typeof made !== "string");
      assert.equal(made.fits(given), new RegExp(`^${pattern.join("")}$`, "su").test(given));
      if (made.exact !== undefined) assert.equal(made.fits(given), given === made.exact);
    }),
    { numRuns: runs.numRuns * 5 },
  );
});

void test("a JSON path finds what its package finds, in the same order", () => {
  const segments = fc.array(
    fc.constantFrom(
      ".a",
      ".b",
      "[0]",
      "[-1]",
      ".*",
      "[*]",
      "['a','b']",
      "[0:2]",
      "[::-1]",
      "[?@.a]",
      "[?@ == 'a' || @.b > 0]",
    ),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(segments, fc.nat(8), json, (parts, deep, payload) => {
      // One of the segments may look further down.
      const query = parts.map((part, i) => (i === deep ? part.replace(/^\.?/, "..") : part));
      const text = ["$", ...query].join("");
      const path = compilePath(text);
      assert.ok(!("problem" in path), text);
      const expected = jsonpath.query(text, payload);
      assert.deepEqual(path.values(payload, new Work()), expected.values(), text);
      assert.deepEqual(path.places(payload, new Work()), expected.locations(), text);
    }),
    { numRuns: runs.numRuns * 3 },
  );
});

void test("payloads of strangers cost no more than their size, and no more than an error", () => {
  const when = { json: { "$..x": "y", "$.a[?@.b > 1]": { exists: true } } };
  const plumber = compileRules({
    rules: [
      {
        name: "globs",
        when: { json: { "$.text": "*a*a*a*a*b", "$.other": "?*a?a*b" } },
        send: "a",
      },
      { name: "deep", when, send: "a" },
    ],
  });
  let deep: Json = 1;
  for (let i = 0; i < 490; i += 1)
    deep = i % 2 === 0 ? [deep, ...Array<Json>(400).fill(1)] : { x: deep };
  const long = "a".repeat(500_000);
  for (const payload of [
    deep,
    { a: Array.from({ length: 300_000 }, () => ({ b: 1 })) },
    { text: long, other: long },
  ] as Json[]) {
    assert.equal(plumber.route(draft({ payload })).unrouted, true);
  }
  const nested = compileRules({
    rules: [{ name: "r", when: { json: "$[?@[?@[*]]]" }, send: "a" }],
  });
  const wide = [[Array<Json>(400_000).fill(1)]];
  try {
    nested.route(draft({ payload: wide }));
  } catch (error) {
    assert.ok(error instanceof OpenAgentsError && error.code === "LIMIT");
  }
});

void test("an envelope that is too much work for all rules together is refused", () => {
  const condition = { json: { "$..none": { exists: true } } };
  const rules = (of: (i: number) => object) =>
    compileRules({
      rules: Array.from({ length: 100 }, (_, i) => ({ name: `r${i}`, send: "a", ...of(i) })),
    });
  const many: Json = Array.from({ length: 100_000 }, () => 1);
  const text = "a".repeat(1_000_000);
  const message = /its payload is too large for so many rules/;
  for (const [plumber, payload] of [
    [rules((i) => ({ when: { json: { [`$..n${i}`]: { exists: true } } } })), many],
    [rules((i) => ({ when: { json: { "$[*]": `*${i}` } } })), many],
    [rules((i) => ({ when: { json: { "$.text": `?*${i}` } } })), { text }],
    [rules((i) => ({ transform: { pick: [`$..n${i}`] }, continue: true })), many],
    [rules((i) => ({ transform: { set: { $: { from: "$[*]" } } }, continue: i < 99 })), many],
  ] as const) {
    assert.throws(() => plumber.route(draft({ payload })), { code: "LIMIT", message });
    assert.ok(plumber.route(draft({ payload: [1], to: "b" })).routed.length > 0);
  }
  // What is looked for is looked for once, however many rules ask.
  const same = rules(() => ({ when: condition }));
  assert.equal(same.route(draft({ payload: many })).unrouted, true);
});
