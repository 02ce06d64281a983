import assert from "node:assert/strict";
import { test } from "node:test";
import { compileRules, PLUMBER_LIMITS, RulesError } from "../../../src/drivers/plumber.ts";
import type { RulesProblem } from "../../../src/drivers/plumber.ts";

function problemsOf(rules: string | object): readonly RulesProblem[] {
  try {
    compileRules(rules as string, { file: "plumb.yaml" });
  } catch (error) {
    assert.ok(error instanceof RulesError, String(error));
    assert.equal(error.code, "CONFIG");
    for (const { problem } of error.problems) assert.ok(error.message.includes(problem));
    return error.problems;
  }
  return [];
}

/** One rule that is good but for what `text` has in the place of its lines 3 and on. */
function rule(...lines: readonly string[]): string {
  return ["rules:", "  - name: r", ...lines.map((line) => `    ${line}`)].join("\n");
}

/** What is wrong, where, and with what. */
const CASES: readonly (readonly [text: string, at: string, problem: RegExp])[] = [
  ["", "1:1", /the file must be a map with rules/],
  ["# nothing\n", "1:1", /the file must be a map with rules/],
  ["- a", "1:1", /the file must be a map with rules/],
  ["{}", "1:1", /the file must have "rules"/],
  ["rule: []\nrules: []", "1:1", /the file has no "rule", is it "rules"\?/],
  ["rules:\n  a: 1", "2:3", /"rules" must be a list/],
  ["rules:\n  - just text", "2:5", /a rule must be a map/],
  ["rules: [", "1:9", /it is not YAML/],
  ["rules:\n\t- a", "2:1", /it is not YAML: Tabs/],
  ["rules: []\n---\nrules: []", "2:1", /it is not YAML: .*multiple documents/],
  ["rules: []\nrules: []", "2:1", /it is not YAML: Map keys must be unique/],
  ["rules: !!foo {}", "1:8", /it is not YAML/],
  ["rules:\n  - send: a", "2:5", /a rule must have a "name"/],
  ["rules:\n  - name: 7\n    send: a", "2:11", /"name" must be a text: put it into quotes/],
  ["rules:\n  - name: a b\n    send: a", "2:11", /"name" must be 1 to 63 letters/],
  ["rules:\n  - name: direct\n    send: a", "2:11", /"direct" is the rule of what/],
  ["rules:\n  - { name: a, send: x }\n  - { name: a, send: x }", "3:13", /a rule "a" above/],
  [rule("sned: a"), "3:5", /a rule has no "sned", is it "send"\?/],
  [rule("action: a", "send: a"), "3:5", /a rule has no "action", there are: name, when/],
  [rule("when: {}"), "2:5", /a rule must have "send", "fork", "drop" or "transform"/],
  [rule("send: a", "drop: b"), "4:5", /only one of "send", "fork" and "drop"/],
  [rule("send:"), "3:10", /"send" must be a text/],
  [rule("send: []"), "3:11", /"send" must not be empty/],
  [rule("send: [a, b c]"), "3:15", /"b c" can be no agent/],
  [rule('send: "*"'), "3:11", /"\*" can be no agent/],
  [rule("send: ../a"), "3:11", /can be no agent/],
  [rule("send: a", "continue: maybe"), "4:15", /"continue" must be true or false/],
  [rule("drop: why", "continue: true"), "4:5", /"continue" is for "send" and "fork"/],
  [rule("drop: why", "transform: { priority: 1 }"), "4:5", /what is dropped is not changed/],
  [rule("drop: true"), "3:11", /"drop", the reason, must be a text/],
  [rule('drop: ""'), "3:11", /"drop" must be a reason/],
  [rule('drop: "a\\nb"'), "3:11", /on one line/],
  [rule("fork: a"), "3:11", /"fork" must be a list/],
  [rule("fork: [{ transform: { priority: 1 } }]"), "3:12", /a branch must have "send"/],
  [rule("fork: [{ send: a, when: {} }]"), "3:23", /a branch has no "when"/],
  [rule("send: a", "when: webhook"), "4:11", /"when" must be a map with source/],
  [rule("send: a", "when: { form: x }"), "4:13", /"when" has no "form", is it "from"\?/],
  [rule("send: a", "when: { from: 5 }"), "4:19", /"from" must be a text: put it/],
  [rule("send: a", "when: { from: *x }"), "4:19", /aliases.*put quotes around/],
  [rule("send: a", "when: { from: &x y }"), "", /^$/],
  [rule("send: a", 'when: { from: "a\\\\d" }'), "4:19", /the glob "a\\\\d" is wrong: "\\d" means/],
  [rule("send: a", "when: { from: 'a\\' }"), "4:19", /the glob .* is wrong: it ends with "\\"/],
  [rule("send: a", "when: { from: { nto: x } }"), "4:21", /"from" has no "nto", there are: not/],
  [rule("send: a", "when: { type: mesage }"), "4:19", /there is no type "mesage"/],
  [rule("send: a", "when: { headers: [a] }"), "4:22", /"headers" must be a map/],
  [rule("send: a", 'when: { headers: { "a b": x } }'), "4:24", /"a b" is no name of a header/],
  [rule("send: a", 'when: { json: "ref" }'), "4:20", /JSON path "ref" is wrong: it must begin/],
  [rule("send: a", "when:", "  json:", "    $.a.b[: x"), "6:15", /"\$\.a\.b\[" is wrong: unclosed/],
  [rule("send: a", "when:", "  json:", '    "$.a.b[": x'), "6:16", /wrong: unclosed/],
  [rule("send: a", "when:", "  json: $[?match(@.a, 'x')]"), "5:16", /regular expressions are not/],
  [rule("send: a", "when:", "  json: $..a..b"), "5:17", /".." more than once/],
  [rule("send: a", "when:", "  json: $[?@..a]"), "5:17", /".." more than once, or in a filter/],
  [rule("send: a", "when:", "  json: $[?@.a == $.b]"), "5:23", /must begin with "@"/],
  [rule("send: a", "when:", "  json: $[?nope(@.a)]"), "5:16", /no such function 'nope'/],
  [rule("send: a", "when:", "  json:", "    $.a: { min: x }"), "6:21", /"min" must be a number/],
  [
    rule("send: a", "when:", "  json:", "    $.a: { value: x }"),
    "6:16",
    /a condition has no "value"/,
  ],
  [
    rule("send: a", "when:", "  json:", "    $.a: .nan"),
    "6:14",
    /a number that JSON does not know/,
  ],
  [rule("send: a", "transform: {}"), "4:16", /"transform" must have some of/],
  [rule("send: a", "transform: { typ: x }"), "4:18", /"transform" has no "typ", is it "type"/],
  [rule("send: a", "transform: { type: control }"), "4:24", /"type" must be one of message/],
  [rule("send: a", "transform: { priority: 100 }"), "4:28", /from -100 to 99/],
  [rule("send: a", "transform: { priority: 1.5 }"), "4:28", /from -100 to 99/],
  [rule("send: a", "transform: { headers: { Hops: x } }"), "4:29", /"Hops" is the runtime's own/],
  [rule("send: a", "transform: { headers: { plumber-rule: x } }"), "4:29", /is the runtime's own/],
  [rule("send: a", 'transform: { headers: { a: "x\\r\\ny: z" } }'), "4:32", /no control character/],
  [rule("send: a", "transform:", "  pick: $.a"), "5:13", /"pick" must be a list/],
  [rule("send: a", "transform:", '  pick: ["$["]'), "5:17", /is wrong/],
  [
    rule("send: a", "transform:", "  set: { $..a: 1 }"),
    "5:14",
    /only by a path of names and indexes/,
  ],
  [rule("send: a", "transform:", '  set: { "$.a[-1]": 1 }'), "5:14", /indexes from 0/],
  [rule("send: a", "transform:", "  set: { $.__proto__.x: 1 }"), "5:14", /must not be set/],
  [rule("send: a", "transform:", "  set: { $.constructor: 1 }"), "5:14", /must not be set/],
  [rule("send: a", "transform:", "  set: { $.a: { value: { __proto__: 1 } } }"), "5:30", /no name/],
  [rule("send: a", "transform:", "  set: { $.a: { b: 1 } }"), "5:21", /a value has no "b"/],
  [rule("send: a", "transform:", "  set: { $.a: {} }"), "5:19", /must have one of "value"/],
  [
    rule("send: a", "transform:", "  set: { $.a: { from: $.b, text: c } }"),
    "5:32",
    /must have one/,
  ],
  [rule("send: a", "transform:", "  set: { $.a: { from: b } }"), "5:27", /must begin with "\$"/],
  [
    rule("send: a", "transform:", '  set: { $.a: { text: "{$.b" } }'),
    "5:27",
    /has no "}" after it/,
  ],
  [rule("send: a", "transform:", '  set: { $.a: { text: "ab {$.b[}" } }'), "5:36", /is wrong/],
  [rule("send: a", "transform:", '  set: { $.a: "\\ud800" }'), "5:19", /lone surrogate/],
  [`{ "rules": [{ "name": "r", "send": 7 }] }`, "1:36", /"send" must be a text/],
];

void test("every error of a rules file has its line and column", () => {
  const wrong = CASES.filter(([text, at, problem]) => {
    const [first] = problemsOf(text);
    if (first === undefined) return at !== "";
    return `${first.line}:${first.column}` !== at || !problem.test(first.problem);
  });
  assert.deepEqual(
    wrong.map(([text, at]) => ({ text, at, found: problemsOf(text)[0] })),
    [],
  );
});

void test("all errors are told at once, in the order of the file, as FILE:LINE:COLUMN", () => {
  const text = rule("send: [a b]", "when: { from: 5 }", "contnue: true");
  assert.throws(() => compileRules(text, { file: "p.yaml" }), {
    message: [
      "Cannot use rules: 3 errors",
      '  p.yaml:3:12: "a b" can be no agent: use a name of 1 to 63 letters, digits, ".", "_" or "-", or an npub',
      '  p.yaml:4:19: "from" must be a text: put it into quotes',
      '  p.yaml:5:5: a rule has no "contnue", is it "continue"?',
    ].join("\n"),
  });
  const one = rule("sned: a");
  assert.throws(() => compileRules(one, { file: "p.yaml" }), {
    message: /^Cannot use rules: p.yaml:3:5: a rule has no "sned", is it "send"\?$/,
  });
  const many = `rules:\n${"  - x\n".repeat(30)}`;
  assert.throws(() => compileRules(many), {
    message: /^Cannot use rules: 30 errors, the first 20/,
  });
});

void test("the errors of rules that are an object have its path", () => {
  const rules = [
    { name: "a", send: "x" },
    { name: "b", send: "x", when: { json: { "$.[": 1 } } },
  ];
  assert.throws(() => compileRules({ rules }, { file: "the runtime's plumber" }), {
    code: "CONFIG",
    message:
      /^Cannot use rules: the runtime's plumber: rules\[1\]\.when\.json\.\$\.\[: the JSON path/,
  });
  for (const bad of [
    { rules: [{ name: "a", send: () => 1 }] },
    { rules: [{ name: "a", send: 1n }] },
  ]) {
    assert.match(problemsOf(bad)[0]!.problem, /it must be JSON/);
  }
  const circle: Record<string, unknown> = {};
  circle["rules"] = [circle];
  assert.match(problemsOf(circle)[0]!.problem, /contains itself/);
});

void test("what is too much is refused with its place", () => {
  const limits = PLUMBER_LIMITS;
  const list = (count: number): string => `[${Array(count).fill("a").join(", ")}]`;
  const cases: readonly (readonly [string, RegExp])[] = [
    [`# ${"x".repeat(limits.text)}`, /longer than 4194304 characters/],
    [`rules: ${list(limits.rules + 1)}`, /must not be more than 10000 rules/],
    [rule(`send: ${list(limits.members + 1)}`), /not have more than 100 members/],
    [
      rule(`fork: [{ send: ${list(60)} }, { send: ${list(60)} }]`),
      /more than 100 envelopes of one/,
    ],
    [rule("send: a", `when: { from: ${"x".repeat(501)} }`), /a glob must not be longer than 500/],
    [rule("send: a", `when: { json: $.${"x".repeat(500)} }`), /it is longer than 500/],
    [rule("send: a", "when:", `  json: $${"[*,*]".repeat(7)}`), /it has too many selectors/],
    [rule("send: a", "transform:", `  set: { $.a: { text: "${"{$}".repeat(51)}" } }`), /50 paths/],
    [rule(`when: ${"{ a: ".repeat(70)}1${" }".repeat(70)}`), /nests too deep/],
    ["[".repeat(100_000), /it is not YAML|nests too deep/],
  ];
  for (const [text, problem] of cases) {
    const found = problemsOf(text);
    assert.ok(
      found.some((each) => problem.test(each.problem)),
      `${problem}: ${JSON.stringify(found[0])}`,
    );
    for (const { line, column } of found) assert.ok(line! > 0 && column! > 0);
  }
});
