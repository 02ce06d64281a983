import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startRelay } from "../../../scripts/relay.ts";
import { startLocal } from "../../../src/backends/local.ts";
import type { LocalRuntime } from "../../../src/backends/local.ts";
import { defineAgent } from "../../../src/core/definition.ts";
import { defineRuntime } from "../../../src/core/runtime-definition.ts";
import { TerminalError } from "../../../src/core/errors.ts";
import { human } from "../../drivers/nostr/human.ts";
import { until } from "../../drivers/nostr/setting.ts";

const SECRET = "the password in /etc/agents is wrong";

const clerk = defineAgent({
  name: "clerk",
  profile: { about: "Answers" },
  async onMessage(ctx, { text }) {
    if (text === "fail") throw new TerminalError(SECRET);
    await ctx.reply(`You said ${text}`);
  },
  retry: { quarantineAfter: 100 },
});

const asker = defineAgent({
  name: "asker",
  state: { got: [] as unknown[] },
  async onMessage(ctx, { payload }) {
    const { to, text } = payload as { readonly to: string; readonly text: string };
    try {
      ctx.state.got.push(await ctx.request(to, text, { timeout: "1h" }));
    } catch (error) {
      const { code, message } = error as { readonly code: string; readonly message: string };
      ctx.state.got.push([code, message]);
    }
  },
});

const definition = defineRuntime({
  agents: [clerk, asker],
  ensure: [
    { name: "clerk", type: "clerk" },
    { name: "asker", type: "asker" },
  ],
});

/** Answers all that it gets, in private and in public. */
const echo = defineAgent({
  name: "echo",
  state: { heard: 0 },
  retry: { retries: 0, quarantineAfter: 1000 },
  async onMessage(ctx, { from, text, payload }) {
    ctx.state.heard += 1;
    const note = typeof payload === "object";
    if (note) await ctx.publish({ kind: 1, content: "Hello", mentions: [text] });
    else if (from === "operator") await ctx.send(text, "Hello");
    else await ctx.reply("Hello");
  },
  async onEvent(ctx) {
    ctx.state.heard += 1;
    await ctx.reply("Hello");
  },
});

const echoes = defineRuntime({
  agents: [echo],
  ensure: [{ name: "echo", type: "echo" }],
  limits: { hops: 6 },
});

interface Local extends LocalRuntime, AsyncDisposable {}

async function local(
  relay: string,
  more: { passphrase?: string; data?: string; definition?: typeof definition } = {},
): Promise<Local> {
  const data = more.data ?? mkdtempSync(join(tmpdir(), "openagents-relays-"));
  const options = { definition, port: 0, relays: [relay], ...more, data };
  const started = await startLocal(options);
  return Object.assign(started, {
    async [Symbol.asyncDispose]() {
      await started.stop(0);
      if (more.data === undefined) rmSync(data, { recursive: true });
    },
  });
}

void test("a human with another client talks with an agent of agentd", async () => {
  await using relay = await startRelay();
  await using home = await local(relay.url);
  await using ada = await human(relay.url);
  await ada.settle();
  const { publicKey, id } = await home.runtime.get("clerk");
  await ada.publish(ada.letter(publicKey, "hello"));
  await until(() => ada.inbox.length === 1);
  assert.deepEqual([ada.inbox[0]!.from, ada.inbox[0]!.text], [publicKey, "You said hello"]);
  const [profile] = await ada.find({ kinds: [0], authors: [publicKey] });
  assert.deepEqual(JSON.parse(profile!.content), { name: "clerk", bot: true, about: "Answers" });
  const peers = await home.runtime.peers(id, "", 10);
  assert.deepEqual(
    peers.map(({ npub }) => npub),
    [ada.npub],
  );
});

void test("agents of two homes that share a relay: an error crosses it as its code alone", async () => {
  await using relay = await startRelay();
  await using one = await local(relay.url);
  await using two = await local(relay.url);
  const { id } = await two.runtime.get("clerk");
  for (const text of ["fail", "fine"]) {
    await one.runtime.send("asker", { payload: { to: id, text } });
  }
  const got = async () => ((await one.runtime.state("asker"))["got"] ?? []) as unknown[];
  await until(async () => (await got()).length === 2);
  const answers = await got();
  assert.deepEqual(
    answers.find((answer) => Array.isArray(answer)),
    ["REMOTE", "It failed: REMOTE"],
  );
  assert.ok(answers.includes("You said fine"));
});

void test("two homes' agents that answer each other for ever are stopped by limits.hops", async () => {
  await using relay = await startRelay();
  await using one = await local(relay.url, { definition: echoes });
  await using two = await local(relay.url, { definition: echoes });
  const { id } = await two.runtime.get("echo");
  await one.runtime.send("echo", { payload: id });
  const last = async ({ runtime }: Local) => (await runtime.status("echo")).lastTick;
  await until(async () => (await last(one))?.error !== undefined);
  const { code, message } = (await last(one))!.error!;
  assert.equal(code, "LIMIT");
  assert.match(message, /this is the 7th mail in a row .* limits\.hops is 6/);
  const heard = await Promise.all(
    [one, two].map(async ({ runtime }) => (await runtime.state("echo"))["heard"]),
  );
  // The last one, whose tick failed, is not in the state.
  assert.deepEqual(heard, [3, 3]);
});

void test("two homes' agents that answer each other's notes for ever stop after a few in a thread", async () => {
  await using relay = await startRelay();
  await using one = await local(relay.url, { definition: echoes });
  await using two = await local(relay.url, { definition: echoes });
  await using ada = await human(relay.url);
  const { id } = await two.runtime.get("echo");
  await one.runtime.send("echo", { payload: { text: id, note: true } });
  const dead = async ({ runtime }: Local) => runtime.deadLetters("echo", 0, 10);
  await until(async () => (await dead(two)).length === 1);
  assert.match((await dead(two))[0]!.reason!, /thread/);
  const { publicKey } = await two.runtime.get("echo");
  assert.equal((await ada.find({ kinds: [1], authors: [publicKey] })).length, 10);
  assert.deepEqual(await dead(one), []);
});

void test("a job that fails is said to have failed in public, and not why", async () => {
  await using relay = await startRelay();
  await using home = await local(relay.url);
  await using ada = await human(relay.url);
  const { publicKey } = await home.runtime.get("clerk");
  const tags = [
    ["p", publicKey],
    ["i", "fail", "text"],
  ];
  await ada.publish(ada.sign({ kind: 5050, tags }));
  await until(async () => (await ada.find({ kinds: [7000], authors: [publicKey] })).length === 1);
  const [feedback] = await ada.find({ kinds: [7000], authors: [publicKey] });
  assert.deepEqual(feedback!.tags[0], ["status", "error", "It failed: REMOTE"]);
  assert.equal(relay.stored().includes("password"), false);
});

void test("agentd that starts locked keeps its relays, and reads once it is unlocked", async () => {
  await using relay = await startRelay();
  await using ada = await human(relay.url);
  await ada.settle();
  const data = mkdtempSync(join(tmpdir(), "openagents-relays-"));
  const before = await local(relay.url, { data, passphrase: "open sesame" });
  const { publicKey } = await before.runtime.get("clerk");
  await before.stop(0);
  const after = await local(relay.url, { data });
  try {
    await until(() => after.relays?.().relays[0]!.connected);
    await ada.publish(ada.letter(publicKey, "anybody there?"));
    assert.equal(after.runtime.metrics().locked, true);
    await after.runtime.unlock("open sesame");
    await until(() => ada.inbox.length === 1);
    assert.equal(ada.inbox[0]!.text, "You said anybody there?");
    assert.equal(after.relays?.().relays[0]!.connections, 1);
  } finally {
    await after.stop(0);
    rmSync(data, { recursive: true });
  }
});
