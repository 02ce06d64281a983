import assert from "node:assert/strict";
import { test } from "node:test";
import { addUse, Meter } from "../../src/core/budget.ts";
import { microUsd, usdText } from "../../src/core/money.ts";

void test("two that reserve at the same time do not have the same", async () => {
  const meter = new Meter({
    budget: async () => ({ tokens: 100 }),
    now: () => 0,
    read: async () => undefined,
  });
  const results = await Promise.allSettled([1, 2].map(() => meter.reserve({ tokens: 60 })));
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
});

void test("what no amount is cannot be reserved: a debt would be more to spend", async () => {
  const meter = new Meter({
    budget: () => ({ tokens: 100 }),
    now: () => 0,
    read: () => Promise.resolve(undefined),
  });
  for (const tokens of [-50, 0.5, NaN, Infinity]) {
    await assert.rejects(meter.reserve({ tokens }), { code: "INVALID" });
  }
  assert.deepEqual(await meter.left(), { usd: undefined, tokens: 100 });
});

void test("a day that begins in the middle of a tick begins with nothing spent", async () => {
  let now = Date.UTC(2026, 0, 1, 23);
  const meter = new Meter({
    budget: () => ({ tokens: 100 }),
    now: () => now,
    read: () => Promise.resolve(undefined),
  });
  meter.count({ tokens: 90 });
  assert.equal((await meter.left()).tokens, 10);
  now += 7_200_000;
  assert.equal((await meter.left()).tokens, 100);
  meter.count({ tokens: 30, usd: 5 });
  assert.deepEqual(JSON.parse((await meter.file())!), {
    day: "2026-01-02",
    today: { usd: 5, tokens: 30 },
    total: { usd: 5, tokens: 120 },
    unpriced: 1,
  });
});

void test("money that a step said counts, also where it said tokens by themselves", () => {
  assert.deepEqual(addUse({ tokens: 10 }, { usd: 30 }), { tokens: 10, usd: 30 });
  assert.deepEqual(addUse({ usd: 30 }, { tokens: 10 }), { tokens: 10, usd: 30 });
  assert.deepEqual(addUse({ tokens: 1 }, { tokens: 2, by: "a" }), { tokens: 3, by: "a" });
});

void test("money is dollars as text, to a millionth", () => {
  assert.deepEqual(
    ["0", "1", "1.5", "0.000001", "999999999.999999"].map(microUsd),
    [0, 1_000_000, 1_500_000, 1, 999_999_999_999_999],
  );
  for (const wrong of [1, "", "-1", "1.", ".5", "1.0000001", "1e3", "1,5", " 1", "$1", null]) {
    assert.equal(microUsd(wrong), undefined, JSON.stringify(wrong));
  }
  assert.deepEqual([0, 1, 12_500, 1_500_000].map(usdText), ["0.00", "0.000001", "0.0125", "1.50"]);
});
