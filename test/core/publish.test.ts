import assert from "node:assert/strict";
import { test } from "node:test";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { Carrier, Envelope, OpenAgentsError, PublicEvent, Receipt } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { manualClock } from "../../src/testing/index.ts";
import { setting, signer, START } from "./setting.ts";

void test("publish() leaves with the commit, once, and is tried again until a relay has it", async () => {
  const events: Envelope[] = [];
  const answers: Receipt[] = ["busy", "accepted"];
  const carrier: Carrier = {
    deliver: async (mail) => mail.map(() => "unknown"),
    publish: async (event) => {
      events.push(event);
      return answers.shift() ?? "accepted";
    },
  };
  const herald = defineAgent({
    name: "herald",
    retry: { retries: 0 },
    async onMessage(ctx, message) {
      await ctx.publish({
        kind: 1,
        content: message.text,
        tags: [["t", "x"]],
        mentions: ["herald"],
      });
      if (message.text === "fail") throw new Error("on purpose");
    },
  });
  const clock = manualClock(START);
  const definition = defineRuntime({
    agents: [herald],
    ensure: [{ name: "herald", type: "herald" }],
  });
  const runtime = createRuntime({ definition, store: memoryStore(), signer, clock, carrier });
  await runtime.start();
  for (const text of ["fail", "hear"]) await runtime.send("herald", { payload: text });
  await clock.advance(1000);
  const { publicKey, id } = await runtime.get("herald");
  const payload = {
    kind: 1,
    content: "hear",
    tags: [
      ["t", "x"],
      ["p", publicKey],
    ],
  };
  assert.equal(events.length, 2, "the second try");
  for (const event of events) {
    assert.deepEqual([event.payload, event.from, event.to], [payload, id, "*"]);
    assert.equal(event.id, events[0]!.id);
  }
  await clock.advance(1000);
  assert.equal(events.length, 2);
});

void test("publish() without relays is a dead letter that says so, and what is no event is refused", async () => {
  const bad: readonly (readonly [PublicEvent, string])[] = [
    [{ kind: -1, content: "" }, "INVALID"],
    [{ kind: 4, content: "" }, "INVALID"],
    [{ kind: 1, content: 5 as unknown as string }, "INVALID"],
    [{ kind: 1, content: "\ud800" }, "INVALID"],
    [{ kind: 1, content: "", tags: ["t"] as unknown as string[][] }, "INVALID"],
    [{ kind: 1, content: "", mentions: ["nobody"] }, "NOT_FOUND"],
  ];
  const agent = defineAgent({
    name: "a",
    state: { codes: [] as string[] },
    async onMessage(ctx) {
      for (const [event] of bad) {
        await ctx
          .publish(event)
          .catch((error: OpenAgentsError) => ctx.state.codes.push(error.code));
      }
      await ctx.publish({ kind: 1, content: "to nobody" });
    },
  });
  const { runtime, tell, clock } = await setting([agent]);
  await tell("a", "go");
  await clock.advance(0);
  const codes = bad.map(([, code]) => code);
  assert.deepEqual((await runtime.state("a"))["codes"], codes);
  const dead = await runtime.deadLetters("a", 0, 9);
  assert.deepEqual(
    dead.map(({ reason }) => reason),
    ["There are no relays here to publish it"],
  );
});

void test("agent code encrypts for others and decrypts what they encrypted, by name, npub and hex", async () => {
  const agent = defineAgent({
    name: "a",
    state: { results: [] as unknown[] },
    async onMessage(ctx, message) {
      const { identity } = ctx;
      const results = ctx.state.results;
      if (message.text === "encrypt") {
        results.push(await identity.encrypt("b", "for b"));
        for (const [to, text] of [
          ["nobody", "x"],
          ["f".repeat(64), "x"],
          ["b", ""],
        ] as const) {
          await identity
            .encrypt(to, text)
            .catch((error: OpenAgentsError) => results.push(error.code));
        }
      } else
        results.push(
          await identity.decrypt("b", message.text).catch((e: OpenAgentsError) => e.code),
        );
    },
  });
  const { runtime, tell, store } = await setting([agent, defineAgent({ name: "b" })]);
  await tell("a", "encrypt");
  const [sealed, ...codes] = (await runtime.state("a"))["results"] as string[];
  assert.deepEqual(codes, ["NOT_FOUND", "INVALID", "INVALID"]);
  const [a, b] = [(await store.get("a"))!, (await store.get("b"))!];
  const plain = await signer.decrypt(b, a.publicKey, sealed!);
  assert.equal(new TextDecoder().decode(plain), "for b");
  const answer = await signer.encrypt(b, a.publicKey, new TextEncoder().encode("for a"));
  await tell("a", answer);
  await tell("a", `${answer.slice(0, -8)}AAAAAAA=`);
  const results = (await runtime.state("a"))["results"] as string[];
  assert.deepEqual(results.slice(-2), ["for a", "DENIED"]);
});
