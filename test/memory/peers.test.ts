import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import type { Context, OpenAgentsError } from "../../src/index.ts";
import type { MemoryTools } from "../../src/core/ports/memory.ts";
import { peerBook } from "../../src/memory/peers.ts";
import { turns } from "../../src/memory/turns.ts";
import { remembering } from "./remembering.ts";
import { HOUR, setting, signer, START } from "../core/setting.ts";

/** An agent that does what it is told, and tells what came of it. */
function scribe(work: (ctx: Context, text: string) => unknown): ReturnType<typeof defineAgent> {
  const state: { result: unknown } = { result: null };
  return defineAgent({
    name: "scribe",
    state,
    retry: { retries: 0 },
    async onMessage(ctx, message) {
      ctx.state.result = await work(ctx, message.text);
    },
  });
}

void test("an agent knows whom it has had mail from, and what it noted of them", async () => {
  const agent = scribe((ctx, text) =>
    text === "list" ? ctx.memory.peers.list() : ctx.memory.peers.get(text),
  );
  const friend = defineAgent({ name: "friend", onMessage: (ctx) => ctx.send("scribe", "hello") });
  const { runtime, clock, tell, store } = await setting([agent, friend]);
  const result = async (text: string): Promise<unknown> => {
    await tell("scribe", text);
    return (await runtime.state("scribe"))["result"];
  };
  assert.deepEqual(await result("list"), []);
  await tell("friend", "go");
  await clock.advance(0);
  const { id, publicKey } = await runtime.get("friend");
  const peer = { npub: id, names: [], relays: [], trust: "unknown", metAt: START, seenAt: START };
  assert.deepEqual(await result("list"), [peer]);
  assert.deepEqual(await result(id), peer);
  assert.deepEqual(await result(publicKey), peer);
  assert.deepEqual(await result("nobody"), undefined);

  // Not each mail is worth a write.
  const written = async (): Promise<unknown> => {
    const scribeId = (await runtime.get("scribe")).id;
    await tell("friend", "go");
    await clock.advance(0);
    const rows = await store.log(scribeId, 0, 1000);
    return Object.keys((JSON.parse(rows.at(-1)!.record) as { wrote?: object }).wrote ?? {});
  };
  assert.deepEqual(await written(), []);
  await clock.advance(HOUR);
  assert.deepEqual(await written(), [`memory/peers/${id}`]);
});

void test("note() adds to what is known, forget() takes it away, and a tick that fails does neither", async () => {
  const key = (await signer.identity(500)).publicKey;
  const npub = signer.npub(key);
  const agent = scribe(async (ctx, text) => {
    const { peers } = ctx.memory;
    switch (text) {
      case "note":
        await peers.note(key, { name: "Ada", relays: ["wss://a.example"], trust: "trusted" });
        return peers.note(npub, { name: "Countess", relays: ["wss://b.example"], note: "kind" });
      case "fail":
        await peers.note(npub, { note: "unkind" });
        throw new Error("on purpose");
      case "forget":
        await peers.forget(npub);
        await peers.forget(npub);
        return peers.list();
      default:
        return peers.get(text);
    }
  });
  const { runtime, tell } = await setting([agent]);
  const ada = {
    npub,
    names: ["Ada", "Countess"],
    relays: ["wss://a.example", "wss://b.example"],
    trust: "trusted",
    metAt: START,
    note: "kind",
  };
  await tell("scribe", "note");
  assert.deepEqual((await runtime.state("scribe"))["result"], ada);
  assert.equal((await tell("scribe", "fail")).outcome, "failed");
  await tell("scribe", "Countess");
  assert.deepEqual((await runtime.state("scribe"))["result"], ada);
  await tell("scribe", "forget");
  assert.deepEqual((await runtime.state("scribe"))["result"], []);
  assert.equal((await runtime.verify("scribe")).ok, true);
});

void test("list() goes through many peers in pages, with those of this tick among them", async () => {
  const keys = await Promise.all(
    Array.from({ length: 12 }, async (_, i) => (await signer.identity(600 + i)).npub),
  );
  const agent = scribe(async (ctx, text) => {
    const { peers } = ctx.memory;
    const mine = text === "first" ? keys.filter((_, i) => i % 2 === 0) : keys;
    for (const key of mine) await peers.note(key, { name: "x" });
    if (text === "second") await peers.forget(keys[0]!);
    const seen: string[] = [];
    for (let after: string | undefined; ;) {
      const page = await peers.list({ limit: 5, ...(after !== undefined && { after }) });
      seen.push(...page.map(({ npub }) => npub));
      if (page.length < 5) return seen;
      after = seen.at(-1);
    }
  });
  const { runtime, tell } = await setting([agent]);
  await tell("scribe", "first");
  await tell("scribe", "second");
  assert.deepEqual((await runtime.state("scribe"))["result"], keys.slice(1).toSorted());
});

void test("what cannot be noted is refused and says why", async () => {
  const npub = (await signer.identity(500)).npub;
  const cases: readonly (readonly [string, object, RegExp])[] = [
    ["bob", {}, /npub or hex key/],
    // The last character is another one, whatever it was: the checksum no longer holds.
    [`${npub.slice(0, -1)}${npub.endsWith("q") ? "p" : "q"}`, {}, /npub or hex key/],
    [npub, { name: "" }, /"name" must be text of 1 to 100/],
    [npub, { note: "\ud800" }, /"note"/],
    [npub, { relays: ["https://x"] }, /"relays"/],
    [npub, { trust: "blind" }, /"trust" must be one of/],
  ];
  const agent = scribe(async (ctx) => {
    const errors: string[] = [];
    for (const [key, facts] of cases) {
      await ctx.memory.peers.note(key, facts).catch((error: OpenAgentsError) => {
        errors.push(`${error.code}: ${error.message}`);
      });
    }
    return errors;
  });
  const { runtime, tell } = await setting([agent]);
  await tell("scribe", "go");
  const errors = (await runtime.state("scribe"))["result"] as string[];
  assert.equal(errors.length, cases.length);
  cases.forEach(([, , problem], i) => assert.match(errors[i]!, problem));
});

void test("who makes keys cannot fill the book: only so many strangers are added by themselves", async () => {
  const files = new Map<string, string>([["memory/strangers", "9999"]]);
  const tools: MemoryTools = {
    files: {
      read: async (path) => files.get(path),
      list: async () => [],
      search: async () => [],
      write: (path, text) => void files.set(path, text),
      remove: (path) => void files.delete(path),
    },
    now: () => START,
    newId: () => "id",
    npub: (key) => key,
  };
  const book = peerBook(tools, { turns: turns() });
  await book.met("npub-last");
  await book.met("npub-one-too-many");
  await book.met("npub-last");
  assert.deepEqual([...files.keys()].sort(), ["memory/peers/npub-last", "memory/strangers"]);
  await book.note("npub-noted", { name: "Ada" });
  assert.equal((await book.get("npub-noted"))?.names[0], "Ada");
});

void test("what is noted of a peer at the same time is all kept", async () => {
  const { memory } = remembering();
  const { peers } = memory;
  await Promise.all([
    peers.note("npub-ada", { name: "Ada" }),
    peers.note("npub-ada", { name: "Lovelace", note: "writes" }),
    memory.met("npub-ada"),
    peers.note("npub-ada", { relays: ["wss://relay.example"] }),
  ]);
  const { names, note, relays, seenAt } = (await peers.get("npub-ada"))!;
  assert.deepEqual([names, note, relays], [["Ada", "Lovelace"], "writes", ["wss://relay.example"]]);
  assert.equal(typeof seenAt, "number");
});
