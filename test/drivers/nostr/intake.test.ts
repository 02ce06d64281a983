import assert from "node:assert/strict";
import { test } from "node:test";
import { finalizeEvent, generateSecretKey } from "nostr-tools";
import type { Receipt } from "../../../src/core/ports/index.ts";
import { systemClock } from "../../../src/core/system.ts";
import { Counters } from "../../../src/drivers/nostr/counters.ts";
import { floorOf } from "../../../src/drivers/nostr/floor.ts";
import { Intake } from "../../../src/drivers/nostr/intake.ts";
import { DEFAULT_NOSTR_LIMITS } from "../../../src/drivers/nostr/limits.ts";
import type { NostrEvent } from "../../../src/identity/event.ts";
import { now } from "./human.ts";
import { place, secp } from "./setting.ts";
import type { Place } from "./setting.ts";

const refuse = (): void => assert.fail("the relay is not to blame");

function intake(at: Place) {
  const counters = new Counters();
  const limits = DEFAULT_NOSTR_LIMITS;
  const made = new Intake({
    residents: at.residents,
    clock: systemClock,
    limits,
    counters,
    secp,
    payloadLength: 1_000_000,
    floor: floorOf({ clock: systemClock, dedup: 604_800_000, ahead: limits.ahead }),
    again: () => undefined,
  });
  made.open((mail) => at.sink(mail));
  return { counters, intake: made };
}

function notes(at: Place, count: number): readonly NostrEvent[] {
  const secret = generateSecretKey();
  const tags = [["p", at.agents[0]!.publicKey]];
  return Array.from({ length: count }, (_, i) =>
    finalizeEvent({ kind: 1, created_at: now() - 100 + i, tags, content: `n${i}` }, secret),
  );
}

void test("what one relay brought and never delivered is delivered when another brings it", async () => {
  const at = place();
  const { counters, intake: it } = intake(at);
  const events = notes(at, 3);
  const opened = await it.prepare(events, refuse);
  assert.equal(opened.length, 3);
  // Now the first relay is gone. What the second one has is the same, and not taken yet.
  await it.take(events, refuse);
  assert.equal(at.mail.length, 3);
  assert.equal(counters.counts().refused.replayed, 0);
  // The first one comes back with what it had.
  await it.deliver(opened);
  await it.take(events, refuse);
  assert.equal(at.mail.length, 3);
  assert.deepEqual([counters.counts().taken, counters.counts().repeated], [3, 0]);
  assert.equal(counters.counts().refused.replayed, 6);
});

void test("what the store did not take is taken when it is brought again", async () => {
  const at = place();
  const { counters, intake: it } = intake(at);
  const events = notes(at, 2);
  const { sink } = at;
  at.sink = async (): Promise<Receipt[]> => {
    throw new Error("the disk is full");
  };
  await assert.rejects(it.take(events, refuse), /the disk is full/);
  at.sink = sink;
  await it.take(events.toReversed(), refuse);
  const got = at.mail.map(({ payload }) => (payload as { readonly text: string }).text);
  assert.deepEqual(got, ["n0", "n1"]);
  assert.equal(counters.counts().taken, 2);
});

void test("two relays that bring the same at once bring it once", async () => {
  const at = place();
  const { counters, intake: it } = intake(at);
  const events = notes(at, 20);
  await Promise.all([it.take(events, refuse), it.take(events.toReversed(), refuse)]);
  assert.equal(at.mail.length, 20);
  assert.equal(counters.counts().taken, 20);
});
