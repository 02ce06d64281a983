import assert from "node:assert/strict";
import { test } from "node:test";
import { checkEnvelope } from "../../../src/core/envelope.ts";
import { compileRules } from "../../../src/drivers/plumber.ts";
import type { PlumberRule } from "../../../src/core/plumber-rules.ts";
import { changed, draft, payload, went } from "./setting.ts";

void test("the first rule that matches is the only one", () => {
  const rules = [
    { name: "one", when: { from: "ada" }, send: "a" },
    { name: "two", send: "b" },
  ];
  assert.equal(went(rules, { from: "ada" }), "one>a");
  assert.equal(went(rules, { from: "eve" }), "two>b");
});

void test("with continue, the rules below see it as if the rule had not matched", () => {
  const rules: PlumberRule[] = [
    { name: "log", send: "auditor", continue: true },
    { name: "one", when: { from: "ada" }, send: "a" },
    { name: "bad", when: { from: "eve" }, drop: "not her" },
  ];
  assert.equal(went(rules, { from: "ada" }), "log>auditor one>a");
  assert.equal(went(rules, { from: "eve" }), "log>auditor bad!not her");
  assert.equal(went(rules, { from: "bob" }), "log>auditor");
  assert.equal(went(rules, { from: "bob", to: "greeter" }), "log>auditor direct>greeter");
});

void test("what no rule is for goes where it is addressed, or to nobody", () => {
  const rules = [{ name: "one", when: { from: "ada" }, send: "a" }];
  assert.equal(went(rules, { from: "eve", to: "greeter" }), "direct>greeter");
  assert.equal(went(rules, { from: "eve" }), "nobody");
  assert.equal(went([], { to: "greeter" }), "direct>greeter");
  assert.equal(went(rules, { from: "ada", to: "greeter" }), "one>a");
});

void test("a drop ends it, with its reason", () => {
  const rules = [
    { name: "bots", when: { from: "*[bot]" }, drop: "a bot" },
    { name: "all", send: "a" },
  ];
  assert.equal(went(rules, { from: "renovate[bot]", to: "a" }), "bots!a bot");
});

void test("a rule that only changes has the rules below see what it made", () => {
  const rules: PlumberRule[] = [
    {
      name: "up",
      when: { json: { "$.urgent": true } },
      transform: { type: "mention", priority: 9 },
    },
    { name: "mentions", when: { type: "mention" }, send: "a" },
  ];
  const urgent = draft({ payload: { urgent: true } });
  const { routed, changedBy } = compileRules({ rules }).route(urgent);
  assert.deepEqual(changedBy, ["up"]);
  const [{ rule, envelope }] = routed as [(typeof routed)[0]];
  assert.deepEqual([rule, envelope.type, envelope.priority], ["mentions", "mention", 9]);
  assert.equal(went(rules, { payload: {}, to: "b" }), "direct>b");
  assert.equal(urgent.type, "event");
});

void test("every envelope has the rule that it came by, whatever a stranger says", () => {
  const headers = { "Plumber-Rule": "forged", "plumber-rule": "forged", other: "1" };
  const rules = [{ name: "one", when: { from: "ada" }, send: ["a", "b"] }];
  const plumber = compileRules({ rules });
  for (const from of ["ada", "eve"]) {
    const given = draft({ from, headers, to: "c" });
    for (const { rule, envelope } of plumber.route(given).routed) {
      assert.deepEqual(envelope.headers, { other: "1", "plumber-rule": rule });
      checkEnvelope(envelope);
    }
    assert.deepEqual(given.headers, headers);
  }
});

void test("ids: the first is the draft's own, further ones are made of it, their rule and number", () => {
  const rules: PlumberRule[] = [
    { name: "log", send: ["x", "y"], continue: true },
    { name: "both", fork: [{ send: "a" }, { send: ["a", "b"] }] },
  ];
  const ids = (id: string, to?: string): readonly string[] =>
    compileRules({ rules })
      .route(draft({ id, ...(to !== undefined && { to }) }))
      .routed.map(({ envelope }) => envelope.id);
  assert.deepEqual(ids("d"), ["d", "d#log:2", "d#both:1", "d#both:2", "d#both:3"]);
  const long = `${"x".repeat(198)}\u{1f600}`;
  const made = ids(long);
  assert.equal(new Set(made).size, 5);
  assert.deepEqual(made, ids(long));
  for (const id of made) checkEnvelope({ ...draft(), id, to: "a" });
  const half = `${"x".repeat(99)}\u{1f600}${"x".repeat(99)}`;
  for (const id of ids(half)) checkEnvelope({ ...draft(), id, to: "a" });
});

void test("the branches of a fork are changed each on its own", () => {
  const rules: PlumberRule[] = [
    {
      name: "fork",
      transform: { set: { "$.all": 1 } },
      fork: [
        { send: "a", transform: { type: "message", set: { "$.text": { text: "for a" } } } },
        { send: "b" },
      ],
    },
  ];
  const { routed } = compileRules({ rules }).route(draft());
  assert.deepEqual(
    routed.map(({ envelope: { to, type, payload } }) => [to, type, payload]),
    [
      ["a", "message", { all: 1, text: "for a" }],
      ["b", "event", { all: 1 }],
    ],
  );
});

void test("the name that a recipient was known by stays with that recipient", () => {
  const given = draft({ to: "npub1x", toName: "greeter" });
  const to = (rules: PlumberRule[]): unknown =>
    compileRules({ rules }).route(given).routed[0]!.envelope.toName;
  assert.equal(to([]), "greeter");
  assert.equal(to([{ name: "r", send: "other" }]), undefined);
});

void test("set makes what is missing on its way, and copies what it is told to", () => {
  const before = { a: { b: 1 }, list: [1, 2], text: "t" };
  const set = (...[path, value]: [string, unknown]) =>
    payload({ set: { [path]: value as never } }, before);
  assert.deepEqual(set("$.a.c", 2), { ...before, a: { b: 1, c: 2 } });
  assert.deepEqual(set("$.x.y.z", null), { ...before, x: { y: { z: null } } });
  assert.deepEqual(set("$.text.x", true), { ...before, text: { x: true } });
  assert.deepEqual(set("$.list[0]", "one"), { ...before, list: ["one", 2] });
  assert.deepEqual(set("$.list[9]", "end"), { ...before, list: [1, 2, "end"] });
  assert.deepEqual(set("$.list.x", 1), { ...before, list: { x: 1 } });
  assert.deepEqual(set("$.a[0]", 1), { ...before, a: [1] });
  assert.deepEqual(set("$", { from: "$.a" }), { b: 1 });
  assert.deepEqual(set("$.copy", { from: "$.a" }), { ...before, copy: { b: 1 } });
  assert.deepEqual(set("$.all", { from: "$.list[*]" }), { ...before, all: [1, 2] });
  assert.deepEqual(set("$.none", { from: "$.nothing" }), before);
  assert.deepEqual(set("$.v", { value: { x: [1] } }), { ...before, v: { x: [1] } });
  assert.deepEqual(set("$.v", [1, "x"]), { ...before, v: [1, "x"] });
  assert.deepEqual(set("$.v", { text: "{$.a.b}/{$.list}/{$.none}/{x}/{$.text}" }), {
    ...before,
    v: "1/[1,2]//{x}/t",
  });
  assert.deepEqual(payload({ set: { "$.x": 1 } }, null), { x: 1 });
  assert.deepEqual(before, { a: { b: 1 }, list: [1, 2], text: "t" });
});

void test("pick keeps, remove takes away, and what is read is the payload as it was", () => {
  const before = { a: { b: 1, c: 2 }, list: [{ id: 1, x: 1 }, { id: 2 }], secret: "s" };
  assert.deepEqual(payload({ pick: ["$.a.b", "$.list[*].id", "$.none"] }, before), {
    a: { b: 1 },
    list: [{ id: 1 }, { id: 2 }],
  });
  assert.deepEqual(payload({ pick: ["$.list[1]"] }, before), { list: [{ id: 2 }] });
  assert.deepEqual(payload({ pick: ["$"] }, before), before);
  assert.deepEqual(payload({ pick: ["$.a"] }, "text"), {});
  assert.deepEqual(payload({ remove: ["$.secret", "$.list[0]", "$.a.c"] }, before), {
    a: { b: 1 },
    list: [{ id: 2 }],
  });
  assert.deepEqual(payload({ remove: ["$.list[-1]"] }, before), {
    ...before,
    list: [{ id: 1, x: 1 }],
  });
  const made = payload(
    { pick: ["$.a.b"], set: { "$.was": { from: "$.secret" } }, remove: ["$.a"] },
    before,
  );
  assert.deepEqual(made, { was: "s" });
});

void test("headers are set and taken off whatever the case of their names", () => {
  const headers = { Authorization: "secret", Keep: "1" };
  const { headers: after } = changed({ headers: { authorization: null, X: "y" } }, { headers });
  assert.deepEqual(after, { Keep: "1", x: "y", "plumber-rule": "r" });
});

void test("no name of a payload's member reaches a prototype", () => {
  const evil = JSON.parse('{"__proto__":{"polluted":1},"a":{"__proto__":{"polluted":1}}}') as never;
  for (const transform of [
    { set: { "$.x": { from: "$.a" }, "$.a.y": 1 } },
    { pick: ["$.a", "$['__proto__']"] },
    { remove: ["$..polluted"] },
  ]) {
    const made = payload(transform, evil) as Record<string, unknown>;
    assert.equal(Object.getPrototypeOf(made), Object.prototype);
    assert.equal((made as { polluted?: unknown }).polluted, undefined);
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    JSON.stringify(made);
  }
});

void test("payloads that rules would blow up are refused, and so are too many envelopes", () => {
  const doubled = Array.from({ length: 60 }, (_, i) => ({
    name: `r${i}`,
    transform: { set: { "$.a": { from: "$" }, "$.b": { from: "$" } } },
  }));
  const refused = (rules: PlumberRule[], message: RegExp): void => {
    const given = draft({ payload: { text: "x".repeat(1000) } });
    assert.throws(() => compileRules({ rules }).route(given), { code: "LIMIT", message });
  };
  refused([...doubled, { name: "end", send: "a" }], /longer than 1048576 characters/);
  const text = { text: "{$}".repeat(50) };
  const nested = Array.from({ length: 5 }, (_, i) => ({
    name: `r${i}`,
    transform: { set: { "$.text": text } },
  }));
  refused(nested, /longer than 1048576/);
  const agents = Array.from({ length: 100 }, (_, i) => `a${i}`);
  const many = Array.from({ length: 11 }, (_, i) => ({
    name: `r${i}`,
    send: agents,
    continue: true,
  }));
  refused(many, /more than 1000 envelopes/);
  const changes = Array.from({ length: 101 }, (_, i) => ({
    name: `r${i}`,
    transform: { priority: 1 },
  }));
  refused(changes, /more than 100 changes/);
});
