import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import type { Random, TraceContext, Tracer } from "../../src/index.ts";
import { recordingTracer } from "../../src/core/recording-tracer.ts";
import type { EndedSpan } from "../../src/core/recording-tracer.ts";
import { formatTrace, traceOf } from "../../src/core/trace-context.ts";
import { systemRandom } from "../../src/core/system.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { HOUR, setting } from "./setting.ts";

const GIVEN: TraceContext = {
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  sampled: true,
  state: "vendor=1",
};
const HEADERS = { traceparent: formatTrace(GIVEN), tracestate: "vendor=1" };

/** A tracer whose spans can be looked at. */
function recorder(sample = 1): { readonly spans: EndedSpan[]; readonly tracer: Tracer } {
  const spans: EndedSpan[] = [];
  const tracer = recordingTracer({
    random: systemRandom,
    now: () => 0,
    sample,
    ended: (span) => spans.push(span),
  });
  return { spans, tracer };
}

const asks = defineAgent({
  name: "asks",
  async onMessage(ctx, message) {
    if (message.text === "sleep") await ctx.sleep("1h");
    const first = await ctx.step("look", () => 1);
    ctx.state["answer"] = await ctx.request("answers", { first });
    ctx.state["headers"] = { ...ctx.trigger.headers };
    await ctx.step("after", () => 2);
  },
});

const answers = defineAgent({
  name: "answers",
  async onMessage(ctx) {
    ctx.state["headers"] = { ...ctx.trigger.headers };
    await ctx.reply("well");
  },
});

const fails = defineAgent({
  name: "fails",
  retry: { retries: 0 },
  async onMessage(ctx) {
    await ctx
      .step("break", () => {
        throw new Error("broken");
      })
      .catch(() => undefined);
    throw new Error("no good");
  },
});

const ticks = defineAgent({
  name: "ticks",
  onMessage(ctx) {
    ctx.schedule({ in: "1h" }, null, { id: "later" });
  },
  onAlarm() {},
});

/** A span with its parents, the first one first. */
function path(spans: readonly EndedSpan[], span: EndedSpan): readonly string[] {
  const parent = spans.find(({ context }) => context.spanId === span.parent?.spanId);
  return [...(parent === undefined ? [] : path(spans, parent)), span.name];
}

void test("a message through two agents is one trace, each span in the one that caused it", async () => {
  const { spans, tracer } = recorder();
  const it = await setting([asks, answers], { tracer });
  spans.length = 0;
  await it.runtime.send("asks", { payload: "go", headers: HEADERS });
  await it.clock.advance(0);
  await it.runtime.settled();

  assert.deepEqual([...new Set(spans.map(({ context }) => context.traceId))], [GIVEN.traceId]);
  assert.ok(spans.every(({ context }) => context.state === "vendor=1"));
  const sent = spans.find(({ name }) => name === "send message")!;
  assert.deepEqual(sent.parent, GIVEN);
  const root = ["send message"];
  const asked = [...root, "invoke_agent asks", "send request"];
  assert.deepEqual(
    spans.map((span) => path(spans, span)).toSorted((a, b) => (String(a) < String(b) ? -1 : 1)),
    [
      root,
      [...root, "invoke_agent asks"],
      // It went on after it was parked.
      [...root, "invoke_agent asks"],
      asked,
      [...asked, "invoke_agent answers"],
      [...asked, "invoke_agent answers", "send response"],
      [...root, "invoke_agent asks", "step after"],
      [...root, "invoke_agent asks", "step look"],
    ],
  );
  const resumed = spans.find(({ attributes }) => attributes["openagents.tick.resumed"])!;
  const response = spans.find(({ name }) => name === "send response")!;
  assert.equal(resumed.link?.spanId, response.context.spanId);
});

void test("spans have the facts that the conventions want, and no payload", async () => {
  const { spans, tracer } = recorder();
  const it = await setting([asks, answers], { tracer });
  spans.length = 0;
  const { id } = await it.runtime.send("answers", { payload: "hush", traceId: "the-talk" });
  await it.clock.advance(0);
  const agent = await it.runtime.get("answers");
  const [sent, ticked] = spans;
  assert.deepEqual([sent?.kind, ticked?.kind], ["producer", "consumer"]);
  assert.deepEqual(ticked?.attributes, {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.provider.name": "openagents",
    "gen_ai.agent.id": agent.id,
    "gen_ai.agent.name": "answers",
    "gen_ai.conversation.id": "the-talk",
    "messaging.system": "openagents",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.message.id": id,
    "openagents.agent.type": "answers",
    "openagents.envelope.type": "message",
    "openagents.envelope.source": "api",
    "openagents.tick.attempt": 1,
    "openagents.tick.resumed": undefined,
    "openagents.tick.number": 2,
    "openagents.tick.outcome": "done",
  });
  assert.equal(sent?.attributes["openagents.envelope.receipt"], "accepted");
  assert.doesNotMatch(JSON.stringify(spans), /hush/);
});

void test("what failed is said by the spans of the step and of the tick", async () => {
  const { spans, tracer } = recorder();
  const it = await setting([fails], { tracer });
  spans.length = 0;
  await it.tell("fails", "go");
  assert.deepEqual(
    spans.map(({ name, failure }) => [name, failure?.type, failure?.message]),
    [
      ["send message", undefined, undefined],
      ["step break", "FAILED", "broken"],
      ["invoke_agent fails", "FAILED", "no good"],
    ],
  );
});

void test("the trace is the same after a restart while a tick is parked", async () => {
  const { spans, tracer } = recorder();
  const store = memoryStore();
  const before = await setting([asks, answers], { tracer, store });
  await before.runtime.send("asks", { payload: "sleep", headers: HEADERS });
  await before.clock.advance(0);
  spans.length = 0;
  // The one before is as good as dead: what comes now is from the store alone.
  const { clock } = before;
  const after = await setting([asks, answers], { tracer, store, clock });
  await after.clock.advance(HOUR);
  const resumed = spans.filter(({ attributes }) => attributes["openagents.tick.resumed"]);
  assert.ok(resumed.length > 0);
  for (const { context } of resumed) assert.equal(context.traceId, GIVEN.traceId);
});

void test("without a tracer the context of mail goes along with what it leads to", async () => {
  const it = await setting([asks, answers]);
  await it.tell("asks", "warm up");
  await it.runtime.send("asks", { payload: "go", headers: HEADERS });
  await it.clock.advance(0);
  await it.runtime.settled();
  const { headers } = await it.runtime.state("answers");
  assert.deepEqual(headers, { hops: "1", ...HEADERS });
});

void test("without a tracer and a context nothing is added, and what is no context is ignored", async () => {
  const it = await setting([asks, answers]);
  await it.tell("asks", "go");
  await it.runtime.settled();
  assert.deepEqual((await it.runtime.state("answers"))["headers"], { hops: "1" });
  assert.deepEqual((await it.runtime.state("asks"))["headers"], {});
  for (const traceparent of ["junk", `00-${"0".repeat(32)}-00f067aa0ba902b7-01`, "x\r\ny: 1"]) {
    await it.runtime.send("asks", { payload: "go", headers: { traceparent } });
    await it.clock.advance(0);
    assert.deepEqual((await it.runtime.state("answers"))["headers"], { hops: "1" });
  }
});

void test("a tracer that does not record a trace passes its context on all the same", async () => {
  const { spans, tracer } = recorder(0);
  const it = await setting([asks, answers], { tracer });
  await it.tell("asks", "go");
  await it.runtime.settled();
  assert.deepEqual(spans, []);
  const trace = traceOf({
    headers: (await it.runtime.state("answers"))["headers"] as Record<string, string>,
  });
  assert.equal(trace?.sampled, false);
  // Whoever began a trace has decided.
  await it.runtime.send("asks", { payload: "go", headers: HEADERS });
  await it.clock.advance(0);
  assert.ok(spans.length > 0);
});

void test("an alarm begins a trace of its own", async () => {
  const { spans, tracer } = recorder();
  const it = await setting([ticks], { tracer });
  await it.runtime.send("ticks", { payload: "go", headers: HEADERS });
  await it.clock.advance(0);
  spans.length = 0;
  await it.clock.advance(HOUR);
  assert.equal(spans.length, 1);
  assert.equal(spans[0]?.parent, undefined);
  assert.notEqual(spans[0]?.context.traceId, GIVEN.traceId);
});

void test("mail between agents has its context under its seal", async () => {
  const { tracer } = recorder();
  const store = memoryStore();
  const it = await setting([asks, answers], { tracer, store });
  const { id } = await it.runtime.get("answers");
  let seen = 0;
  const deliver = store.deliver.bind(store);
  store.deliver = async (mail) => {
    for (const { envelope } of mail) {
      if (envelope.source !== "agent") continue;
      seen += 1;
      assert.equal(envelope.headers, undefined);
    }
    return deliver(mail);
  };
  await it.tell("asks", "go");
  await it.runtime.settled();
  assert.ok(seen >= 2 && id !== "");
});

void test("watchers are told the trace of a tick", async () => {
  const { tracer } = recorder();
  const it = await setting([answers], { tracer });
  const traces: (string | undefined)[] = [];
  it.runtime.watch(undefined, ({ trace }) => traces.push(trace));
  await it.runtime.send("answers", { payload: "go", headers: HEADERS });
  await it.clock.advance(0);
  assert.deepEqual(traces, [GIVEN.traceId]);
});

void test("recordingTracer() keeps about the part of traces that it is to keep, and never an id of zeros", () => {
  const { spans, tracer } = recorder(0.25);
  for (let i = 0; i < 4000; i += 1) tracer.start("a", { kind: "internal", attributes: {} }).end();
  assert.ok(spans.length > 800 && spans.length < 1200, String(spans.length));
  let calls = 0;
  const random: Random = {
    bytes: (length) => new Uint8Array(length).fill((calls += 1) % 2 === 0 ? 7 : 0),
  };
  const once = recordingTracer({ random, now: () => 0, ended: () => undefined });
  const { context } = once.start("a", { kind: "internal", attributes: {} });
  assert.deepEqual([context.traceId, context.spanId], ["07".repeat(16), "07".repeat(8)]);
});

void test("metrics() counts ticks by outcome, mail by what became of it, and how long it took", async () => {
  const it = await setting([asks, answers, fails]);
  const before = it.runtime.metrics().counts;
  await it.runtime.send("asks", { payload: "go", id: "once" });
  await it.runtime.send("asks", { payload: "go", id: "once" });
  await it.clock.advance(0);
  await it.tell("fails", "go");
  await it.runtime.settled();
  const { counts, ticks: all, failures } = it.runtime.metrics();
  assert.deepEqual(counts.outcomes, {
    done: before.outcomes.done + 2,
    parked: 1,
    retry: 0,
    failed: 1,
    expired: 0,
  });
  assert.deepEqual(counts.received, { accepted: 4, duplicate: 1 });
  assert.deepEqual([counts.sent, counts.returned], [2, 0]);
  assert.deepEqual([all, failures], [before.tickMs.count + 4, 1]);
  for (const { counts: buckets, count, bounds } of [counts.tickMs, counts.lagMs, counts.syncMs]) {
    assert.equal(count, all);
    assert.equal(buckets.length, bounds.length + 1);
    assert.equal(
      buckets.reduce((sum, n) => sum + n),
      count,
    );
  }
});
