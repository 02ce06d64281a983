import assert from "node:assert/strict";
import { test } from "node:test";
import { manualClock } from "../../../src/testing/manual-clock.ts";
import { ADA, BOB, DAY, MINUTE, START, URL_OF, setting, tickOf, ticks } from "./setting.ts";

const all = { url: URL_OF, events: ["agent.tick.*"] };
const bob = { id: BOB, name: "bob" };

void test("little of a backlog is in memory at once, however large its events are", async () => {
  const home = setting();
  const { id } = await home.hooks.create({ url: URL_OF, events: ["agent.event.*"] });
  const data = "x".repeat(200_000);
  for (let n = 1; n <= 300; n += 1) {
    await home.hooks.notice([tickOf(n, { output: { events: [{ name: "big", data }] } })]);
  }
  let most = 0;
  const list = home.files.list.bind(home.files);
  home.files.list = async (query) => {
    const rows = await list(query);
    most = Math.max(
      most,
      rows.reduce((sum, { value }) => sum + value.length, 0),
    );
    return rows;
  };
  const again = home.again();
  assert.equal((await again.deliveries(id, 2)).length, 2);
  await again.nextDue();
  await again.takeUp();
  assert.equal(home.got.length, 300);
  await again.deliveries(id, 2);
  await again.remove(id);
  assert.ok(most < 1_000_000, `${most} characters at once`);
});

void test("an agent that does much holds up no other", async () => {
  const home = setting();
  await home.hooks.create(all);
  await home.hooks.notice(ticks(1, 500));
  await home.hooks.notice(ticks(1, 5, bob));
  await home.hooks.takeUp();
  const npubs = home.got.map(({ event }) => event.source.split("/")[2]);
  assert.equal(npubs.length, 505);
  assert.ok(
    npubs.lastIndexOf(BOB) < 40,
    `the last of the few came as number ${npubs.lastIndexOf(BOB)}`,
  );
  for (const npub of [ADA, BOB]) {
    const numbers = home.got
      .filter(({ event }) => event.source.endsWith(npub))
      .map(({ event }) => Number(event.id.split(":")[1]));
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
  }
});

void test("agents are gone round where there are many, also of what is tried again", async () => {
  const home = setting();
  await home.hooks.create(all);
  const names = Array.from({ length: 150 }, (_, i) => `npub1${String(i).padStart(58, "q")}`);
  home.answer = () => ({ status: 500 });
  await home.hooks.notice(ticks(1, 200));
  for (const name of names) await home.hooks.notice(ticks(1, 3, { id: name, name }));
  await home.hooks.takeUp();
  assert.equal(new Set(home.got.map(({ event }) => event.id)).size, 650);
  home.got.length = 0;
  home.answer = () => ({ status: 200 });
  await home.clock.advance(MINUTE);
  await home.hooks.takeUp();
  assert.equal(new Set(home.got.map(({ event }) => event.id)).size, 650);
  assert.equal(home.got.length, 650);
  const others = home.got.findLastIndex(({ event }) => !event.source.endsWith(ADA));
  assert.ok(others > 0);
});

void test("after a clock that was ahead is set right, what waits goes out", async () => {
  for (const status of [500, 503]) {
    const home = setting();
    await home.hooks.create(all);
    await home.clock.advance(400 * DAY);
    await home.hooks.notice(ticks(1, 2));
    home.answer = () => ({ status });
    await home.hooks.takeUp();
    assert.ok(home.got.length > 0);
    home.got.length = 0;
    home.answer = () => ({ status: 200 });
    // Another home over the same files, whose clock is right.
    const right = home.again({ clock: manualClock(START) });
    assert.equal(await right.nextDue(), START);
    await right.takeUp();
    assert.equal(home.got.length, 2, `after ${status}`);
    assert.equal(await right.nextDue(), undefined);
  }
});
