import assert from "node:assert/strict";
import { test } from "node:test";
import { Webhook } from "standardwebhooks";
import type { PastTicks, Posted } from "../../../src/control/webhooks.ts";
import { RETRIES } from "../../../src/control/webhooks/retries.ts";
import type { AgentInfo, LogRow } from "../../../src/index.ts";
import { leafHash } from "../../../src/core/hash.ts";
import { canonicalJson } from "../../../src/core/json.ts";
import { ADA, BOB, DAY, HOUR, SECOND, START, URL_OF, setting, tickOf, ticks } from "./setting.ts";
import type { Setting } from "./setting.ts";

const ids = ({ got }: Setting): string[] => got.map(({ event }) => event.id.replace(/^npub1/, ""));
const numbers = ({ got }: Setting): number[] =>
  got.map(({ event }) => Number(event.id.split(":")[1]));
const tickOnly = { url: URL_OF, events: ["agent.tick.*"] };

void test("an event is sent as CloudEvents in JSON, signed so that others' libraries take it", async () => {
  const home = setting();
  const { secret, ...made } = await home.hooks.create({
    url: URL_OF,
    events: ["agent.event.*"],
    description: "orders",
  });
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  await home.hooks.notice([
    tickOf(1, { output: { events: [{ name: "order", data: { text: "é" } }] } }),
  ]);
  await home.hooks.takeUp();
  const [{ posting, event }] = home.got as [(typeof home.got)[number]];
  assert.equal(event.type, "dev.openagents.agent.event.order");
  assert.equal(posting.headers["content-type"], "application/cloudevents+json; charset=utf-8");
  assert.equal(posting.headers["webhook-id"], `${ADA}:1:event-0`);
  assert.equal(posting.headers["webhook-timestamp"], String(START / 1000));
  // Its library knows no other time than now.
  const now = Math.floor(Date.now() / 1000);
  const theirs = new Webhook(secret);
  const at = new Date(START);
  assert.equal(
    posting.headers["webhook-signature"],
    theirs.sign(posting.headers["webhook-id"], at, posting.body),
  );
  assert.ok(now > 0);
  assert.deepEqual(await home.hooks.list(), [made]);
  assert.ok(!JSON.stringify(await home.hooks.list()).includes("whsec_"));
  assert.ok(!JSON.stringify(await home.hooks.get(made.id)).includes("whsec_"));
  const [delivery] = await home.hooks.deliveries(made.id);
  assert.equal(delivery!.state, "delivered");
  assert.deepEqual(delivery!.tries, [{ at: START, ms: 0, status: 200 }]);
  assert.equal(await home.hooks.nextDue(), undefined);
});

void test("only what is wanted is sent: by type, agent and label, while it is active, and from its making on", async () => {
  const home = setting();
  await home.hooks.notice([tickOf(1)]);
  const by = async (more: object): Promise<string> =>
    (await home.hooks.create({ ...tickOnly, ...more })).id;
  const named = await by({ agents: ["bob"] });
  const npub = await by({ agents: [ADA] });
  const label = await by({ labels: ["west", "east"] });
  const off = await by({ active: false });
  await home.hooks.notice([
    tickOf(2, { record: { at: START - HOUR } }),
    tickOf(3),
    tickOf(1, { agent: { id: BOB, name: "bob", labels: [] } }),
  ]);
  await home.hooks.takeUp();
  const seen = async (id: string): Promise<string[]> =>
    (await home.hooks.deliveries(id)).map(({ event }) => event.id);
  assert.deepEqual(await seen(named), [`${BOB}:1:tick`]);
  assert.deepEqual(await seen(npub), [`${ADA}:3:tick`]);
  assert.deepEqual(await seen(label), [`${ADA}:3:tick`]);
  assert.deepEqual(await seen(off), []);
});

void test("a tick that is noticed again is passed over, also by another process", async () => {
  const home = setting();
  await home.hooks.create(tickOnly);
  await Promise.all([home.hooks.notice(ticks(1, 3)), home.hooks.notice(ticks(2, 4))]);
  await home.hooks.notice(ticks(1, 4));
  const again = home.again();
  await again.notice(ticks(1, 5));
  await again.takeUp();
  assert.deepEqual(numbers(home), [1, 2, 3, 4, 5]);
});

void test("events of one agent go one after the other, those of several side by side", async () => {
  const home = setting();
  await home.hooks.create(tickOnly);
  const under = new Map<string, number>();
  let most = 0;
  home.answer = async ({ source }) => {
    under.set(source, (under.get(source) ?? 0) + 1);
    assert.equal(under.get(source), 1, "one at a time");
    most = Math.max(
      most,
      [...under.values()].reduce((a, b) => a + b),
    );
    await new Promise((resolve) => setTimeout(resolve, 1));
    under.set(source, 0);
    return { status: 204 };
  };
  const bob = { id: BOB, name: "bob" };
  await home.hooks.notice([...ticks(1, 100), ...ticks(1, 100, bob)]);
  const taking = home.hooks.takeUp();
  // What is noted while others are being sent is sent with them.
  await home.hooks.notice([...ticks(101, 120), ...ticks(101, 120, bob)]);
  await Promise.all([taking, home.hooks.takeUp()]);
  const of = (npub: string): number[] =>
    home.got
      .filter(({ event }) => event.source.endsWith(npub))
      .map(({ event }) => Number(event.id.split(":")[1]));
  const inOrder = Array.from({ length: 120 }, (_, i) => i + 1);
  assert.deepEqual(of(ADA), inOrder);
  assert.deepEqual(of(BOB), inOrder);
  assert.equal(most, 2);
});

void test("what is refused is tried again for a day, later each time, and holds up nothing behind it", async () => {
  const home = setting();
  const { id } = await home.hooks.create(tickOnly);
  home.answer = ({ id: event }) =>
    event.includes(":2:") ? { status: 500, body: "x".repeat(900) } : { status: 200 };
  await home.hooks.notice(ticks(1, 3));
  await home.hooks.takeUp();
  assert.deepEqual(numbers(home), [1, 2, 3]);
  let last = START;
  for (const wait of RETRIES) {
    const due = (await home.hooks.nextDue())!;
    assert.ok(due - last >= wait && due - last <= wait * 1.2 + 1, `${due - last} after ${wait}`);
    await home.clock.advance(due - home.clock.now() - 1);
    await home.hooks.takeUp();
    const before = home.got.length;
    await home.clock.advance(1);
    await home.hooks.takeUp();
    assert.equal(home.got.length, before + 1);
    last = due;
  }
  assert.equal(await home.hooks.nextDue(), undefined);
  assert.ok(last - START > DAY && last - START < 2 * DAY);
  const [, failed] = await home.hooks.deliveries(id);
  assert.equal(failed!.state, "failed");
  assert.equal(failed!.tries.length, RETRIES.length + 1);
  assert.deepEqual(
    [failed!.tries[0]!.status, failed!.tries[0]!.error, failed!.tries[0]!.body!.length],
    [500, "it answered 500", 500],
  );
  // It can be sent again by hand, as the same event.
  home.answer = () => ({ status: 200 });
  const again = await home.hooks.redeliver(id, failed!.id);
  await home.hooks.takeUp();
  const [newest] = await home.hooks.deliveries(id);
  assert.deepEqual(
    [newest!.id, newest!.state, newest!.event.id],
    [again.id, "delivered", failed!.event.id],
  );
  await assert.rejects(home.hooks.redeliver(id, `${"0".repeat(16)}-00000000`), {
    code: "NOT_FOUND",
  });
  await assert.rejects(home.hooks.redeliver(id, "../health"), { code: "NOT_FOUND" });
});

void test("while a receiver cannot be reached everything waits in its order, and one event asks", async () => {
  const home = setting();
  const { id } = await home.hooks.create(tickOnly);
  home.answer = () => Promise.reject(new Error("connect ECONNREFUSED"));
  await home.hooks.notice(ticks(1, 3));
  await home.hooks.takeUp();
  await home.hooks.notice(ticks(1, 3, { id: BOB, name: "bob" }));
  await home.hooks.takeUp();
  assert.deepEqual(numbers(home), [1]);
  for (let i = 0; i < 12; i += 1) {
    const due = (await home.hooks.nextDue())!;
    assert.ok(due - home.clock.now() <= 1.2 * HOUR);
    await home.clock.advance(due - home.clock.now());
    await home.hooks.takeUp();
  }
  assert.deepEqual(
    numbers(home),
    Array.from({ length: 13 }, () => 1),
  );
  assert.equal((await home.hooks.get(id)).failures, 13);
  home.got.length = 0;
  home.answer = () => ({ status: 200 });
  await home.clock.advance((await home.hooks.nextDue())! - home.clock.now());
  // After a restart as well.
  await home.again().takeUp();
  assert.deepEqual(
    numbers(home).filter((_, i) => home.got[i]!.event.source.endsWith(ADA)),
    [1, 2, 3],
  );
  assert.equal(home.got.length, 6);
});

void test("a receiver is left alone for as long as it asks, in seconds or by a date", async () => {
  for (const retryAfter of ["7200", new Date(START + 2 * HOUR).toUTCString()]) {
    const home = setting();
    await home.hooks.create(tickOnly);
    home.answer = () => ({ status: 429, retryAfter });
    await home.hooks.notice(ticks(1, 2));
    await home.hooks.takeUp();
    assert.equal(home.got.length, 1);
    assert.equal(await home.hooks.nextDue(), START + 2 * HOUR);
  }
  const home = setting();
  await home.hooks.create(tickOnly);
  home.answer = () => ({ status: 503, retryAfter: "99999999" });
  await home.hooks.notice(ticks(1, 1));
  await home.hooks.takeUp();
  assert.equal(await home.hooks.nextDue(), START + DAY);
  const wrong = setting();
  await wrong.hooks.create(tickOnly);
  wrong.answer = () => ({ status: 503, retryAfter: "soon" });
  await wrong.hooks.notice(ticks(1, 1));
  await wrong.hooks.takeUp();
  assert.ok((await wrong.hooks.nextDue())! < START + 10 * SECOND);
});

void test("410 ends it, five days of failure too, and it can be made active again", async () => {
  const home = setting();
  const gone = await home.hooks.create(tickOnly);
  home.answer = () => ({ status: 410 });
  await home.hooks.notice(ticks(1, 2));
  await home.hooks.takeUp();
  assert.equal(home.got.length, 1);
  const shown = await home.hooks.get(gone.id);
  assert.deepEqual([shown.active, shown.disabled], [false, "its receiver answered 410: gone"]);
  assert.equal(await home.hooks.nextDue(), undefined);
  await home.hooks.remove(gone.id);

  const { id } = await home.hooks.create(tickOnly);
  home.answer = () => Promise.reject(new Error("no"));
  await home.hooks.notice(ticks(3, 200));
  await home.hooks.takeUp();
  for (let i = 0; i < 500; i += 1) {
    const due = await home.hooks.nextDue();
    if (due === undefined) break;
    await home.clock.advance(due - home.clock.now());
    await home.hooks.takeUp();
  }
  assert.ok(home.clock.now() - START > 5 * DAY);
  assert.match((await home.hooks.get(id)).disabled!, /taken nothing for 5 days/);
  await home.hooks.notice(ticks(201, 201));
  home.got.length = 0;
  home.answer = () => ({ status: 200 });
  const { disabled } = await home.hooks.update(id, { active: true });
  assert.equal(disabled, undefined);
  await home.hooks.notice(
    ticks(202, 202).map((tick) => ({ ...tick, record: { ...tick.record, at: home.clock.now() } })),
  );
  await home.hooks.takeUp();
  // What was noted and not given up is sent; what came while it was off is not.
  const sent = numbers(home);
  assert.deepEqual(
    sent,
    [...sent].sort((a, b) => a - b),
  );
  assert.ok(sent.includes(200) && sent.includes(202) && !sent.includes(201), String(sent));
});

void test("rotate() gives a new secret, and the old one signs as well for a day", async () => {
  const home = setting();
  const { id, secret: old } = await home.hooks.create(tickOnly);
  const { secret } = await home.hooks.rotate(id);
  assert.notEqual(secret, old);
  const signatures = async (n: number): Promise<string> => {
    await home.hooks.notice(ticks(n, n));
    await home.hooks.takeUp();
    return home.got.at(-1)!.posting.headers["webhook-signature"]!;
  };
  const by = (key: string): string => {
    const { posting } = home.got.at(-1)!;
    const at = new Date(Number(posting.headers["webhook-timestamp"]) * 1000);
    return new Webhook(key).sign(posting.headers["webhook-id"]!, at, posting.body);
  };
  assert.equal(await signatures(1), `${by(secret)} ${by(old)}`);
  await home.clock.advance(DAY);
  assert.equal(await signatures(2), by(secret));
});

void test("ping() says how the receiver is, is tried once, and one that answers is well again", async () => {
  const home = setting();
  const { id } = await home.hooks.create(tickOnly);
  home.answer = () => Promise.reject(new Error("no route"));
  await home.hooks.notice(ticks(1, 1));
  await home.hooks.takeUp();
  const bad = await home.hooks.ping(id);
  assert.deepEqual([bad.status, bad.error], [undefined, "no route"]);
  home.answer = () => ({ status: 200 });
  assert.equal((await home.hooks.ping(id)).status, 200);
  assert.equal(home.got.at(-1)!.event.type, "dev.openagents.webhook.ping");
  assert.equal(await home.hooks.nextDue(), home.clock.now());
  await home.hooks.takeUp();
  assert.equal(home.got.at(-1)!.event.id, `${ADA}:1:tick`);
});

void test("the log of deliveries keeps the last 200, and remove() leaves nothing", async () => {
  const home = setting();
  const { id } = await home.hooks.create(tickOnly);
  await home.hooks.notice(ticks(1, 600));
  await home.hooks.takeUp();
  const log = await home.files.list({ prefix: `deliveries/${id}/log/`, limit: 1000 });
  assert.ok(log.length >= 200 && log.length <= 250, String(log.length));
  const shown = await home.hooks.deliveries(id, 3);
  assert.deepEqual(
    shown.map(({ event }) => event.id),
    [600, 599, 598].map((n) => `${ADA}:${n}:tick`),
  );
  await home.hooks.remove(id);
  assert.deepEqual(await home.files.list({ prefix: `deliveries/${id}/`, limit: 1000 }), []);
  assert.deepEqual(await home.files.list({ prefix: "webhooks/", limit: 1000 }), []);
  await assert.rejects(home.hooks.get(id), { code: "NOT_FOUND" });
});

void test("removed or changed while an event is under way: nothing of it comes back", async () => {
  const home = setting();
  const { id } = await home.hooks.create(tickOnly);
  const under = Promise.withResolvers<Posted>();
  home.answer = () => under.promise;
  await home.hooks.notice(ticks(1, 3));
  const taking = home.hooks.takeUp();
  while (home.got.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await home.hooks.remove(id);
  under.resolve({ status: 500 });
  await taking;
  assert.equal(home.got.length, 1);
  assert.deepEqual(await home.files.list({ prefix: `deliveries/${id}/`, limit: 10 }), []);
});

void test("when files cannot be written nothing is sent over and over", async () => {
  const home = setting();
  await home.hooks.create(tickOnly);
  await home.hooks.notice(ticks(1, 1));
  const write = home.files.write.bind(home.files);
  home.files.write = () => Promise.reject(new Error("disk full"));
  await assert.rejects(home.hooks.takeUp(), /disk full/);
  assert.equal(await home.hooks.nextDue(), START + 10 * SECOND);
  await home.hooks.takeUp();
  assert.equal(home.got.length, 1);
  await assert.rejects(home.hooks.notice(ticks(2, 2)), /disk full/);
  home.files.write = write;
  await home.clock.advance(10 * SECOND);
  // A tick whose note failed is noted with the next one, and once if it is told of again.
  await home.hooks.notice(ticks(3, 3));
  await home.hooks.notice(ticks(2, 3));
  await home.hooks.takeUp();
  assert.deepEqual(numbers(home), [1, 1, 2, 3]);
});

/** What a runtime says of ticks that were committed. */
function past(ticksOf: Readonly<Record<string, number>>, reads: { count: number }): PastTicks {
  return {
    async list({ cursor } = {}) {
      const names = Object.keys(ticksOf);
      const at = cursor === undefined ? 0 : Number(cursor);
      const name = names[at]!;
      const items = [{ id: name, name: name.slice(5, 8), type: "greeter" } as AgentInfo];
      return { items, ...(at + 1 < names.length && { cursor: String(at + 1) }) };
    },
    async log(ref, after, limit) {
      reads.count += 1;
      const rows: LogRow[] = [];
      for (let n = after + 1; n <= Math.min(ticksOf[ref]!, after + limit); n += 1) {
        const { record } = tickOf(n, { agent: { id: ref }, record: { at: START + n * SECOND } });
        const text = canonicalJson(record);
        rows.push({ n, hash: leafHash(text), record: text, output: undefined });
      }
      return rows;
    },
  };
}

void test("catchUp() notes what was missed and nothing from before the oldest webhook", async () => {
  const home = setting();
  await home.clock.advance(900 * SECOND);
  await home.hooks.create(tickOnly);
  const at = (n: number): object => ({ at: START + n * SECOND });
  await home.hooks.notice([tickOf(950, { record: at(950) }), tickOf(951, { record: at(951) })]);
  // Ticks 952 to 955 of one agent and all of the other came and the process died before they were noted.
  const again = home.again();
  const reads = { count: 0 };
  await again.catchUp(past({ [ADA]: 955, [BOB]: 903 }, reads));
  await again.takeUp();
  const expected = [950, 951, 952, 953, 954, 955].map((n) => `${ADA}:${n}:tick`);
  expected.push(...[900, 901, 902, 903].map((n) => `${BOB}:${n}:tick`));
  assert.deepEqual(ids(home).sort(), expected.map((id) => id.replace(/^npub1/, "")).sort());
  assert.ok(reads.count < 60, String(reads.count));
  // The next start finds that there is nothing to do, by two reads of each agent.
  reads.count = 0;
  await home.again().catchUp(past({ [ADA]: 955, [BOB]: 903 }, reads));
  assert.equal(reads.count, 4);
  assert.equal(await again.nextDue(), undefined);
});

void test("how far agents were looked at is written down now and then, wanted or not", async () => {
  const home = setting();
  await home.hooks.create({ url: URL_OF, events: ["agent.tick.failed"] });
  await home.hooks.notice(ticks(1, 400));
  const [cursor] = await home.files.list({ prefix: "deliveries/cursors/", limit: 10 });
  assert.match(cursor!.value, /^256 [0-9a-f]{64}$/);
  await home.hooks.stop();
  const [after] = await home.files.list({ prefix: "deliveries/cursors/", limit: 10 });
  assert.match(after!.value, /^400 [0-9a-f]{64}$/);
});

void test("create() and update() refuse what is wrong", async () => {
  const home = setting();
  const bad: readonly (readonly [object, string])[] = [
    [{}, "INVALID"],
    [{ url: URL_OF }, "INVALID"],
    [{ ...tickOnly, url: "http://example.com" }, "INVALID"],
    [{ ...tickOnly, url: "https://169.254.169.254/latest/meta-data" }, "DENIED"],
    [{ ...tickOnly, events: "agent.*" }, "INVALID"],
    [{ ...tickOnly, events: ["x"] }, "INVALID"],
    [{ ...tickOnly, agents: [5] }, "INVALID"],
    [{ ...tickOnly, secret: "whsec_mine" }, "INVALID"],
    [{ ...tickOnly, active: "yes" }, "INVALID"],
    [{ ...tickOnly, description: "" }, "INVALID"],
  ];
  for (const [input, code] of bad) {
    await assert.rejects(
      home.hooks.create(input as typeof tickOnly),
      { code },
      JSON.stringify(input),
    );
  }
  const { id } = await home.hooks.create(tickOnly);
  for (const [input, code] of bad.slice(2)) {
    await assert.rejects(home.hooks.update(id, input), { code });
  }
  const updated = await home.hooks.update(id, { events: ["*"], labels: ["x"] });
  assert.deepEqual([updated.url, updated.events, updated.labels], [URL_OF, ["*"], ["x"]]);
  assert.deepEqual(await home.again().list(), [updated]);
});

void test("a private address is refused when it is sent to, whatever was allowed when it was made", async () => {
  const home = setting();
  const open = setting({ allowPrivate: true, files: home.files });
  const { id } = await open.hooks.create({ ...tickOnly, url: "http://127.0.0.1:9/x" });
  await home.hooks.notice(ticks(1, 1));
  await home.hooks.takeUp();
  assert.equal(home.got.length, 0);
  const [delivery] = await home.hooks.deliveries(id);
  assert.match(delivery!.tries[0]!.error!, /must begin with "https:"/);
});
