import assert from "node:assert/strict";
import { test } from "node:test";
import { startRelay } from "../../../scripts/relay.ts";
import type { Receipt } from "../../../src/core/ports/index.ts";
import { human, now } from "./human.ts";
import { home, place, texts, until } from "./setting.ts";
import type { Place } from "./setting.ts";

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`);

/** Has an agent's mail be `busy` until told otherwise. */
function moving(at: Place): { readonly tried: string[][]; arrive(): void } {
  const { sink } = at;
  const tried: string[][] = [];
  at.sink = async (mail) => {
    tried.push(mail.map(({ payload }) => JSON.stringify(payload)));
    return mail.map((): Receipt => "busy");
  };
  return {
    tried,
    arrive() {
      at.sink = sink;
    },
  };
}

void test("a backlog of direct messages arrives in the order in which it was sent", async () => {
  await using relay = await startRelay({ page: 20 });
  await using ada = await human(relay.url);
  const at = place();
  const [agent] = at.agents;
  const sent = names(50);
  const wraps = sent.map((text, i) =>
    ada.letter(agent!.publicKey, text, { created_at: now() - 100 + i }),
  );
  // Whatever the order is in which the relay got them.
  for (const wrap of wraps.toSorted((a, b) => (a.id < b.id ? -1 : 1))) await ada.publish(wrap);
  await using it = await home([relay.url], { at });
  await it.driver.caughtUp();
  assert.deepEqual(texts(it.mail), sent);
});

void test("a backlog that is too long for the memory arrives in order, and whole", async () => {
  await using relay = await startRelay({ page: 20 });
  await using ada = await human(relay.url);
  const at = place();
  const tags = [["p", at.agents[0]!.publicKey]];
  const sent = names(90);
  for (const [i, content] of sent.entries()) {
    await ada.publish(ada.sign({ content, tags, created_at: now() - 500 + Math.floor(i / 2) }));
  }
  // About 25 events.
  await using it = await home([relay.url], { at, limits: { backlogLength: 15_000 } });
  await it.driver.caughtUp();
  const seconds = it.mail.map(({ sentAt }) => sentAt);
  assert.deepEqual(
    seconds,
    seconds.toSorted((a, b) => a - b),
  );
  const got = it.mail.map(({ payload }) => (payload as { readonly text: string }).text);
  assert.deepEqual(got.toSorted(), sent.toSorted());
});

void test("events of one second that are more than a page are all read", async () => {
  await using relay = await startRelay({ page: 30 });
  await using ada = await human(relay.url);
  const at = place(4);
  const created_at = now() - 60;
  const sent = names(100);
  for (const [i, content] of sent.entries()) {
    const tags = [["p", at.agents[i % 4]!.publicKey]];
    await ada.publish(ada.sign({ content, tags, created_at }));
  }
  const older = ada.sign({
    content: "older",
    tags: [["p", at.agents[0]!.publicKey]],
    created_at: created_at - 60,
  });
  await ada.publish(older);
  await using it = await home([relay.url], { at });
  await it.driver.caughtUp();
  const got = it.mail.map(({ payload }) => (payload as { readonly text: string }).text);
  assert.equal(got[0], "older");
  assert.deepEqual(got.slice(1).toSorted(), sent.toSorted());
  assert.equal(it.refused("crowded"), 0);
});

void test("what comes while a backlog is read waits behind it", async () => {
  await using relay = await startRelay({ page: 20 });
  await using ada = await human(relay.url);
  const at = place();
  const [agent] = at.agents;
  const sent = names(30);
  const letter = (text: string, i: number) =>
    ada.letter(agent!.publicKey, text, { created_at: now() - 100 + i });
  for (const [i, text] of sent.entries()) await ada.publish(letter(text, i));
  // The first look at the store is late, so that what is new is there before what is old.
  const load = Promise.withResolvers<void>();
  const { residents } = at;
  const page = residents.page.bind(residents);
  let pages = 0;
  Object.assign(residents, {
    page: async (query: Parameters<typeof page>[0]) => {
      pages += 1;
      if (pages > 1) await load.promise;
      return page(query);
    },
  });
  await using it = await home([relay.url], { at, limits: { waiting: 3 } });
  await until(() => pages > 1);
  for (let i = 0; i < 6; i += 1) await ada.publish(letter(`live${i}`, 40 + i));
  load.resolve();
  await it.driver.caughtUp();
  await until(() => it.mail.length === 36);
  assert.deepEqual(texts(it.mail), [...sent, ...names(6).map((_, i) => `live${i}`)]);
  assert.equal(it.refused("overflow"), 0);
});

void test("mail for an agent between two homes is held in order, and arrives once", async () => {
  await using relay = await startRelay();
  await using ada = await human(relay.url);
  const at = place(2);
  const [agent, other] = at.agents;
  const move = moving(at);
  const { sink } = at;
  // The other agent's mail goes on meanwhile.
  at.sink = async (mail) => {
    const receipts = await sink(mail);
    return receipts.map((receipt, i) => (mail[i]!.to === agent!.id ? receipt : "accepted"));
  };
  await using it = await home([relay.url], { at, limits: { betweenHomes: 50 } });
  await it.driver.caughtUp();
  const sent = names(5);
  for (const [i, text] of sent.entries()) {
    await ada.publish(ada.letter(agent!.publicKey, text, { created_at: now() - 10 + i }));
  }
  await ada.publish(ada.letter(other!.publicKey, "for the other"));
  await until(() => it.driver.metrics().taken === 1);
  await until(() => move.tried.some((texts) => texts.length === 5));
  move.arrive();
  at.sink = it.sink;
  await until(() => it.driver.metrics().taken === 6);
  await it.stop();
  assert.deepEqual(texts(it.mail), sent);
  assert.deepEqual(it.driver.metrics().repeated, 0);
  assert.equal(it.cursors.size, 1);
});

void test("a cursor does not pass mail of a backlog that is held", async () => {
  await using relay = await startRelay();
  await using ada = await human(relay.url);
  const at = place();
  const [agent] = at.agents;
  await ada.publish(ada.letter(agent!.publicKey, "held"));
  const move = moving(at);
  const limits = { betweenHomes: 20 };
  const first = await home([relay.url], { at, limits });
  await first.driver.caughtUp();
  await first.stop();
  assert.ok(move.tried.length > 0);
  assert.equal(at.cursors.size, 0);
  move.arrive();
  await using second = await home([relay.url], { at, limits });
  await second.driver.caughtUp();
  await second.stop();
  assert.deepEqual(texts(at.mail), ["held"]);
  assert.equal(at.cursors.size, 1);
});

void test("a failing store gives mail back, and does not double what is held", async () => {
  await using relay = await startRelay();
  await using ada = await human(relay.url);
  const at = place();
  const [agent] = at.agents;
  const { sink } = at;
  let calls = 0;
  at.sink = async (mail) => {
    calls += 1;
    if (calls === 1) return mail.map((): Receipt => "busy");
    if (calls < 4) throw new Error("the disk is full");
    return sink(mail);
  };
  await using it = await home([relay.url], { at, limits: { betweenHomes: 20 } });
  await it.driver.caughtUp();
  await ada.publish(ada.letter(agent!.publicKey, "a", { created_at: now() - 10 }));
  await until(() => calls >= 1);
  await ada.publish(ada.letter(agent!.publicKey, "b", { created_at: now() - 9 }));
  await until(() => it.mail.length === 2);
  await it.driver.caughtUp();
  await it.stop();
  assert.deepEqual(texts(it.mail), ["a", "b"]);
  assert.equal(it.driver.metrics().taken, 2);
  assert.equal(it.driver.metrics().repeated, 0);
});

void test("mail that has no room while its agent moves is read again, in order", async () => {
  await using relay = await startRelay();
  await using ada = await human(relay.url);
  const at = place();
  const [agent] = at.agents;
  const tags = [["p", agent!.publicKey]];
  const sent = names(60);
  for (const [i, content] of sent.entries()) {
    await ada.publish(ada.sign({ content, tags, created_at: now() - 200 + i }));
  }
  const move = moving(at);
  await using it = await home([relay.url], { at, limits: { betweenHomes: 20, held: 20 } });
  await it.driver.caughtUp();
  await until(() => move.tried.length > 6);
  assert.equal(it.cursors.size, 0);
  move.arrive();
  await until(() => it.mail.length === sent.length);
  const got = it.mail.map(({ payload }) => (payload as { readonly text: string }).text);
  assert.deepEqual(got, sent);
});
