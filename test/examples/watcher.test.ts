import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { demo, setting } from "./setting.ts";
import type { Setting } from "./setting.ts";

const TEN_MINUTES = 600_000;

/** A feed on loopback, whose entries and health a test changes. */
async function serveFeed(): Promise<{
  readonly url: string;
  readonly titles: string[];
  status: number;
  asked: number;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const server = createServer((_request, response) => {
    feed.asked += 1;
    const entries = feed.titles.map((t) => `<entry><id>${t}</id><title>${t}</title></entry>`);
    response.writeHead(feed.status, { connection: "close" });
    response.end(`<feed>${entries.join("")}</feed>`);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const feed = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    titles: ["first"],
    status: 200,
    asked: 0,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return feed;
}

/** Moves on to the next look, and lets the watcher and the reader come to rest. */
async function nextLook(it: Setting): Promise<void> {
  const { ticks } = await it.runtime.status("watcher");
  await it.clock.advance(TEN_MINUTES);
  while ((await it.runtime.status("watcher")).ticks === ticks) await it.clock.advance(0);
  await it.clock.advance(0);
}

async function digest(it: Setting): Promise<unknown> {
  const { digest } = (await it.runtime.state("reader")) as { digest: { title: string }[] };
  return digest.map(({ title }) => title);
}

void test("watcher looks at a feed on its alarm and tells the reader what is new, once", async () => {
  await using feed = await serveFeed();
  await using it = await setting();
  const [reply] = await it.ask("watcher", feed.url);
  assert.equal(reply, `Watching ${feed.url} at "*/10 * * * *": 1 new`);
  feed.titles.unshift("second");
  await nextLook(it);
  await nextLook(it);
  assert.equal(feed.asked, 3);
  assert.deepEqual(await digest(it), ["second", "first"]);
  assert.deepEqual(await it.ask("reader", "news?"), ["second ()\nfirst ()"]);
});

void test("watcher outlives a feed that is away, and answers what it cannot watch", async () => {
  await using feed = await serveFeed();
  await using it = await setting();
  await it.ask("watcher", feed.url);
  feed.status = 500;
  await nextLook(it);
  const [row] = (await it.runtime.log("watcher", 2, 1)).map(({ output }) => output);
  assert.match(row ?? "", /Cannot look at .* answered 500/);
  feed.status = 200;
  feed.titles.unshift("back");
  await nextLook(it);
  assert.deepEqual(await digest(it), ["back", "first"]);
  for (const payload of ["/nowhere/at/all", { source: feed.url, cron: "never" }]) {
    const [reply] = await it.ask("watcher", payload);
    assert.match(reply as string, /^Cannot watch /);
  }
  assert.deepEqual(await it.runtime.deadLetters("watcher", 0, 10), []);
});

void test("watcher stops watching when it is told to", async () => {
  await using feed = await serveFeed();
  await using it = await setting();
  await it.ask("watcher", feed.url);
  const [reply] = await it.ask("watcher", { source: feed.url, cron: null });
  assert.equal(reply, `No longer watching ${feed.url}`);
  assert.deepEqual((await it.runtime.status("watcher")).alarms, []);
  assert.deepEqual(await it.runtime.state("watcher"), { seen: {} });
});

void test("watcher reads a git repository", async () => {
  await using it = await setting();
  const path = mkdtempSync(join(tmpdir(), "openagents-repository-"));
  const git = (...args: string[]): void => {
    const who = ["-c", "user.name=Test", "-c", "user.email=test@localhost"];
    execFileSync("git", ["-C", path, ...who, ...args], { stdio: "pipe" });
  };
  try {
    git("init", "--quiet");
    git("commit", "--quiet", "--allow-empty", "-m", "One\twith a tab");
    const [reply] = await it.ask("watcher", path);
    assert.match(reply as string, /: 1 new$/);
    git("commit", "--quiet", "--allow-empty", "-m", "Two");
    await nextLook(it);
    assert.deepEqual(await digest(it), ["Two", "One\twith a tab"]);
  } finally {
    rmSync(path, { recursive: true });
  }
});

void test("npm run example:watcher shows it", async () => {
  const { code, stdout, stderr } = await demo("watcher");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /The reader's digest:\n(?:.*\n){4}No longer watching/);
  for (const title of ["Something has happened", "Do something new", "Begin", "A first headline"]) {
    assert.ok(stdout.includes(title), title);
  }
});
