import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { durationText, toMs } from "../../src/core/duration.ts";
import { OpenAgentsError } from "../../src/core/errors.ts";

void test("toMs() reads every unit, alone and together", () => {
  const cases: readonly (readonly [number | string, number])[] = [
    [0, 0],
    [1500, 1500],
    [1.5, 2],
    ["500ms", 500],
    ["10s", 10_000],
    ["90m", 5_400_000],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
    ["1w1d", 691_200_000],
    ["0.5s", 500],
    ["1m1ms", 60_001],
    ["0.4ms", 0],
    ["0s", 0],
  ];
  for (const [duration, ms] of cases) assert.equal(toMs(duration), ms, String(duration));
  assert.ok(Object.is(toMs(-0), 0), "-0 becomes 0");
});

void test("toMs() refuses what is no duration", () => {
  const texts = ["", " ", "10", "s", "-1s", "1 s", "1.s", ".5s", "1S", "1y", "1s ", "1s\n", "1e3s"];
  const numbers = [-1, -0.4, NaN, Infinity, 2 ** 53, 1e300];
  const others = [undefined, null, true, ["1s"], {}, 10n] as unknown as readonly string[];
  for (const duration of [...texts, ...numbers, ...others]) {
    assert.throws(
      () => toMs(duration),
      (error) => error instanceof OpenAgentsError && error.code === "INVALID",
      String(duration),
    );
  }
});

void test("toMs() refuses text that amounts to no exact number of milliseconds", () => {
  for (const duration of [`${"9".repeat(400)}s`, "9007199254740992ms", "104249991375d"]) {
    assert.throws(() => toMs(duration), /^OpenAgentsError: Cannot read duration "/);
  }
  assert.equal(toMs("9007199254740991ms"), Number.MAX_SAFE_INTEGER);
});

void test("toMs() is whole, and a sum of the parts when they are whole", () => {
  const part = fc.tuple(fc.nat(10_000), fc.constantFrom("ms", "s", "m", "h", "d", "w"));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), (parts) => {
      const whole = toMs(parts.map(([amount, unit]) => `${amount}${unit}`).join(""));
      const sum = parts.reduce((total, [amount, unit]) => total + toMs(`${amount}${unit}`), 0);
      assert.equal(whole, sum);
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.double(), fc.string(), fc.stringMatching(/^[0-9.smhdw]*$/)), (any) => {
      try {
        const ms = toMs(any);
        assert.ok(Number.isSafeInteger(ms) && ms >= 0);
      } catch (error) {
        assert.ok(error instanceof OpenAgentsError);
      }
    }),
  );
});

void test("durationText() has the largest unit that fits, and is read back as what it was", () => {
  const cases = { "1h": 3_600_000, "90m": 5_400_000, "2d": 172_800_000, "1w": 604_800_000 };
  for (const [text, ms] of Object.entries(cases)) assert.equal(durationText(ms), text);
  assert.equal(durationText(1), "1ms");
  fc.assert(
    fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (ms) => {
      assert.equal(toMs(durationText(ms)), ms);
    }),
  );
});
