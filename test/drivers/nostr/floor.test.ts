import assert from "node:assert/strict";
import { test } from "node:test";
import { floorOf } from "../../../src/drivers/nostr/floor.ts";
import { manualClock } from "../../../src/testing/manual-clock.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);

void test("floorOf() is never in the future, however short ids are remembered", () => {
  for (const dedup of [1000, MINUTE, 10 * MINUTE, 16 * MINUTE, DAY, 7 * DAY]) {
    const clock = manualClock(START);
    const floor = floorOf({ clock, dedup, ahead: 15 * MINUTE });
    assert.ok(floor.now() < clock.now(), `dedup ${dedup}`);
    // What is dated ahead is old before it is forgotten.
    assert.ok(floor.now() + dedup >= clock.now() + floor.ahead, `dedup ${dedup}`);
  }
});

void test("floorOf() goes back to when the driver was connected last, for a while", async () => {
  const clock = manualClock(START);
  const floor = floorOf({ clock, dedup: 7 * DAY, ahead: 15 * MINUTE });
  floor.start(START - 30 * DAY);
  assert.ok(floor.now() < START - 29 * DAY);
  await clock.advance(4 * DAY);
  assert.ok(floor.now() > START - 4 * DAY);
});
