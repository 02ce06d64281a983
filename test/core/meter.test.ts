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
  meter.count("m/step:s#0", { tokens: 90 });
  assert.equal((await meter.left()).tokens, 10);
  now += 7_200_000;
  assert.equal((await meter.left()).tokens, 100);
  meter.count("m/step:s#0", { tokens: 30, usd: 5 });
  assert.deepEqual(JSON.parse((await meter.file())!), {
    day: "2026-01-02",
    today: { usd: 5, tokens: 30 },
    total: { usd: 5, tokens: 120 },
    unpriced: 1,
  });
});

/** A meter over a file that is kept, of an agent with 100 tokens a day. */
function metered(at: number) {
  const home = { now: at, file: undefined as string | undefined };
  const open = (): Meter =>
    new Meter({
      budget: () => ({ tokens: 100 }),
      now: () => home.now,
      read: () => Promise.resolve(home.file),
    });
  const use = async (meter: Meter, tokens: number): Promise<void> => {
    const release = await meter.reserve({ tokens });
    meter.count("m/step:s#0", { tokens });
    release();
    home.file = (await meter.file())!;
  };
  return { home, open, use };
}

void test("what is used after midnight is of the new day, also in a tick that began before", async () => {
  const { home, open, use } = metered(Date.UTC(2026, 0, 1, 23, 59, 59));
  const meter = open();
  const release = await meter.reserve({ tokens: 100 });
  home.now += 2_000;
  meter.count("m/step:s#0", { tokens: 100 });
  release();
  home.file = (await meter.file())!;
  assert.deepEqual(JSON.parse(home.file).today, { usd: 0, tokens: 100 });
  assert.equal(JSON.parse(home.file).day, "2026-01-02");
  await assert.rejects(use(open(), 1), { code: "BUDGET" });
});

void test("a clock that steps back over midnight gives no second budget for a day", async () => {
  const { home, open, use } = metered(Date.UTC(2026, 0, 2));
  await use(open(), 100);
  home.now -= 3_000;
  await assert.rejects(use(open(), 100), { code: "BUDGET" });
  home.now += 4_000;
  const meter = open();
  await assert.rejects(use(meter, 1), { code: "BUDGET" });
  home.now -= 4_000;
  await assert.rejects(use(meter, 1), { code: "BUDGET" });
});

void test("what is let go while somebody asks what is left was not left", async () => {
  const given = { tokens: 0 };
  const asked = Promise.withResolvers<void>();
  const meter = new Meter({
    async budget() {
      const before = given.tokens;
      await asked.promise;
      return { tokens: 100 - before };
    },
    now: () => 0,
    read: async () => undefined,
  });
  const first = meter.reserve({ tokens: 100 });
  asked.resolve();
  const release = await first;
  const second = meter.reserve({ tokens: 100 });
  // It is a child's from now on.
  given.tokens = 100;
  release();
  await assert.rejects(second, { code: "BUDGET" });
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
