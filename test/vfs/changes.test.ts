import assert from "node:assert/strict";
import { test } from "node:test";
import { Changes } from "../../src/vfs/changes.ts";

async function take(feed: AsyncIterator<string>, count: number): Promise<readonly unknown[]> {
  const taken: unknown[] = [];
  for (let i = 0; i < count; i += 1) taken.push((await feed.next()).value);
  return taken;
}

void test("changes wait to be taken, each path once", async () => {
  const changes = new Changes();
  const feed = changes.watch("/d", new AbortController().signal);
  changes.tell("/d/a", "/d/b", "/d/a", "/e", "/dd", "/d");
  assert.deepEqual(await take(feed, 3), ["/d/a", "/d/b", "/d"]);
  changes.tell("/d/a");
  assert.deepEqual(await take(feed, 1), ["/d/a"]);
});

void test("of a change above it a watcher is told its own path", async () => {
  const changes = new Changes();
  const feed = changes.watch("/d/e", new AbortController().signal);
  changes.tell("/d");
  assert.deepEqual(await take(feed, 1), ["/d/e"]);
});

void test("what waits is bounded: a watcher who takes nothing is told of the whole", async () => {
  const changes = new Changes();
  const feed = changes.watch("/", new AbortController().signal);
  for (let i = 0; i < 100_500; i += 1) changes.tell(`/${i}`);
  const seen: string[] = [];
  for await (const path of feed) {
    seen.push(path);
    if (path === "/100499") break;
  }
  assert.ok(seen.length <= 1000, `${seen.length} paths waited`);
  assert.equal(seen[0], "/");
});

void test("all who wait are told when a watch ends, whoever ends it", async () => {
  const ends = {
    abort: (stop: AbortController) => stop.abort(),
    return: (_: AbortController, feed: AsyncIterator<string>) => void feed.return?.(),
  };
  for (const end of Object.values(ends)) {
    const stop = new AbortController();
    const feed = new Changes().watch("/", stop.signal);
    const waiting = [feed.next(), feed.next()];
    end(stop, feed);
    for (const next of waiting) assert.equal((await next).done, true);
    assert.equal((await feed.next()).done, true);
  }
});

void test("a watch that fails says so once, and what waited is gone", async () => {
  const changes = new Changes();
  const feed = changes.watch("/", new AbortController().signal);
  changes.tell("/a");
  feed.fail(new Error("lost"));
  await assert.rejects(feed.next(), /lost/);
  assert.equal((await feed.next()).done, true);
  changes.tell("/b");
  assert.equal((await feed.next()).done, true);
});
