import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  addUsage,
  costOf,
  NO_USAGE,
  priceOf,
  pricesFromLiteLLM,
  usageOf,
} from "../../src/models/index.ts";
import type { Price, Usage } from "../../src/models/index.ts";
import { PRICE_TABLE } from "../../src/models/price-table.ts";

const tokens = fc.oneof(fc.nat(2_000_000), fc.constantFrom(0, 1, 200_000, 200_001));
const usage: fc.Arbitrary<Usage> = fc
  .tuple(tokens, tokens, tokens, tokens, tokens)
  .map(([plain, cacheRead, cacheWrite, output, reasoning]) => ({
    input: plain + cacheRead + cacheWrite,
    output: output + reasoning,
    cacheRead,
    cacheWrite,
    reasoning,
  }));
const rate = fc.nat(200_000_000);
const price: fc.Arbitrary<Price> = fc.record({
  input: rate,
  output: rate,
  cacheRead: rate,
  cacheWrite: rate,
});

/** Every model of the table, as `provider` and `modelId`. */
const MODELS = Object.entries(PRICE_TABLE).flatMap(([provider, rows]) =>
  rows
    .trim()
    .split("\n")
    .map((row) => ({ provider, modelId: (JSON.parse(row) as [string])[0] })),
);

void test("costOf() is a whole number, at least what it costs and less than one above it", () => {
  fc.assert(
    fc.property(usage, price, (usage, price) => {
      const cost = costOf(usage, price);
      const plain = usage.input - usage.cacheRead - usage.cacheWrite;
      const exact =
        BigInt(plain) * BigInt(price.input) +
        BigInt(usage.cacheRead) * BigInt(price.cacheRead) +
        BigInt(usage.cacheWrite) * BigInt(price.cacheWrite) +
        BigInt(usage.output) * BigInt(price.output);
      assert.ok(Number.isSafeInteger(cost));
      assert.ok(BigInt(cost) * 1_000_000n >= exact && (BigInt(cost) - 1n) * 1_000_000n < exact);
    }),
  );
});

void test("costOf() never falls when there are more tokens, for any model of the table", () => {
  fc.assert(
    fc.property(fc.constantFrom(...MODELS), usage, usage, (model, some, more) => {
      const price = priceOf(model)!;
      assert.ok(costOf(addUsage(some, more), price) >= costOf(some, price));
    }),
    { numRuns: 2000 },
  );
  assert.equal(costOf(NO_USAGE, priceOf(MODELS[0]!)!), 0);
});

void test("priceOf() has whole numbers for each model of the table", () => {
  assert.ok(MODELS.length > 500);
  for (const model of MODELS) {
    const { tiers = [], ...rates } = priceOf(model)!;
    for (const n of [rates, ...tiers].flatMap((one) => Object.values(one))) {
      assert.ok(Number.isSafeInteger(n) && n >= 0, `${model.modelId}: ${n}`);
    }
  }
});

void test("priceOf() knows models by the names that the AI SDK and providers give them", () => {
  const cases = [
    ["openai.responses", "gpt-4o-mini", 150_000],
    ["openai.chat", "gpt-4o-mini-2024-07-18", 150_000],
    ["anthropic.messages", "claude-3-5-haiku-20241022", 800_000],
    ["google.generative-ai", "gemini-2.5-flash", 300_000],
    ["xai.chat", "grok-4", 3_000_000],
    ["openrouter.chat", "openai/gpt-4o", 2_500_000],
  ] as const;
  for (const [provider, modelId, input] of cases) {
    assert.equal(priceOf({ provider, modelId })?.input, input, modelId);
  }
  assert.equal(priceOf({ provider: "scripted", modelId: "gpt-4o" }), undefined);
  assert.equal(priceOf({ provider: "openai.chat", modelId: "no-such-model" }), undefined);
  assert.equal(priceOf({ provider: "toString", modelId: "x" }), undefined);
});

void test("priceOf() takes an override first, for a model or for one provider's", () => {
  const mine = { input: 1, output: 2, cacheRead: 3, cacheWrite: 4 };
  const model = { provider: "openai.chat", modelId: "gpt-4o" };
  assert.deepEqual(priceOf(model, { "gpt-4o": mine }), mine);
  assert.deepEqual(
    priceOf(model, { "openai/gpt-4o": mine, "gpt-4o": { ...mine, input: 9 } }),
    mine,
  );
  assert.notDeepEqual(priceOf(model, { "azure/gpt-4o": mine }), mine);
});

void test("costOf() takes the rates of the tier that the input is in", () => {
  const price = {
    input: 1_000_000,
    output: 2_000_000,
    cacheRead: 100_000,
    cacheWrite: 1_000_000,
    tiers: [{ above: 1000, input: 3_000_000, output: 4_000_000, cacheRead: 0, cacheWrite: 0 }],
  };
  assert.equal(costOf({ ...NO_USAGE, input: 1000, output: 1 }, price), 1002);
  assert.equal(costOf({ ...NO_USAGE, input: 1001, output: 1 }, price), 3007);
});

void test("pricesFromLiteLLM() reads its JSON into whole numbers, tiers included", () => {
  const prices = pricesFromLiteLLM({
    sample_spec: { mode: "chat" },
    "my-model": {
      input_cost_per_token: 2.5e-6,
      output_cost_per_token: 1e-5,
      cache_read_input_token_cost: 3.3e-13,
      input_cost_per_token_above_200k_tokens: 5e-6,
      litellm_provider: "mine",
    },
  });
  assert.deepEqual(prices, {
    "my-model": {
      input: 2_500_000,
      output: 10_000_000,
      cacheRead: 1,
      cacheWrite: 2_500_000,
      tiers: [
        {
          above: 200_000,
          input: 5_000_000,
          output: 10_000_000,
          cacheRead: 5_000_000,
          cacheWrite: 5_000_000,
        },
      ],
    },
  });
  assert.throws(() => pricesFromLiteLLM({ a: { input_cost_per_token: -1 } }), {
    code: "CONFIG",
    message: /"input_cost_per_token" must be USD for one token, a number from 0 to 1$/,
  });
});

void test("usageOf() is whole numbers whatever a provider says", () => {
  const any = fc.option(fc.oneof(fc.double(), fc.integer(), fc.nat(1e6)), { nil: undefined });
  const part = fc.record({
    total: any,
    noCache: any,
    cacheRead: any,
    cacheWrite: any,
    text: any,
    reasoning: any,
  });
  fc.assert(
    fc.property(part, part, (inputTokens, outputTokens) => {
      const usage = usageOf({ inputTokens, outputTokens });
      for (const n of Object.values(usage)) assert.ok(Number.isSafeInteger(n) && n >= 0);
      assert.ok(usage.input >= usage.cacheRead + usage.cacheWrite);
      assert.ok(usage.output >= usage.reasoning);
    }),
  );
  assert.deepEqual(usageOf(undefined), NO_USAGE);
});
