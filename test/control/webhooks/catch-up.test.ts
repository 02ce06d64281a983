import assert from "node:assert/strict";
import { test } from "node:test";
import type { NotedTick, PastTicks } from "../../../src/control/webhooks.ts";
import { localWebhooks } from "../../../src/backends/local/webhooks.ts";
import { leafHash } from "../../../src/core/hash.ts";
import { canonicalJson } from "../../../src/core/json.ts";
import type { AgentInfo, LogRow, TickEvent } from "../../../src/index.ts";
import { systemRandom } from "../../../src/index.ts";
import { memoryHomeFiles } from "../../../src/stores/memory.ts";
import { manualClock } from "../../../src/testing/manual-clock.ts";
import { ADA, HOUR, START, URL_OF, setting, tickOf } from "./setting.ts";
import type { Setting } from "./setting.ts";

const tickOnly = { url: URL_OF, events: ["agent.tick.*"] };
const numbers = ({ got }: Setting): number[] =>
  got.map(({ event }) => Number(event.id.split(":")[1]));

/** The ticks of a record whose rows follow each other, which another `salt` makes another one. */
function chain(length: number, { salt = 0, from = 1, at = 0 } = {}): NotedTick[] {
  const all: NotedTick[] = [];
  let prev = "0".repeat(64);
  for (let n = 1; n <= length; n += 1) {
    const tick = tickOf(n, {
      record: { prev, ms: n < from ? 1 : 1 + salt, ...(at > 0 && { at: at + n }) },
    });
    prev = leafHash(canonicalJson(tick.record));
    all.push(tick);
  }
  return all;
}

/** What a runtime says of the record of one agent. */
function pastOf(ticks: readonly NotedTick[]): PastTicks {
  const rows = ticks.map(({ record }): LogRow => {
    const text = canonicalJson(record);
    return { n: record.n, hash: leafHash(text), record: text, output: undefined };
  });
  return {
    list: async () => ({ items: [{ id: ADA, name: "ada", type: "greeter" } as AgentInfo] }),
    log: async (_ref, after, limit) => rows.slice(after, after + limit),
  };
}

void test("an agent that was erased and restored from an older bundle is announced again", async () => {
  for (const batch of [1, 2, 100]) {
    const home = setting();
    await home.hooks.create(tickOnly);
    await home.hooks.notice(chain(9));
    await home.hooks.takeUp();
    home.got.length = 0;
    const restored = chain(12, { salt: 5, from: 5 }).slice(4);
    for (let i = 0; i < restored.length; i += batch) {
      await home.hooks.notice(restored.slice(i, i + batch));
    }
    // What comes twice is still passed over.
    await home.hooks.notice(restored);
    await home.hooks.takeUp();
    assert.deepEqual(numbers(home), [5, 6, 7, 8, 9, 10, 11, 12], `${batch} at once`);
  }
});

void test("a start after a restoration finds what the agent did since, also where it has done more", async () => {
  for (const length of [7, 9, 12]) {
    const home = setting();
    await home.hooks.create(tickOnly);
    await home.hooks.notice(chain(9));
    await home.hooks.takeUp();
    await home.hooks.stop();
    home.got.length = 0;
    const again = home.again();
    await again.catchUp(pastOf(chain(length, { salt: 5, from: 5 })));
    await again.takeUp();
    // It cannot be told where they part: what is the same is sent with the same id.
    const all = Array.from({ length }, (_, i) => i + 1);
    assert.deepEqual(numbers(home), all, `${length} ticks`);
    home.got.length = 0;
    const third = home.again();
    await third.catchUp(pastOf(chain(length, { salt: 5, from: 5 })));
    await third.takeUp();
    assert.deepEqual(numbers(home), []);
  }
});

void test("what happened while a webhook was off is not announced by the next start", async () => {
  const home = setting();
  const { id } = await home.hooks.create(tickOnly);
  await home.hooks.update(id, { active: false });
  await home.clock.advance(HOUR);
  await home.hooks.update(id, { active: true });
  const after = chain(3, { at: START + HOUR });
  const whole = [
    ...chain(9),
    ...after.map((tick, i) => tickOf(10 + i, { record: { at: tick.record.at } })),
  ];
  const again = home.again();
  await again.catchUp(pastOf(whole));
  await again.takeUp();
  assert.deepEqual(numbers(home), [10, 11, 12]);
  // To say that it is active, when it is, leaves what was missed.
  await home.clock.advance(HOUR);
  await again.update(id, { active: true });
  assert.equal((await again.get(id)).activeSince, START + HOUR);
});

void test("with the last webhook goes how far agents were looked at", async () => {
  const home = setting();
  const made = [await home.hooks.create(tickOnly), await home.hooks.create(tickOnly)];
  await home.hooks.notice(chain(9));
  const cursors = (): Promise<readonly unknown[]> =>
    home.files.list({ prefix: "deliveries/cursors/", limit: 9 });
  await home.hooks.remove(made[0]!.id);
  assert.equal((await cursors()).length, 1);
  await home.hooks.remove(made[1]!.id);
  assert.deepEqual(await cursors(), []);
  await home.hooks.stop();
  assert.deepEqual(await cursors(), []);
});

void test("a start does not wait until all that was missed is noted, and an end does not either", async () => {
  const files = memoryHomeFiles();
  const clock = manualClock(START);
  const past = pastOf(chain(5));
  const hung = Promise.withResolvers<readonly LogRow[]>();
  const local = localWebhooks({
    files,
    clock,
    random: systemRandom,
    allowPrivate: true,
    warn: (text) => assert.fail(text),
  });
  await local.webhooks.create({ ...tickOnly, url: "http://127.0.0.1:9/" });
  let tell: ((tick: TickEvent) => void) | undefined;
  local.watch({
    watch(_id, listener) {
      tell = listener;
      return () => undefined;
    },
  });
  local.start({ ...past, log: () => hung.promise });
  tell!(tickOf(6) as unknown as TickEvent);
  const stopped = local.stop(1000);
  hung.resolve([]);
  await stopped;
  // Nothing newer is noted before what was missed: the next start finds all of it.
  assert.deepEqual(await files.list({ prefix: "deliveries/", limit: 9 }), []);
});
