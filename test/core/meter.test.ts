import assert from "node:assert/strict";
import { test } from "node:test";
import { Meter } from "../../src/core/budget.ts";

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
