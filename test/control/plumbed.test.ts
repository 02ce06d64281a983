import assert from "node:assert/strict";
import { test } from "node:test";
import { plumbedReceipts, plumbedSink } from "../../src/control/plumbed.ts";
import type { Envelope } from "../../src/core/envelope.ts";
import type { Receipt } from "../../src/core/ports/index.ts";
import type { Runtime } from "../../src/core/runtime.ts";
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

/** A sink of rules over a runtime whose agents take mail with these receipts, and what was done there. */
function recorded(rules: string, receipts: Record<string, Receipt>) {
  const done: string[] = [];
  const runtime: Pick<Runtime, "accept" | "ask"> = {
    async accept(envelopes) {
      done.push(envelopes.map(({ to, id }) => `${to} ${id}`).join(", "));
      return envelopes.map(({ to }) => receipts[to] ?? "accepted");
    },
    async ask(to, { id = "" }) {
      done.push(`ask ${to} ${id}`);
      return { id, receipt: "duplicate", outcome: "done", replies: [`I am ${to}`] };
    },
  };
  return { sink: plumbedSink(compileRules(rules), runtime), done, receipts };
}

const ASK = { timeout: 1 };

void test("plumbedSink() refuses what one of those that are to get it has not taken", async () => {
  const { sink, done, receipts } = recorded(RULES, { bob: "busy" });
  await assert.rejects(sink.send(mail("fork", "1")), { code: "BUSY" });
  await assert.rejects(sink.ask(mail("fork", "1"), ASK), { code: "BUSY" });
  receipts["bob"] = "unknown";
  await assert.rejects(sink.send(mail("fork", "1")), { code: "NOT_FOUND" });
  await assert.rejects(sink.ask(mail("fork", "1"), ASK), { code: "NOT_FOUND" });
  // What is not for the one who is waited for is for nobody.
  Object.assign(receipts, { ada: "terminated", bob: "accepted" });
  done.length = 0;
  await assert.rejects(sink.ask(mail("fork", "1"), ASK), { code: "TERMINATED" });
  assert.deepEqual(done, ["ada 1"]);
  // A dead letter is kept, and hides nothing.
  Object.assign(receipts, { ada: "dead-lettered", bob: "rejected" });
  await assert.rejects(sink.send(mail("fork", "1")), { code: "INBOX_FULL" });
  Object.assign(receipts, { ada: "accepted", bob: "dead-lettered" });
  assert.deepEqual(await sink.send(mail("fork", "1")), { id: "1", receipt: "accepted" });
  done.length = 0;
  await sink.ask(mail("fork", "1"), ASK);
  assert.deepEqual(done, ["ada 1", "bob 1#both:2", "ask ada 1"]);
});

const COPIES = `
rules:
  - name: copy
    send: [archive, statistics]
    continue: true
  - name: orders
    when: { from: shop }
    send: [sales, stock]
`;

void test("plumbedSink() waits for whom it is addressed to, else for the last rule, and not for copies", async () => {
  const { sink, done } = recorded(COPIES, { archive: "duplicate", sales: "accepted" });
  const { to: _, ...open } = mail("shop", "1");
  const asked = await sink.ask(open, ASK);
  assert.deepEqual(asked, {
    id: "1#orders:1",
    receipt: "accepted",
    outcome: "done",
    replies: ["I am sales"],
  });
  assert.deepEqual(done, [
    "sales 1#orders:1",
    "archive 1, statistics 1#copy:2, stock 1#orders:2",
    "ask sales 1#orders:1",
  ]);
  assert.deepEqual(await sink.send(open), { id: "1#orders:1", receipt: "accepted" });
  const toStock = await sink.ask({ ...open, to: "stock" }, ASK);
  assert.deepEqual("replies" in toStock && toStock.replies, ["I am stock"]);
  // No rule ends it, so that it goes where it is addressed to as well.
  const direct = await sink.ask(mail("me", "2"), ASK);
  assert.deepEqual("replies" in direct && direct.replies, ["I am eve"]);
  const { to: _to, ...nobodys } = mail("me", "3");
  assert.deepEqual(await sink.send(nobodys), { id: "3", receipt: "duplicate" });
});
