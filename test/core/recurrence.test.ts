import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { timeAfter, timesBetween } from "../../src/core/recurrence.ts";
import type { Recurrence } from "../../src/core/recurrence.ts";

const HOUR = 3_600_000;

/** The next times of a cron expression after a time, as ISO 8601 up to the minute. */
function times(cron: string, timeZone: string, from: string, count: number): readonly string[] {
  const found: string[] = [];
  let at: number | undefined = Date.parse(from);
  while (found.length < count && (at = timeAfter({ cron, timeZone }, at)) !== undefined) {
    found.push(`${new Date(at).toISOString().slice(0, 16)}Z`);
  }
  return found;
}

void test("spring forward: a time in the hour that is left out happens at its end, once", () => {
  // Berlin: from 02:00 to 03:00 at 01:00 UTC. New York: from 02:00 to 03:00 at 07:00 UTC.
  assert.deepEqual(times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00Z", 3), [
    "2026-03-28T01:30Z",
    "2026-03-29T01:00Z",
    "2026-03-30T00:30Z",
  ]);
  assert.deepEqual(times("30 2 * * *", "America/New_York", "2026-03-07T00:00Z", 3), [
    "2026-03-07T07:30Z",
    "2026-03-08T07:00Z",
    "2026-03-09T06:30Z",
  ]);
});

void test("fall back: a fixed time in the hour that comes twice happens in the first", () => {
  assert.deepEqual(times("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00Z", 3), [
    "2026-10-24T00:30Z",
    "2026-10-25T00:30Z",
    "2026-10-26T01:30Z",
  ]);
  assert.deepEqual(times("30 1 * * *", "America/New_York", "2026-10-31T00:00Z", 3), [
    "2026-10-31T05:30Z",
    "2026-11-01T05:30Z",
    "2026-11-02T06:30Z",
  ]);
});

void test("what is each half hour goes on through both changes", () => {
  const halves = (from: string): readonly string[] =>
    Array.from({ length: 8 }, (_, i) =>
      new Date(Date.parse(from) + (i + 1) * (HOUR / 2)).toISOString().replace(":00.000", ""),
    );
  for (const from of ["2026-03-28T23:30Z", "2026-10-24T23:30Z"]) {
    assert.deepEqual(times("*/30 * * * *", "Europe/Berlin", from, 8), halves(from));
  }
  for (const from of ["2026-03-08T05:00Z", "2026-11-01T04:00Z"]) {
    assert.deepEqual(times("*/30 * * * *", "America/New_York", from, 8), halves(from));
  }
});

void test("zones whose change is half an hour, or is at midnight", () => {
  assert.deepEqual(times("0 * * * *", "Australia/Lord_Howe", "2026-04-04T13:00Z", 3), [
    "2026-04-04T14:00Z",
    "2026-04-04T15:30Z",
    "2026-04-04T16:30Z",
  ]);
  assert.deepEqual(times("0 0 * * *", "America/Sao_Paulo", "2018-11-03T00:00Z", 3), [
    "2018-11-03T03:00Z",
    "2018-11-04T03:00Z",
    "2018-11-05T02:00Z",
  ]);
});

const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"];
// Around the changes of 2026 in those zones.
const moment = fc.oneof(
  fc.integer({ min: Date.UTC(2026, 2, 7), max: Date.UTC(2026, 3, 6) }),
  fc.integer({ min: Date.UTC(2026, 9, 2), max: Date.UTC(2026, 10, 2) }),
);
const cron: fc.Arbitrary<Recurrence> = fc.record({
  cron: fc.constantFrom(
    "*/20 * * * *",
    "30 2 * * *",
    "15 1,2,3 * * *",
    "0 3 * * 0",
    "*/7 0-4 * * *",
  ),
  timeZone: fc.constantFrom(...ZONES),
});
const every: fc.Arbitrary<Recurrence> = fc.record({
  every: fc.integer({ min: 1000, max: 7_200_000 }),
  start: moment,
});

void test("timesBetween() gives what timeAfter() comes to, step by step", () => {
  const limits = fc.integer({ min: 1, max: 40 });
  const spans = fc.integer({ min: 0, max: 48 * HOUR });
  fc.assert(
    fc.property(fc.oneof(cron, every), moment, spans, limits, (recurrence, from, span, limit) => {
      const all: number[] = [];
      for (let at = timeAfter(recurrence, from - 1); at !== undefined && at <= from + span;) {
        all.push(at);
        at = timeAfter(recurrence, at);
      }
      assert.deepEqual(timesBetween(recurrence, from, { to: from + span, limit }), {
        times: all.slice(-limit),
        more: all.length > limit,
      });
    }),
    { numRuns: Number(process.env["FC_RUNS"] ?? 150) },
  );
});

void test("each cron time is on the wall what the expression says, or ends a gap; and none is left out", () => {
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), moment, (timeZone, from) => {
      const wall = new Intl.DateTimeFormat("en-GB", { timeZone, timeStyle: "short" });
      const recurrence = { cron: "30 2 * * *", timeZone };
      let at = timeAfter(recurrence, from)!;
      for (let i = 0; i < 5; i += 1) {
        const next = timeAfter(recurrence, at)!;
        const shown = wall.format(at);
        // Just before the end of a gap, the clock on the wall had not come to half past two.
        const gap = wall.format(at - 60_000) < "02:30" && shown > "02:30";
        assert.ok(shown === "02:30" || gap, `${shown} in ${timeZone}`);
        assert.ok(
          next - at >= 22.5 * HOUR && next - at <= 25.5 * HOUR,
          `a day, not ${next - at} ms`,
        );
        at = next;
      }
    }),
    { numRuns: Number(process.env["FC_RUNS"] ?? 100) },
  );
});
