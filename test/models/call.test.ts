import assert from "node:assert/strict";
import { test } from "node:test";
import type { LanguageModelV4, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { callModel, NO_USAGE } from "../../src/models/index.ts";
import type { CallOptions, ModelPart } from "../../src/models/index.ts";
import { scriptedModel } from "../../src/models/scripted.ts";
import type { Script } from "../../src/models/scripted.ts";
import { manualClock } from "../../src/testing/manual-clock.ts";

const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "Hello" }] }];

/** Calls a scripted model while time runs on by itself, a second at each turn. */
async function call(script: Script, options: Partial<CallOptions> = {}) {
  const clock = manualClock(0);
  const model = scriptedModel(script);
  const parts: ModelPart[] = [];
  const onPart = (part: ModelPart): void => void parts.push(part);
  const state = { over: false };
  const result = callModel(
    { prompt },
    { model, clock, random: { bytes: () => new Uint8Array([255]) }, onPart, ...options },
  ).finally(() => {
    state.over = true;
  });
  result.catch(() => undefined);
  while (!state.over) await clock.advance(1000);
  return { result, model, clock, parts };
}

void test("callModel() gives text, reasoning, tool calls, usage and how it ended", async () => {
  const { result, parts } = await call([
    {
      reasoning: "Think first",
      text: "I will look",
      toolCalls: [{ name: "look", input: { at: "sky" } }],
      usage: { input: 12, output: 9, cacheRead: 4, reasoning: 3 },
    },
  ]);
  assert.deepEqual(await result, {
    content: [
      { type: "reasoning", text: "Think first" },
      { type: "text", text: "I will look" },
      { type: "tool-call", toolCallId: "call-0-0", toolName: "look", input: '{"at":"sky"}' },
    ],
    text: "I will look",
    toolCalls: [{ id: "call-0-0", name: "look", input: '{"at":"sky"}' }],
    finish: "tool-calls",
    usage: { input: 12, output: 9, cacheRead: 4, cacheWrite: 0, reasoning: 3 },
    lost: NO_USAGE,
    model: { provider: "scripted", modelId: "scripted" },
    warnings: [],
    tries: 1,
  });
  assert.ok(parts.some(({ type }) => type === "text-delta"));
});

void test("callModel() tries again after 500, a break, a cut and what is no JSON", async () => {
  for (const first of [
    { error: { status: 500 } },
    { text: "half of", fault: { kind: "disconnect" } },
    { text: "half of", fault: { kind: "end" } },
    { text: "half of", fault: { kind: "malformed" } },
  ] as const) {
    const { result, model, parts, clock } = await call([first, "whole"]);
    const { text, tries } = await result;
    assert.deepEqual([text, tries], ["whole", 2]);
    assert.equal(model.calls.length, 2);
    assert.equal(parts.filter(({ type }) => type === "retry").length, 1);
    assert.ok(clock.now() >= 1000, "it waited");
  }
});

void test("callModel() waits as long as Retry-After says, and no longer than maxWait", async () => {
  const busy = (retryAfter: number) => ({ error: { status: 429, message: "Busy", retryAfter } });
  const waited = await call([busy(20), "then"]);
  assert.equal((await waited.result).text, "then");
  assert.ok(waited.clock.now() >= 20_000 && waited.clock.now() < 23_000);
  const refused = await call([busy(3600), "never"]);
  await assert.rejects(refused.result, {
    name: "RetryableError",
    code: "RATE_LIMITED",
    retryAfter: 3_600_000,
    message: 'Cannot call model "scripted/scripted": Busy',
  });
  assert.equal(refused.model.calls.length, 1);
});

void test("callModel() gives up after its retries, with an error that may be tried later", async () => {
  const { result, model } = await call(() => ({ error: { status: 503, message: "Down" } }));
  await assert.rejects(result, {
    code: "UNREACHABLE",
    message: 'Cannot call model "scripted/scripted": Down (tried 3 times)',
  });
  assert.equal(model.calls.length, 3);
});

void test("callModel() does not try again what was refused", async () => {
  for (const [status, code] of [
    [400, "INVALID"],
    [401, "DENIED"],
    [403, "DENIED"],
    [404, "INVALID"],
  ] as const) {
    const { result, model } = await call(() => ({ error: { status, message: "No" } }));
    await assert.rejects(result, { name: "TerminalError", code });
    assert.equal(model.calls.length, 1);
  }
});

void test("callModel() asks the fallbacks in turn, and names all of them when none answers", async () => {
  const other = scriptedModel(["from another"], { provider: "other.chat", modelId: "two" });
  const { result } = await call(() => ({ error: { status: 401, message: "No key" } }), {
    fallbacks: [other],
  });
  const { text, model, tries } = await result;
  assert.deepEqual([text, model.modelId, tries], ["from another", "two", 2]);
  const down = scriptedModel(() => ({ error: { status: 404, message: "No such model" } }), {
    provider: "other.chat",
    modelId: "two",
  });
  const none = await call(() => ({ error: { status: 401, message: "No key" } }), {
    fallbacks: [down],
  });
  await assert.rejects(none.result, {
    message: 'Cannot call model "other/two": No such model; before it "scripted/scripted": No key',
  });
});

void test("callModel() ends a try in which nothing comes, and the model is told", async () => {
  const { result, model, clock } = await call([
    { text: "and then", fault: { kind: "stall" } },
    "at last",
  ]);
  assert.equal((await result).text, "at last");
  assert.ok(clock.now() >= 60_000);
  assert.equal(model.calls[0]!.ended, "aborted");
});

void test("callModel() ends after its timeout, however many tries that were", async () => {
  const { result, clock } = await call(() => ({ text: "…", fault: { kind: "stall" } }), {
    limits: { timeout: "2m", retries: 100 },
  });
  await assert.rejects(result, { code: "TIMEOUT", message: /it took longer than 120000 ms$/ });
  assert.ok(clock.now() >= 120_000 && clock.now() < 125_000);
});

void test("callModel() refuses an answer without end, and the model is told", async () => {
  const { result, model } = await call([{ fault: { kind: "endless" } }], {
    limits: { answerSize: 10_000 },
  });
  await assert.rejects(result, {
    name: "TerminalError",
    code: "LIMIT",
    message: /is longer than 10000 characters \(answerSize\)$/,
  });
  assert.equal(model.calls[0]!.ended, "aborted");
});

void test("callModel() rejects with the reason of its signal, and the model is told", async () => {
  const model = scriptedModel([{ text: "…", fault: { kind: "stall" } }]);
  const stop = new AbortController();
  const result = callModel(
    { prompt },
    {
      model,
      signal: stop.signal,
      onPart: ({ type }) => type === "text-delta" && stop.abort(new Error("Enough")),
    },
  );
  await assert.rejects(result, { message: "Enough" });
  assert.equal(model.calls[0]!.ended, "aborted");
  await assert.rejects(callModel({ prompt }, { model, signal: stop.signal }), {
    message: "Enough",
  });
  assert.equal(model.calls.length, 1);
});

void test("callModel() does not wait for a model that heeds no signal", async () => {
  const deaf: LanguageModelV4 = {
    ...scriptedModel([]),
    doStream: () => new Promise(() => undefined),
  };
  const stop = new AbortController();
  const result = callModel({ prompt }, { model: deaf, signal: stop.signal });
  stop.abort(new Error("Enough"));
  await assert.rejects(result, { message: "Enough" });
});

void test("callModel() keeps arguments of a tool call that are no JSON as they came", async () => {
  const { result } = await call([{ toolCalls: [{ name: "look", input: '{"at": sky' }] }]);
  assert.deepEqual((await result).toolCalls, [
    { id: "call-0-0", name: "look", input: '{"at": sky' },
  ]);
});

void test("callModel() gives JSON, whatever a provider has in its parts", async () => {
  const parts: LanguageModelV4StreamPart[] = [
    { type: "text-delta", id: "1", delta: "half \ud83d" },
    { type: "file", mediaType: "image/png", data: { type: "data", data: new Uint8Array([1, 2]) } },
    { type: "file", mediaType: "a/b", data: { type: "url", url: new URL("http://x.test/a") } },
    { type: "text-end", id: "1", providerMetadata: { p: { signature: "s" } } },
    {
      type: "finish",
      finishReason: { unified: "stop", raw: undefined },
      usage: {
        inputTokens: { total: undefined, noCache: 1.5, cacheRead: -2, cacheWrite: 3 },
        outputTokens: { total: Number.NaN, text: 4, reasoning: undefined },
      },
    },
  ];
  const model: LanguageModelV4 = {
    ...scriptedModel([]),
    doStream: () =>
      Promise.resolve({
        stream: new ReadableStream({
          start(controller) {
            for (const part of parts) controller.enqueue(part);
            controller.close();
          },
        }),
      }),
  };
  const result = await callModel({ prompt }, { model });
  assert.deepEqual(result.content, [
    { type: "text", text: "half \ufffd", providerMetadata: { p: { signature: "s" } } },
    { type: "file", mediaType: "image/png", data: { type: "data", data: "AQI=" } },
    { type: "file", mediaType: "a/b", data: { type: "url", url: "http://x.test/a" } },
  ]);
  assert.deepEqual(result.usage, {
    input: 5,
    output: 4,
    cacheRead: 0,
    cacheWrite: 3,
    reasoning: 0,
  });
  assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
});

void test("callModel() refuses a model of another specification, and says what to do", async () => {
  const old = { ...scriptedModel([]), specificationVersion: "v2" } as unknown as LanguageModelV4;
  await assert.rejects(callModel({ prompt }, { model: old }), {
    code: "CONFIG",
    message: /specification "v4", and says "v2": install a newer version of its package$/,
  });
});
