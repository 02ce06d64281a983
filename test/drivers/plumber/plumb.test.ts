import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, defineRuntime } from "../../../src/index.ts";
import type { Envelope } from "../../../src/core/envelope.ts";
import { compileRules, plumb, plumberOf, reloadable } from "../../../src/drivers/plumber.ts";
import { setting } from "../../core/setting.ts";
import { draft } from "./setting.ts";

/** Keeps what it was told, and by which rule. */
const keeper = (name: string) =>
  defineAgent({
    name,
    state: { got: [] as string[] },
    onTrigger(ctx, { id, headers }) {
      ctx.state.got.push(`${id} ${headers["plumber-rule"]}`);
    },
  });

void test("plumb() puts what rules make of drafts into a runtime, and a draft that comes twice has effect once", async () => {
  const { runtime, clock } = await setting([keeper("a"), keeper("b")]);
  const rules = [
    { name: "log", when: { source: "webhook" }, send: "b", continue: true },
    { name: "hook", when: { from: "github" }, send: ["a", "b"] },
    { name: "no", when: { from: "eve" }, drop: "not her" },
  ];
  const sink = plumb(compileRules({ rules }), (mail) => runtime.accept(mail));
  const drafts = [
    draft({ id: "1", source: "webhook", from: "github" }),
    draft({ id: "2", from: "eve", to: "a" }),
    draft({ id: "3", to: "a" }),
    draft({ id: "4" }),
    draft({ id: "5", to: "nobody" }),
  ];
  const told = async (): Promise<unknown> => {
    const plumbed = await sink(drafts);
    return plumbed.map(({ receipts, dropped, unrouted }) => [receipts, dropped?.rule, unrouted]);
  };
  assert.deepEqual(await told(), [
    [["accepted", "accepted", "accepted"], undefined, false],
    [[], "no", false],
    [["accepted"], undefined, false],
    [[], undefined, true],
    [["unknown"], undefined, false],
  ]);
  await clock.advance(0);
  assert.deepEqual(((await told()) as unknown[][])[0]?.[0], [
    "duplicate",
    "duplicate",
    "duplicate",
  ]);
  await clock.advance(0);
  assert.deepEqual((await runtime.state("a"))["got"], ["1#hook:1 hook", "3 direct"]);
  assert.deepEqual((await runtime.state("b"))["got"], ["1 log", "1#hook:2 hook"]);
  await runtime.stop();
});

void test("plumb() delivers nothing when one of the drafts is none", async () => {
  const delivered: Envelope[] = [];
  const sink = plumb(compileRules({ rules: [] }), async (mail) => {
    delivered.push(...mail);
    return mail.map(() => "accepted");
  });
  const wrong = [
    draft({ id: "a/b" }),
    draft({ payload: Number.NaN }),
    draft({ headers: { "a\r\nb": "x" } }),
    draft({ headers: { a: "x\r\nb: y" } }),
    draft({ headers: { a: "x\u0000" } }),
    { ...draft(), sealed: "own" },
    { ...draft(), type: "other" as never },
    null as never,
  ];
  for (const each of wrong) {
    await assert.rejects(sink([draft({ to: "a" }), each]), { code: "INVALID" });
  }
  assert.deepEqual(delivered, []);
  await sink([]);
  await sink([draft()]);
  assert.deepEqual(delivered, []);
  await sink([draft({ to: "a", headers: { a: "x\ty \u00e9" } })]);
  assert.equal(delivered.length, 1);
});

void test("a reloadable plumber routes by the rules that it was given last", () => {
  const of = (name: string) => compileRules({ rules: [{ name, send: "a" }] });
  const plumber = reloadable(of("old"));
  assert.equal(plumber.route(draft()).routed[0]!.rule, "old");
  plumber.replace(of("new"));
  assert.equal(plumber.route(draft()).routed[0]!.rule, "new");
  assert.deepEqual(plumber.rules, ["new"]);
});

void test("a definition has rules as an object or as text, which are checked when the home starts", () => {
  const agents = [keeper("a")];
  const object = { rules: [{ name: "r", send: "a" }] };
  for (const plumber of [object, "rules: [{ name: r, send: a }]"]) {
    const { routed } = plumberOf(defineRuntime({ agents, plumber })).route(draft());
    assert.equal(routed[0]!.rule, "r");
  }
  const direct = plumberOf(defineRuntime({ agents })).route(draft({ to: "x" }));
  assert.equal(direct.routed[0]!.rule, "direct");
  assert.throws(() => defineRuntime({ agents, plumber: [] as never }), {
    code: "CONFIG",
    message: /"plumber" must be an object with rules, not a list/,
  });
  const wrong = defineRuntime({ agents, plumber: "rules: [{ name: r }]" });
  assert.throws(() => plumberOf(wrong), {
    code: "CONFIG",
    message: /^Cannot use rules: the runtime's plumber:1:9: a rule must have "send"/,
  });
});

void test("what a rule makes may be as long as limits.envelopeBytes allows", () => {
  const agents = [keeper("a")];
  const plumber = {
    rules: [{ name: "r", send: "a", transform: { set: { "$.copy": { from: "$" } } } }],
  };
  const payload = { text: "x".repeat(600) };
  const by = (envelopeBytes: number) =>
    plumberOf(defineRuntime({ agents, plumber, limits: { envelopeBytes } })).route(
      draft({ payload }),
    );
  assert.equal(by(2000).routed.length, 1);
  assert.throws(() => by(1000), { code: "LIMIT", message: /longer than 1000 characters/ });
});
