import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { AgentDefinition, Carrier, NameResolver, Runtime, Store } from "../../src/index.ts";
import { sqlite } from "../../src/stores/sqlite.ts";
import { fakeSigner } from "../../src/testing/index.ts";

/** More than a small store has room for: what is written together with it is lost with it. */
const TOO_MUCH = "x".repeat(3_000_000);

async function small(
  t: TestContext,
  agents: readonly AgentDefinition[],
  ports: { readonly names?: NameResolver; readonly carrier?: Carrier } = {},
): Promise<{ readonly runtime: Runtime; readonly store: Store }> {
  const directory = mkdtempSync(join(tmpdir(), "openagents-lost-"));
  const store = sqlite(join(directory, "agents.db"), { maxMiB: 1 });
  const ensure = agents.map(({ name }) => ({ name, type: name }));
  const definition = defineRuntime({ agents, ensure, limits: { envelopeBytes: 8_000_000 } });
  const runtime = createRuntime({ definition, store, signer: fakeSigner(), ...ports });
  await runtime.start();
  await runtime.settled();
  t.after(async () => {
    await runtime.stop(0);
    rmSync(directory, { recursive: true, force: true });
  });
  return { runtime, store };
}

void test("whoever waits for mail that the store lost is told so, and it may be sent again", async (t) => {
  const busy = defineAgent({ name: "busy", onMessage: (ctx) => ctx.reply("done") });
  const { runtime } = await small(t, [busy, defineAgent({ name: "other", onMessage() {} })]);
  const options = { timeout: 60_000 };
  const [asked, sent] = await Promise.allSettled([
    runtime.ask("busy", { payload: "hello", id: "one" }, options),
    runtime.send("other", { payload: TOO_MUCH }),
  ]);
  for (const one of [asked, sent]) {
    assert.equal(one.status === "rejected" && (one.reason as { code: string }).code, "STORE");
  }
  const again = await runtime.ask("busy", { payload: "hello", id: "one" }, options);
  assert.deepEqual([again.receipt, again.replies], ["accepted", ["done"]]);
});

void test("a command that the store lost ends, and does not wait for ever", async (t) => {
  const gate = Promise.withResolvers<void>();
  const slow = defineAgent({
    name: "slow",
    onMessage: (ctx) => ctx.step("wait", () => gate.promise),
  });
  const { runtime } = await small(t, [slow, defineAgent({ name: "other", onMessage() {} })]);
  const asked = runtime.ask("slow", { payload: "x" }, { timeout: 60_000 });
  await sleep(100);
  const ended = await Promise.allSettled([
    runtime.tick("slow"),
    runtime.hibernate("slow"),
    runtime.send("other", { payload: TOO_MUCH }),
  ]);
  for (const one of ended) {
    assert.equal(one.status === "rejected" && (one.reason as { code: string }).code, "STORE");
  }
  gate.resolve();
  await asked.catch(() => undefined);
});

void test("mail between agents leaves the outbox only when it is durable, however slow others are", async (t) => {
  const receiver = defineAgent({
    name: "receiver",
    state: { got: 0 },
    onMessage(ctx) {
      ctx.state.got += 1;
    },
  });
  const sender = defineAgent({
    name: "sender",
    async onMessage(ctx) {
      await ctx.send("receiver", "here");
      await ctx.send("ghost@example.org", "away");
    },
  });
  const later = async (): Promise<undefined> => {
    await sleep(200);
    return undefined;
  };
  const { runtime, store } = await small(t, [sender, receiver], { names: later });
  const deliver = store.deliver.bind(store);
  let armed = false;
  const { id } = await runtime.get("receiver");
  store.deliver = async (mail) => {
    const done = deliver(mail);
    if (armed && mail.some(({ envelope }) => envelope.source === "agent" && envelope.to === id)) {
      armed = false;
      // In the same group: there is no room for all of it.
      const [one] = mail;
      const large = { ...one!.envelope, id: "large", payload: TOO_MUCH };
      deliver([{ ...one!, envelope: large }]).catch(() => undefined);
    }
    return done;
  };
  // So that what is sent is durable before it is carried.
  await runtime.leave("receiver", { move: "m1" });
  await runtime.ask("sender", { payload: "go" }, { timeout: 10_000 });
  armed = true;
  await runtime.stay("receiver", "m1");
  // What is asked for in the turn of a loss is refused as well.
  const got = () =>
    runtime.state("receiver").then(
      (state) => state["got"],
      () => 0,
    );
  for (let i = 0; (await got()) === 0; i += 1) {
    assert.ok(i < 600, "the mail to have arrived");
    await sleep(10);
  }
  assert.equal(armed, false);
  assert.equal(await got(), 1);
});
