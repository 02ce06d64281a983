import assert from "node:assert/strict";
import { test } from "node:test";
import type { LanguageModelV4, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { callModel } from "../../src/models/index.ts";
import type { CallOptions, LostTry } from "../../src/models/index.ts";
import { scriptedModel } from "../../src/models/scripted.ts";

// What packages of providers give that their types do not allow, and what it costs.

const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "Hello you" }] }];
const finish: LanguageModelV4StreamPart = {
  type: "finish",
  finishReason: { unified: "stop", raw: "stop" },
  usage: {
    inputTokens: { total: 7, noCache: 7, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 3, text: 3, reasoning: 0 },
  },
};

/** A model that gives these parts, whatever they are. */
function giving(parts: Iterable<unknown>): LanguageModelV4 {
  const from = parts[Symbol.iterator]();
  return {
    ...scriptedModel([]),
    doStream: () =>
      Promise.resolve({
        stream: new ReadableStream<LanguageModelV4StreamPart>({
          pull(controller) {
            const { done, value } = from.next();
            if (done === true) controller.close();
            else controller.enqueue(value as LanguageModelV4StreamPart);
          },
        }),
      }),
  };
}

const call = (parts: Iterable<unknown>, options: Partial<CallOptions> = {}) =>
  callModel(
    { prompt },
    { model: giving(parts), ...options, limits: { retries: 0, ...options.limits } },
  );

const toolCall = (toolCallId: unknown, more: object = {}) => ({
  type: "tool-call",
  toolCallId,
  toolName: "look",
  input: "{}",
  ...more,
});

void test("callModel() gives each call an id of its own, when a model repeats them or has none", async () => {
  const server = toolCall("a", { providerExecuted: true });
  const parts = ["a", "a", "a-1", undefined, "", "a"].map((id) => toolCall(id));
  const { content, toolCalls } = await call([...parts, server, finish]);
  const ids = toolCalls.map(({ id }) => id);
  assert.deepEqual(ids.slice(0, 2), ["a", "a-1"]);
  assert.equal(new Set(ids).size, 6);
  const kept = content.flatMap((part) => (part.type === "tool-call" ? [part.toolCallId] : []));
  assert.deepEqual(kept, [...ids, "a"]);
  // Thousands of the same take no time that grows with their square.
  const many = await call([...Array.from({ length: 30_000 }, () => toolCall("a")), finish]);
  assert.equal(new Set(many.toolCalls.map(({ id }) => id)).size, 30_000);
});

void test("callModel() takes parts that are not what their types say", async () => {
  const { text, toolCalls, usage } = await call([
    { type: "stream-start", warnings: null },
    { type: "text-delta", id: "1", delta: undefined },
    { type: "text-delta", id: "1", delta: "Well" },
    toolCall("a", { input: { at: "sky" } }),
    toolCall("b", { input: undefined, toolName: undefined }),
    { type: "what", else: 1 },
    { type: "file", mediaType: "a/b" },
    { ...finish, usage: {} },
  ]);
  assert.equal(text, "Well");
  assert.deepEqual(
    toolCalls.map(({ name, input }) => [name, input]),
    [
      ["look", '{"at":"sky"}'],
      ["", "null"],
    ],
  );
  assert.ok(usage.input > 0);
});

void test("callModel() counts what a provider does not say, and says that it did", async () => {
  const silent = { ...finish, usage: { inputTokens: {}, outputTokens: {} } };
  const parts = [
    { type: "reasoning-delta", id: "1", delta: "é".repeat(10) },
    { type: "text-delta", id: "1", delta: "x".repeat(20) },
  ];
  const result = await call([...parts, silent]);
  assert.deepEqual(
    [result.usage, result.estimated],
    [{ input: 3, output: 10, cacheRead: 0, cacheWrite: 0, reasoning: 5 }, true],
  );
  const said = await call([...parts, finish]);
  assert.deepEqual([said.usage.input, said.usage.output, said.estimated], [7, 3, undefined]);
});

void test("callModel() counts tries that broke off once they had begun, and tells of each", async () => {
  const told: LostTry[] = [];
  const model = scriptedModel(
    [
      { error: { status: 500 } },
      { text: "x".repeat(64), fault: { kind: "disconnect", after: 2 } },
      { toolCalls: [{ name: "look", input: "y".repeat(16) }], fault: { kind: "end", after: 2 } },
      { text: "Here", usage: { input: 5, output: 1 } },
    ],
    { provider: "a", modelId: "m" },
  );
  const limits = { retries: 5, backoff: 1 };
  const result = await callModel({ prompt }, { model, limits, onLost: (one) => told.push(one) });
  assert.deepEqual([result.usage.input, result.usage.output], [5, 1]);
  assert.deepEqual(
    told.map(({ usage }) => [usage.input, usage.output]),
    [
      [3, 8],
      [3, 4],
    ],
  );
  assert.deepEqual(told[0]!.model, { provider: "a", modelId: "m" });
  assert.deepEqual([result.lost.input, result.lost.output], [6, 12]);
});

void test("callModel() tells of a lost try also where the call fails, or is cut off", async () => {
  const cases: readonly (readonly [Partial<CallOptions>, object])[] = [
    [{ limits: { answerSize: 100 } }, { code: "LIMIT" }],
    [{ limits: { timeout: 20 } }, { code: "TIMEOUT" }],
  ];
  for (const [options, error] of cases) {
    const told: LostTry[] = [];
    const model = scriptedModel([{ text: "x".repeat(16), fault: { kind: "endless" } }]);
    await assert.rejects(
      callModel({ prompt }, { model, ...options, onLost: (one) => told.push(one) }),
      error,
    );
    assert.equal(told.length, 1);
    assert.ok(told[0]!.usage.output > 0);
  }
});

void test("callModel() bounds what it keeps of an answer, whatever it is made of", async () => {
  function* endless(part: unknown): Iterable<unknown> {
    for (;;) yield part;
  }
  const big = "x".repeat(10_000);
  const parts: readonly object[] = [
    { type: "text-start", id: "1" },
    { type: "text-delta", id: "1", delta: "" },
    { type: "source", sourceType: "url", id: "1", url: big },
    { type: "tool-result", toolCallId: "a", toolName: "b", result: { big } },
    { type: "text-delta", id: "1", delta: "", providerMetadata: { p: { big } } },
    toolCall("a", { input: { big } }),
    { type: "tool-input-start", id: "1", toolName: "look" },
    { type: "stream-start", warnings: [{ type: "other", message: big }] },
  ];
  for (const part of parts) {
    await assert.rejects(call(endless(part), { limits: { answerSize: 50_000 } }), {
      code: "LIMIT",
    });
  }
});

void test("callModel() throws what its listener throws, and does not try again", async () => {
  const model = scriptedModel(["Well", "Never"]);
  const onPart = (): void => {
    throw new Error("connection of the listener");
  };
  await assert.rejects(callModel({ prompt }, { model, onPart }), {
    message: "connection of the listener",
  });
  assert.equal(model.calls.length, 1);
});

void test("callModel() lets go of a stream that comes after the call has ended", async () => {
  let answer: (given: object) => void = () => undefined;
  let isLeft = false;
  const model: LanguageModelV4 = {
    ...scriptedModel([]),
    doStream: () => new Promise((resolve) => (answer = resolve as (given: object) => void)),
  };
  const stop = new AbortController();
  const result = callModel({ prompt }, { model, signal: stop.signal });
  stop.abort(new Error("Enough"));
  await assert.rejects(result, { message: "Enough" });
  answer({ stream: new ReadableStream({ cancel: () => void (isLeft = true) }) });
  for (let i = 0; i < 5; i += 1) await Promise.resolve();
  assert.equal(isLeft, true);
});

void test("callModel() ends a read that waits, of a stream that heeds no signal", async () => {
  let isLeft = false;
  const model: LanguageModelV4 = {
    ...scriptedModel([]),
    doStream: () =>
      Promise.resolve({ stream: new ReadableStream({ cancel: () => void (isLeft = true) }) }),
  };
  await assert.rejects(callModel({ prompt }, { model, limits: { stall: 10, retries: 0 } }), {
    code: "UNREACHABLE",
    message: /Nothing came for 10 ms$/,
  });
  assert.equal(isLeft, true);
});
