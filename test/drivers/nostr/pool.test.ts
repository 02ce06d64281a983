import assert from "node:assert/strict";
import { test } from "node:test";
import { Counters } from "../../../src/drivers/nostr/counters.ts";
import { DEFAULT_NOSTR_LIMITS } from "../../../src/drivers/nostr/limits.ts";
import { Pool } from "../../../src/drivers/nostr/pool.ts";
import { manualClock } from "../../../src/testing/index.ts";

const NOBODY = { eager: false, authenticate: async () => [] };

/** A connection that never opens. */
class Silent extends EventTarget {
  readonly readyState = 0;
  send(): void {}
  close(): void {}
}

void test("reach() leaves a relay of others alone that did not answer, the longer the more often", async () => {
  const clock = manualClock(0);
  let tries = 0;
  const pool = new Pool(["wss://own.example.org"], {
    clock,
    random: { bytes: (length: number) => new Uint8Array(length) },
    limits: { ...DEFAULT_NOSTR_LIMITS, firstWait: 3_600_000, longestWait: 3_600_000 },
    counters: new Counters(),
    connect: (url: string) => {
      if (url.includes("stall")) tries += 1;
      return new Silent() as unknown as WebSocket;
    },
    agents: NOBODY,
    nobody: NOBODY,
    mayVisit: () => true,
  });
  pool.start();
  const reach = async (): Promise<number> => {
    const begun = clock.now();
    const reached = pool.reach("wss://stall.example.org");
    const ended = assert.rejects(reached, { code: "UNREACHABLE" });
    await clock.advance(0);
    await clock.advance(10_000);
    await ended;
    return clock.now() - begun;
  };
  await reach();
  // From now on it is refused at once, whoever asks.
  await assert.rejects(pool.reach("wss://stall.example.org"), { code: "UNREACHABLE" });
  await clock.advance(10_000);
  await reach();
  await clock.advance(10_000);
  await assert.rejects(pool.reach("wss://stall.example.org"), { code: "UNREACHABLE" });
  pool.answered("wss://stall.example.org", true);
  await reach();
  assert.ok(tries >= 1, String(tries));
  pool.stop();
});
