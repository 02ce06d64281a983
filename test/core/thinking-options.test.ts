import assert from "node:assert/strict";
import { test } from "node:test";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { AgentOptions } from "../../src/index.ts";
import { modelThinker, think } from "../../src/models/index.ts";
import { scriptedModel } from "../../src/models/scripted.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { fakeSigner } from "../../src/testing/index.ts";

const model = scriptedModel([]);
const OLD = { specificationVersion: "v2", provider: "p", modelId: "m", doStream: () => undefined };

/** Options as a configuration without types may have them, and what is said of them. */
const WRONG: readonly (readonly [options: object, message: RegExp])[] = [
  [{ model: 42 }, /"model" must be a name such as "openai\/gpt-5", an object with one as "model"/],
  [{ model: null }, /"model" must be a name/],
  [{ model: OLD }, /"model" must be a model of the AI SDK of specification "v4", and says "v2"/],
  [{ model: { modle: "openai/x" } }, /there is no "model\.modle", there are: model, baseURL/],
  [{ model: { baseURL: "http://x" } }, /"model\.model" must be a name/],
  [{ model, fallbacks: "openai/x" }, /"fallbacks" must be a list of models/],
  [{ model, fallbacks: [{}] }, /"fallbacks\[0\]\.model" must be a name/],
  [{ fallbacks: [model] }, /"fallbacks" needs "model"/],
  [{ instructions: "Be brief" }, /"instructions" needs "model"/],
  [{ model, instructions: 5 }, /"instructions" must be a function, not 5/],
  [{ model, tools: [] }, /"tools" must be an object: tools by name/],
  [{ model, think: { maxStep: 3 } }, /there is no "think\.maxStep", there are: conversation/],
  [{ model, think: { maxSteps: 0 } }, /"think\.maxSteps" must be a whole number, 1 or more, not 0/],
  [{ model, think: { contextTokens: "9" } }, /"think\.contextTokens" must be a whole number/],
  [{ model, think: { summarise: "no" } }, /"think\.summarise" must be true or false/],
  [{ model, think: { conversation: "me" } }, /"think\.conversation" must be a function/],
  [{ model, think: { output: { type: "object" } } }, /"think\.output" must be a Standard Schema/],
  [{ model, think: { request: { temprature: 1 } } }, /there is no "think\.request\.temprature"/],
  [{ model, think: { limits: { retry: 1 } } }, /there is no "think\.limits\.retry"/],
  [{ model, think: { limits: { stall: "1 min" } } }, /"think\.limits\.stall"/],
  [
    { model, think: { prices: { m: { input: 0.5 } } } },
    /"think\.prices\.m\.input" must be a whole/,
  ],
  [{ model, think: { prices: { m: { input: 1 } } } }, /"think\.prices\.m\.output" must be a whole/],
  [{ budget: { perDay: {} } }, /"budget\.perDay" must have "usd", "tokens" or both/],
  [{ budget: { perDay: { usd: 1 } } }, /"budget\.perDay\.usd" must be dollars as text/],
  [{ budget: { perDay: { tokens: -1 } } }, /"budget\.perDay\.tokens" must be a whole number/],
  [{ budget: { perMonth: {} } }, /there is no "budget\.perMonth"/],
];

for (const [options, message] of WRONG) {
  void test(`an agent is not defined where ${String(message)}`, () => {
    assert.throws(() => defineAgent({ name: "a", ...options }), {
      code: "CONFIG",
      message: new RegExp(`^Cannot define agent "a": ${message.source}`),
    });
  });
}

/** What is seen when a runtime is made: with a schema library, or providers. */
const REFUSED: readonly (readonly [options: Partial<AgentOptions>, message: RegExp])[] = [
  [{ model: "gpt-5" }, /Cannot use model "gpt-5": name it PROVIDER\/MODEL, with one of openai/],
  [{ model: "opnai/gpt-5" }, /Cannot use model "opnai\/gpt-5": name it PROVIDER\/MODEL/],
  [{ model: { model: "openai/" } }, /Cannot use model "openai\/"/],
  [{ model, fallbacks: ["x"] }, /Cannot use model "x"/],
  [{ tools: { "a b": { execute: () => 1 } } }, /Cannot use tool "a b": its name must be 1 to 64/],
  [{ tools: { a: {} } }, /Cannot use tool "a": it must have one of "execute" and "perform"/],
  [{ tools: { a: null as never } }, /Cannot use tool "a": it must be an object/],
  [{ tools: { a: { execute: () => 1, perform: () => 1 } } }, /Cannot use tool "a": it must have/],
  [
    { tools: { a: { execute: () => 1, inputSchema: { type: "string" } } } },
    /Cannot use tool "a": what it takes must be an object/,
  ],
  [
    { tools: { a: { execute: () => 1, timeout: "soon" } } },
    /Cannot use tool "a": "timeout" must be a number of milliseconds, or a text such as "30s"/,
  ],
  [
    { tools: { a: { execute: () => 1, outputBytes: 0 } } },
    /Cannot use tool "a": "outputBytes" must be a whole number from 1 on/,
  ],
  [
    { tools: { a: { execute: () => 1, secrets: "KEY" as never } } },
    /Cannot use tool "a": "secrets" must be a list of names/,
  ],
  [
    {
      model,
      think: {
        output: { "~standard": { version: 1, vendor: "x", validate: (value) => ({ value }) } },
      },
    },
    /Cannot use "output": it cannot be made JSON Schema/,
  ],
];

for (const [options, message] of REFUSED) {
  void test(`no runtime is made where ${String(message)}`, () => {
    const agent = defineAgent({ name: "a", ...options });
    const definition = defineRuntime({ agents: [agent] });
    const ports = { definition, store: memoryStore(), signer: fakeSigner() };
    assert.throws(() => createRuntime({ ...ports, thinker: modelThinker() }), {
      code: "CONFIG",
      message: new RegExp(`^Cannot define agent "a": ${message.source}`),
    });
    assert.throws(() => createRuntime(ports), {
      code: "CONFIG",
      message: /there is no thinker: give "thinker" to createRuntime\(\)$/,
    });
  });
}

void test("think() is not made of options that are wrong either", () => {
  const wrong = [{}, { model: 42 }, { model, maxStep: 1 }, { model, request: { seeds: 1 } }];
  for (const options of wrong) {
    assert.throws(() => think(options as never), {
      code: "CONFIG",
      message: /^Cannot define think\(\): /,
    });
  }
  assert.throws(() => think({ model: "gpt-5" }), { code: "CONFIG" });
});

void test("settings count for an agent that has no model of its own", () => {
  const prices = { m: { input: 1, output: 1, cacheRead: 0, cacheWrite: 0 } };
  assert.deepEqual(defineAgent({ name: "a", think: { prices } }).thinking?.prices, prices);
  assert.equal(defineAgent({ name: "a" }).thinking, undefined);
});
