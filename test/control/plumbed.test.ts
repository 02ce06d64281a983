import assert from "node:assert/strict";
import { test } from "node:test";
import { plumbedReceipts } from "../../src/control/plumbed.ts";
import type { Envelope } from "../../src/core/envelope.ts";
import type { Receipt } from "../../src/core/ports/index.ts";
import { compileRules } from "../../src/drivers/plumber.ts";

const RULES = `
rules:
  - name: both
    when: { from: fork }
    send: [ada, bob]
  - name: never
    when: { from: spam }
    drop: not wanted
`;

const mail = (from: string, id: string): Envelope => ({
  id,
  sentAt: 1,
  source: "schedule",
  from,
  to: "eve",
  type: "message",
  payload: null,
});

void test("plumbedReceipts() gives one receipt for each envelope, whatever the rules make of it", async () => {
  const taken: string[] = [];
  let receipt = (_to: string): Receipt => "accepted";
  const sink = plumbedReceipts(compileRules(RULES), async (envelopes) => {
    taken.push(...envelopes.map(({ to, id }) => `${to} ${id}`));
    return envelopes.map(({ to }) => receipt(to));
  });
  const all = [mail("fork", "1"), mail("spam", "2"), mail("me", "3")];
  assert.deepEqual(await sink(all), ["accepted", "accepted", "accepted"]);
  assert.deepEqual(taken, ["ada 1", "bob 1#both:2", "eve 3"]);
  // What is busy at one of two is put in again, under the same ids.
  receipt = (to) => (to === "bob" ? "busy" : "duplicate");
  assert.deepEqual(await sink(all), ["busy", "accepted", "duplicate"]);
  assert.deepEqual(taken.slice(3), taken.slice(0, 3));
  receipt = (to) => (to === "bob" ? "unknown" : "accepted");
  assert.deepEqual(await sink(all), ["unknown", "accepted", "accepted"]);
});
