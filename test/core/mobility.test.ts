import assert from "node:assert/strict";
import { test } from "node:test";
import { moveAgent } from "../../src/control/move-agent.ts";
import type { MoveOptions, MoveResult } from "../../src/control/move-agent.ts";
import { forwardMoved } from "../../src/core/forwarding.ts";
import type { Kernel } from "../../src/core/kernel.ts";
import { moveOf } from "../../src/core/move.ts";
import { defineAgent, TerminalError } from "../../src/index.ts";
import type { AgentDefinition, Store } from "../../src/index.ts";
import { bytesOf, homes, oracle, START, streamOf, traveller } from "./homes.ts";
import type { TestHome } from "./homes.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;

async function tell(
  { runtime }: TestHome,
  clock: { advance(ms: number): Promise<void> },
  payload: string,
): Promise<void> {
  // Each from a sender of its own: mail of one waits behind what of it is to be tried again.
  const id = payload.replaceAll(" ", "-");
  await runtime.send("ada", { payload, id, from: id });
  await clock.advance(0);
}

function move(
  from: TestHome,
  to: TestHome,
  { agent = "ada", ...options }: Partial<MoveOptions> & { readonly agent?: string } = {},
): Promise<MoveResult> {
  return moveAgent({ from: from.runtime, to: to.runtime }, agent, { url: to.url, ...options });
}

/** Two homes, and on the first one an agent that has something of everything. */
async function laden(count = 2) {
  const { clock, homes: all } = await homes(count);
  const [a, b, c] = all as [TestHome, TestHome, TestHome];
  await a.runtime.create({ name: "ada", type: "traveller", labels: ["env=test", "laden"] });
  await a.runtime.create({ name: "pythia", type: "oracle" });
  await clock.advance(0);
  for (const text of ["one", "alarm 2h", "ask pythia", "fail", "two"]) await tell(a, clock, text);
  return { clock, a, b, c };
}

/** All that a store has of an agent, but for where it is. */
async function contents(store: Store, ref: string): Promise<unknown> {
  const { id, publicKey, name, type, labels, createdAt } = (await store.get(ref))!;
  const mail = async (box: "inbox" | "deadletter") =>
    (await store.mail(id, { box, limit: 1000 })).map(({ position: _position, ...row }) => row);
  return {
    id,
    publicKey,
    name,
    type,
    labels,
    createdAt,
    files: await store.files(id, { prefix: "", limit: 1000 }),
    log: (await store.log(id, 0, 1000)).map(({ output, ...row }) => ({ ...row, output })),
    seen: await store.seen(id, { limit: 1000 }),
    inbox: await mail("inbox"),
    dead: await mail("deadletter"),
  };
}

void test("a move carries all that an agent has, and leaves a tombstone", async () => {
  const { clock, a, b } = await laden();
  const before = await contents(a.store, "ada");
  const steps: string[] = [];
  const { agent, bytes, warnings } = await move(a, b, { onStep: ({ step }) => steps.push(step) });
  assert.deepEqual(
    steps.filter((step, i) => step !== steps[i - 1]),
    ["leaving", "sending", "taken in", "departed", "arrived"],
  );
  assert.ok(bytes > 1024);
  assert.deepEqual(warnings, []);
  assert.equal(agent.status, "dormant");
  assert.deepEqual(await contents(b.store, "ada"), before);

  const tombstone = await a.runtime.status("ada");
  assert.equal(tombstone.status, "moved");
  assert.equal(tombstone.move?.url, b.url);
  assert.deepEqual([tombstone.alarms, tombstone.parked, tombstone.queued], [[], [], 0]);
  for (const look of [
    a.runtime.state("ada"),
    a.runtime.inbox("ada", 0, 9),
    a.runtime.tick("ada"),
    a.runtime.ask("ada", { payload: "x" }, { timeout: 1 }),
    a.runtime.export("ada"),
    a.runtime.leave("ada", { move: "again" }),
  ]) {
    await assert.rejects(look, { code: "MOVED", url: b.url });
  }
  assert.equal((await a.runtime.verify("ada")).ok, true);

  await clock.advance(3 * HOUR);
  assert.deepEqual(await b.runtime.state("ada"), {
    got: ["one", "two"],
    fired: ["bell"],
    answers: ["ask-pythia marked", "answer to well?"],
  });
  const dead = await b.runtime.deadLetters("ada", 0, 9);
  assert.deepEqual(
    dead.map(({ envelope, attempts }) => [envelope.payload, attempts]),
    [["fail", 4]],
  );
  const verdict = await b.runtime.verify("ada");
  assert.equal(verdict.ok, true);
  assert.ok(verdict.records > (await a.runtime.status("ada")).ticks);
});

void test("a dead letter that moved along is replayed without what was finished of it", async () => {
  const worked: string[] = [];
  const agent = defineAgent({
    name: "worker",
    async onMessage(ctx) {
      await ctx.step("work", () => void worked.push(ctx.agent.name));
      if (worked.length === 1) throw new TerminalError("no");
    },
  });
  const { clock, homes: all } = await homes(2, [agent]);
  const [a, b] = all as [TestHome, TestHome];
  await a.runtime.create({ name: "ada", type: "worker" });
  await tell(a, clock, "x");
  await move(a, b);
  worked.push("moved");
  await b.runtime.replay("ada", "x");
  await clock.advance(0);
  assert.deepEqual(worked, ["ada", "moved"]);
  assert.equal((await b.runtime.status("ada")).lastTick?.outcome, "done");
  assert.equal((await b.runtime.verify("ada")).ok, true);
});

void test("mail to an agent that moved is passed on, once, and what is known there is a duplicate", async () => {
  const { clock, a, b, c } = await laden(3);
  await move(a, b);
  assert.equal((await a.runtime.send("ada", { payload: "three" })).receipt, "accepted");
  assert.equal((await a.runtime.send("ada", { payload: "one", id: "one" })).receipt, "duplicate");
  await clock.advance(0);
  assert.deepEqual((await b.runtime.state("ada"))["got"], ["one", "two", "three"]);

  await move(b, c);
  assert.equal((await a.runtime.send("ada", { payload: "four", id: "four" })).receipt, "accepted");
  assert.equal((await b.runtime.send("ada", { payload: "four", id: "four" })).receipt, "duplicate");
  await clock.advance(0);
  assert.deepEqual((await c.runtime.state("ada"))["got"], ["one", "two", "three", "four"]);
});

void test("mail to an agent that moved is refused where that was asked for, also that of agents", async () => {
  const sender = defineAgent({
    name: "sender",
    state: { said: "" },
    async onMessage(ctx, message) {
      ctx.state.said = await ctx
        .request("ada", message.text)
        .then(String, ({ code }: { code: string }) => code);
    },
  });
  const { clock, homes: all } = await homes(2, [traveller, oracle, sender]);
  const [a, b] = all as [TestHome, TestHome];
  for (const [name, type] of [
    ["ada", "traveller"],
    ["eve", "sender"],
  ] as const) {
    await a.runtime.create({ name, type });
  }
  await clock.advance(0);
  await move(a, b, { policy: "refuse" });
  await assert.rejects(a.runtime.send("ada", { payload: "x" }), { code: "MOVED", url: b.url });
  await a.runtime.send("eve", { payload: "hello?" });
  await clock.advance(0);
  assert.deepEqual(await a.runtime.state("eve"), { said: "MOVED" });
});

void test("an agent that comes back goes on here, and its old home passes mail on to here", async () => {
  const { clock, a, b } = await laden();
  await move(a, b);
  await tell(b, clock, "three");
  await assert.rejects(move(b, a, { name: "other" }), {
    code: "INVALID",
    message: /keeps that name/,
  });
  assert.equal((await b.runtime.get("ada")).status, "dormant");
  assert.equal((await a.runtime.get("ada")).status, "moved");
  await move(b, a);
  assert.equal((await a.runtime.get("ada")).status, "dormant");
  await b.runtime.send("ada", { payload: "four" });
  await clock.advance(3 * HOUR);
  assert.deepEqual(await a.runtime.state("ada"), {
    got: ["one", "two", "three", "four"],
    fired: ["bell"],
    answers: ["ask-pythia marked", "answer to well?"],
  });
  assert.equal((await a.runtime.verify("ada")).ok, true);
  assert.equal((await a.runtime.log("ada", 0, 1000)).length, (await a.runtime.status("ada")).ticks);
});

void test("two homes that each believe that the other has an agent do not pass its mail on for ever", async () => {
  const { a, b } = await laden();
  await move(a, b);
  const record = (await a.store.get("ada"))!;
  const note = moveOf(record);
  const ticket = "a".repeat(64);
  const moved = { ...note.moved!, url: a.url, ticket };
  await b.store.setStatus(
    record.id,
    "moved",
    JSON.stringify({ ...moveOf((await b.store.get("ada"))!), moved }),
  );
  await a.store.setStatus(
    record.id,
    "moved",
    JSON.stringify({ moved: note.moved, tickets: [await hashOf(ticket)] }),
  );
  await assert.rejects(a.runtime.send("ada", { payload: "ping" }), { code: "MOVED" });
});

async function hashOf(text: string): Promise<string> {
  const { sha256Hex } = await import("../../src/core/hash.ts");
  return sha256Hex(text);
}

void test("import() of an export is the same agent, with its key left with its signer", async () => {
  const { clock, a, b } = await laden();
  const before = await contents(a.store, "ada");
  const bundle = await bytesOf(await a.runtime.export("ada"));
  await assert.rejects(a.runtime.import(streamOf(bundle)), { code: "EXISTS" });
  await assert.rejects(b.runtime.import(streamOf(bundle)), {
    code: "DENIED",
    message: /its key is for another runtime/,
  });
  const { account } = (await a.store.get("ada"))!;
  await a.runtime.terminate("ada");
  await assert.rejects(a.runtime.import(streamOf(bundle)), { code: "EXISTS", message: /erase it/ });
  await a.runtime.purge((before as { id: string }).id);
  const { agent, ticket } = await a.runtime.import(streamOf(bundle));
  assert.equal(ticket, undefined);
  assert.equal(agent.move, undefined);
  assert.deepEqual(await contents(a.store, "ada"), before);
  assert.equal((await a.store.get("ada"))!.account, account);
  await clock.advance(3 * HOUR);
  assert.deepEqual((await a.runtime.state("ada"))["fired"], ["bell"]);
});

void test("a restored account is not given to a new agent of a store that never had it", async () => {
  const { clock, a } = await laden();
  const bundle = await bytesOf(await a.runtime.export("pythia"));
  const { runtime } = a;
  const { account } = (await a.store.get("pythia"))!;
  // A new store beside the old keys.
  const { createRuntime, defineRuntime } = await import("../../src/index.ts");
  const { memoryStore } = await import("../../src/stores/memory.ts");
  const store = memoryStore();
  const fresh = createRuntime({
    definition: defineRuntime({ agents: [traveller, oracle] }),
    store,
    signer: a.signer,
    clock,
  });
  await fresh.start();
  const { agent } = await fresh.import(streamOf(bundle));
  assert.equal(agent.id, (await runtime.get("pythia")).id);
  await fresh.purge("pythia");
  await fresh.create({ name: "new", type: "oracle" });
  assert.ok((await store.get("new"))!.account! > account!);
});

void test("a clone is another agent with the same state and alarms, and none of its mail", async () => {
  const { clock, a, b } = await laden();
  const bundle = await bytesOf(await a.runtime.export("ada"));
  for (const home of [a, b]) {
    const clone = { mode: "clone", name: "lovelace" } as const;
    await assert.rejects(home.runtime.import(streamOf(bundle), { mode: "clone" }), {
      code: "INVALID",
    });
    const { agent } = await home.runtime.import(streamOf(bundle), clone);
    await assert.rejects(home.runtime.import(streamOf(bundle), clone), { code: "EXISTS" });
    const original = await a.runtime.get("ada");
    assert.notEqual(agent.id, original.id);
    assert.deepEqual((await home.runtime.state("lovelace"))["got"], ["one", "two"]);
    const report = await home.runtime.status("lovelace");
    assert.deepEqual([report.parked, report.alarms.length, report.ticks], [[], 1, 1]);
    assert.equal((await home.runtime.verify("lovelace")).ok, true);
  }
  await clock.advance(3 * HOUR);
  assert.deepEqual((await b.runtime.state("lovelace"))["fired"], ["bell"]);
  assert.equal((await b.runtime.verify("lovelace")).ok, true);
});

void test("a bundle is held against what its new home has, each mismatch with its own error", async () => {
  const v1: AgentDefinition = defineAgent({
    name: "a",
    state: { n: 1 },
    onMessage: () => undefined,
  });
  const v2 = defineAgent({
    name: "a",
    version: 2,
    migrate: (state) => ({ n: (state["n"] as number) + 1 }),
    onMessage: () => undefined,
  });
  const { clock, homes: all } = await homes(1, [v1]);
  const [home] = all as [TestHome];
  await home.runtime.create({ name: "x", type: "a" });
  await clock.advance(0);
  const made = async (agents: readonly AgentDefinition[]) => (await homes(1, agents)).homes[0]!;
  const exported = async (from: TestHome, to: TestHome) => {
    const { publicKey } = await to.runtime.identity();
    return from.runtime.export("x", { to: publicKey });
  };

  const newer = await made([v2]);
  const import2 = async (options: object = {}) =>
    newer.runtime.import(await exported(home, newer), options);
  await assert.rejects(import2(), { code: "VERSION", message: /import with mode "migrate"/ });
  assert.deepEqual((await newer.runtime.list()).items, []);
  const { warnings } = await import2({ mode: "migrate" });
  assert.match(warnings.join(), /definition of "a" is not the one/);
  await newer.runtime.tick("x");
  assert.deepEqual(await newer.runtime.state("x"), { n: 2 });

  const older = await made([v1]);
  await assert.rejects(older.runtime.import(await exported(newer, older)), {
    code: "VERSION",
    message: /use the newer definition/,
  });
  const other = await made([oracle]);
  await assert.rejects(other.runtime.import(await exported(home, other)), {
    code: "INVALID",
    message: /there is no agent type "a", there are: oracle/,
  });
  const changed = await made([
    defineAgent({ name: "a", state: { n: 1 }, onEvent: () => undefined }),
  ]);
  const told = await changed.runtime.import(await exported(home, changed));
  assert.match(told.warnings.join(), /definition of "a" is not the one/);
});

void test("an agent that leaves takes no mail and no ticks, and stays when it has not left in time", async () => {
  const { clock, a, b } = await laden();
  const { until } = await a.runtime.leave("ada", { move: "m1", wait: 10 * MINUTE });
  assert.equal(until, START + 10 * MINUTE);
  await assert.rejects(a.runtime.send("ada", { payload: "x" }), { code: "BUSY" });
  await assert.rejects(a.runtime.tick("ada"), { code: "BUSY" });
  await assert.rejects(a.runtime.terminate("ada"), { code: "BUSY" });
  await assert.rejects(a.runtime.export("ada"), { code: "BUSY" });
  assert.deepEqual((await a.runtime.state("ada"))["got"], ["one", "two"]);
  const { ticks } = await a.runtime.status("ada");
  await clock.advance(9 * MINUTE);
  assert.equal((await a.runtime.status("ada")).ticks, ticks, "no retry meanwhile");
  await a.crash();
  assert.deepEqual((await a.runtime.get("ada")).move, { id: "m1" });
  await clock.advance(2 * MINUTE);
  assert.ok((await a.runtime.status("ada")).ticks > ticks, "it goes on");
  const { publicKey: to } = await b.runtime.identity();
  await assert.rejects(a.runtime.export("ada", { move: "m1", to }), { code: "INVALID" });
  await assert.rejects(a.runtime.leave("ada", { move: "m1" }), {
    code: "INVALID",
    message: /is over/,
  });
  await assert.rejects(a.runtime.depart("ada", { move: "m1", url: b.url, ticket: "t" }), {
    code: "INVALID",
  });
});

void test("the time to depart begins once the bundle was read, and nobody reading ends it", async () => {
  const { clock, a, b } = await laden();
  const { publicKey: to } = await b.runtime.identity();
  await a.runtime.leave("ada", { move: "m1", wait: 2 * MINUTE });
  const reader = (await a.runtime.export("ada", { move: "m1", to })).getReader();
  for (let i = 0; i < 10; i += 1) {
    await clock.advance(50_000);
    if ((await reader.read()).done) break;
  }
  assert.equal((await a.runtime.get("ada")).status, "leaving");
  while (!(await reader.read()).done);
  await clock.advance(1.9 * MINUTE);
  assert.equal((await a.runtime.get("ada")).status, "leaving");
  await clock.advance(MINUTE);
  assert.match((await a.runtime.get("ada")).status, /dormant|active/);

  await a.runtime.leave("ada", { move: "m2", wait: 2 * MINUTE });
  const left = (await a.runtime.export("ada", { move: "m2", to })).getReader();
  await left.read();
  await clock.advance(6 * MINUTE);
  assert.match((await a.runtime.get("ada")).status, /dormant|active/);
  await assert.rejects(
    async () => {
      while (!(await left.read()).done);
    },
    { code: "TIMEOUT" },
  );
});

void test("stop() ends a bundle that is being read", async () => {
  const { a } = await laden();
  const reader = (await a.runtime.export("ada")).getReader();
  await reader.read();
  await a.runtime.stop(0);
  await assert.rejects(
    async () => {
      while (!(await reader.read()).done);
    },
    { code: "CANCELLED" },
  );
});

void test("a sender of a bundle who does nothing more is given up, and nothing of it is kept", async () => {
  const { clock, a, b } = await laden();
  const { publicKey: to } = await b.runtime.identity();
  const bundle = await bytesOf(await a.runtime.export("ada", { to }));
  const half = streamOf(bundle.subarray(0, bundle.length / 2)).getReader();
  const stuck = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await half.read();
      if (done) await new Promise(() => undefined);
      else controller.enqueue(value);
    },
  });
  const imported = assert.rejects(b.runtime.import(stuck), { code: "TIMEOUT" });
  await clock.advance(0);
  assert.equal((await b.runtime.get("ada")).status, "arriving");
  await assert.rejects(b.runtime.state("ada"), { code: "BUSY" });
  await clock.advance(2 * MINUTE);
  await imported;
  await assert.rejects(b.runtime.get("ada"), { code: "NOT_FOUND" });
});

void test("a copy whose move did not depart is replaced by the next move, and dropped by stay()", async () => {
  const { a, b, c } = await laden(3);
  const taken = async (id: string) => {
    const { publicKey: to } = await b.runtime.identity();
    await a.runtime.leave("ada", { move: id });
    return (await b.runtime.import(await a.runtime.export("ada", { move: id, to }))).ticket!;
  };
  const first = await taken("m1");
  assert.deepEqual((await b.runtime.get("ada")).move, { id: "m1" });
  await b.crash();
  await a.crash();
  const second = await taken("m2");
  assert.notEqual(first, second);
  // Who still believes in the first one is refused everywhere.
  await assert.rejects(a.runtime.depart("ada", { move: "m1", url: b.url, ticket: first }), {
    code: "INVALID",
  });
  await assert.rejects(b.runtime.stay("ada", "m1"), { code: "INVALID" });
  const word = await a.runtime.stay("ada", "m2");
  await b.runtime.stay("ada", "m2", word);
  await b.runtime.stay("ada", "m2");
  await assert.rejects(b.runtime.get("ada"), { code: "NOT_FOUND" });
  await taken("m3");
  await move(a, c);
  assert.equal((await b.runtime.get("ada")).status, "arriving");
  await move(c, b);
  assert.equal((await b.runtime.get("ada")).status, "dormant");
});

void test("a whole copy is dropped by nobody but who has the old home's word that the agent stayed", async () => {
  const { clock, a, b } = await laden();
  const { publicKey: to } = await b.runtime.identity();
  await a.runtime.leave("ada", { move: "m1" });
  const { ticket } = await b.runtime.import(await a.runtime.export("ada", { move: "m1", to }));
  await assert.rejects(b.runtime.stay("ada", "m1"), { code: "INVALID", message: /has not said/ });
  const other = { agent: "x", move: "m1", signature: "0".repeat(128) };
  await assert.rejects(b.runtime.stay("ada", "m1", other), { code: "DENIED" });
  await assert.rejects(b.runtime.terminate("ada"), { code: "BUSY" });
  const receipt = await a.runtime.depart("ada", { move: "m1", url: b.url, ticket });
  await assert.rejects(a.runtime.stay("ada", "m1"), { code: "MOVED" });
  await assert.rejects(b.runtime.stay("ada", "m1"), { code: "INVALID" });
  await b.runtime.arrive("ada", receipt);
  // It left another home for this one, and did not leave this one: so it says.
  assert.equal((await b.runtime.stay("ada", "m1"))?.move, "m1");
  await tell(b, clock, "three");
  assert.deepEqual((await b.runtime.state("ada"))["got"], ["one", "two", "three"]);
});

void test("a move goes to one home: no other one takes its bundle in, or lets it arrive by its receipt", async () => {
  const { a, b, c } = await laden(3);
  await move(a, b);
  const { id } = await b.runtime.get("ada");
  const [atA, atC] = await Promise.all([a.runtime.identity(), c.runtime.identity()]);
  await b.runtime.leave(id, { move: "m2" });
  const bytes = await bytesOf(await b.runtime.export(id, { move: "m2", to: atC.publicKey }));
  await assert.rejects(b.runtime.export(id, { move: "m2", to: atA.publicKey }), {
    code: "INVALID",
    message: /goes to another home/,
  });
  const { ticket } = await c.runtime.import(streamOf(bytes));
  // Where it was before, its key is known.
  await assert.rejects(a.runtime.import(streamOf(bytes)), { code: "DENIED" });
  const receipt = await b.runtime.depart(id, { move: "m2", url: c.url, ticket });
  assert.equal(receipt.to, atC.publicKey);
  await assert.rejects(c.runtime.arrive(id, { ...receipt, to: atA.publicKey }), { code: "DENIED" });
  assert.match((await c.runtime.arrive(id, receipt)).status, /active|dormant/);
  assert.equal((await a.runtime.get(id)).status, "moved");
});

void test("an import whose move is ended in the middle of it comes to nothing", async () => {
  const { a, b } = await laden();
  await move(a, b);
  const { id } = await b.runtime.get("ada");
  const { publicKey: to } = await a.runtime.identity();
  await b.runtime.leave(id, { move: "m2" });
  const bytes = await bytesOf(await b.runtime.export(id, { move: "m2", to }));
  const word = await b.runtime.stay(id, "m2");
  // It is ended when all that came in was checked, and nothing of it is noted yet.
  const head = a.store.head.bind(a.store);
  const files = a.store.files.bind(a.store);
  let ended: Promise<unknown> | undefined;
  a.store.files = async (...args) => {
    const rows = await files(...args);
    if (ended === undefined && (await a.store.get(id))?.status === "arriving" && (await head(id))) {
      ended = a.runtime.stay(id, "m2", word);
      await ended;
    }
    return rows;
  };
  await assert.rejects(a.runtime.import(streamOf(bytes)));
  assert.notEqual(ended, undefined);
  assert.equal((await a.runtime.get(id)).status, "moved");
  assert.equal((await a.runtime.send(id, { payload: "three" })).receipt, "accepted");
});

void test("import() takes in what was exported where values have to be small", async () => {
  const { a, b, clock } = await laden();
  for (let i = 0; i < 400; i += 1) await tell(a, clock, `message number ${i}`);
  const { createRuntime, defineRuntime } = await import("../../src/index.ts");
  const { memoryStore } = await import("../../src/stores/memory.ts");
  const limits = { valueBytes: 65_536, envelopeBytes: 10_000, outputBytes: 10_000 };
  const small = createRuntime({
    definition: defineRuntime({ agents: [traveller, oracle], limits }),
    store: memoryStore(),
    signer: b.signer,
    clock,
  });
  await small.start();
  const { publicKey: to } = await small.identity();
  const { agent } = await small.import(await a.runtime.export("ada", { to }));
  assert.equal(agent.name, "ada");
});

void test("mail that waits to be sent goes along, in its order, and what cannot be sent is kept", async () => {
  const writer = defineAgent({
    name: "writer",
    async onMessage(ctx, message) {
      const [to = "", text = ""] = message.text.split(" ");
      if (message.from === "operator") await ctx.send(to, text);
    },
  });
  const { clock, homes: all } = await homes(2, [traveller, oracle, writer]);
  const [a, b] = all as [TestHome, TestHome];
  for (const [name, type] of [
    ["ada", "traveller"],
    ["eve", "writer"],
  ] as const) {
    await a.runtime.create({ name, type });
  }
  await clock.advance(0);
  const ada = (await a.runtime.get("ada")).id;
  const { publicKey: to } = await b.runtime.identity();
  await a.runtime.leave("ada", { move: "m1" });
  const { ticket } = await b.runtime.import(await a.runtime.export("ada", { move: "m1", to }));
  for (const text of ["ada one", "ada two", "nobody-at-all three"]) {
    await a.runtime.send("eve", { payload: text });
    await clock.advance(0);
  }
  const before = await a.runtime.deadLetters("eve", 0, 9);
  assert.deepEqual(
    before.map(({ envelope }) => envelope.toName),
    ["nobody-at-all"],
  );
  await move(a, b, { agent: "eve" });
  assert.deepEqual(await a.store.outbox(0, 9, (await a.runtime.get("eve")).id), []);
  await a.crash();
  await b.crash();
  await b.runtime.arrive(ada, await a.runtime.depart(ada, { move: "m1", url: b.url, ticket }));
  await clock.advance(2 * MINUTE);
  assert.deepEqual((await b.runtime.state(ada))["got"], ["one", "two"]);
  assert.equal((await b.runtime.deadLetters("eve", 0, 9)).length, 1);
});

void test("arrive() takes the receipt of the old home and no other", async () => {
  const { a, b } = await laden();
  const { publicKey: to } = await b.runtime.identity();
  const { id } = await a.runtime.get("ada");
  await a.runtime.leave("ada", { move: "m1" });
  const { ticket } = await b.runtime.import(await a.runtime.export("ada", { move: "m1", to }));
  assert.equal(await b.runtime.admits(id, ticket!), true);
  assert.equal(await b.runtime.admits(id, "guess"), false);
  const goal = { move: "m1", url: b.url, ticket };
  await assert.rejects(a.runtime.depart("ada", { move: "m1", url: b.url }), { code: "INVALID" });
  await assert.rejects(a.runtime.depart("ada", { ...goal, url: "file:///x" }), { code: "INVALID" });
  const receipt = await a.runtime.depart("ada", goal);
  assert.deepEqual(await a.runtime.depart("ada", { move: "m1", url: "" }), receipt);
  for (const [forged, code] of [
    [{ ...receipt, move: "m2" }, "INVALID"],
    [{ ...receipt, head: null }, "DENIED"],
    [{ ...receipt, agent: "x" }, "DENIED"],
    [{ ...receipt, signature: "00".repeat(64) }, "DENIED"],
    [{ ...receipt, signature: "no" }, "DENIED"],
  ] as const) {
    await assert.rejects(b.runtime.arrive("ada", forged), { code });
  }
  for (let i = 0; i < 2; i += 1) {
    assert.match((await b.runtime.arrive("ada", receipt)).status, /dormant|active/);
  }
  await assert.rejects(a.runtime.stay("ada", "m1"), { code: "MOVED" });
});

void test("moveAgent() brings a move to its end wherever the one before ended", async () => {
  const { clock, a, b, c } = await laden(3);
  const { publicKey: to } = await b.runtime.identity();
  await assert.rejects(move(a, a), { code: "EXISTS" });
  // Ended before it departed: begins anew.
  await a.runtime.leave("ada", { move: "m1" });
  await b.runtime.import(await a.runtime.export("ada", { move: "m1", to }));
  await move(a, b);
  assert.equal((await b.runtime.get("ada")).status, "dormant");
  // Done: nothing more to do; elsewhere: says so.
  assert.equal((await move(a, b)).bytes, 0);
  await assert.rejects(move(a, c), { code: "MOVED", url: b.url });
  // Ended after it departed: arrives.
  await b.runtime.leave("ada", { move: "m2" });
  const { publicKey: there } = await c.runtime.identity();
  const { ticket } = await c.runtime.import(
    await b.runtime.export("ada", { move: "m2", to: there }),
  );
  await b.runtime.depart("ada", { move: "m2", url: c.url, ticket });
  await assert.rejects(move(c, a), { code: "BUSY" });
  await move(b, c);
  await tell(c, clock, "three");
  assert.deepEqual((await c.runtime.state("ada"))["got"], ["one", "two", "three"]);
});

void test("moveAgent() has the agent stay when it cannot go", async () => {
  const { clock, a, b } = await laden();
  await b.runtime.create({ name: "ada", type: "oracle" });
  await assert.rejects(move(a, b), { code: "EXISTS", message: /the name "ada" is taken/ });
  assert.equal((await a.runtime.get("ada")).status, "dormant");
  const { agent } = await move(a, b, { name: "countess" });
  assert.equal(agent.name, "countess");
  await a.runtime.send("ada", { payload: "three" });
  await clock.advance(0);
  assert.deepEqual((await b.runtime.state("countess"))["got"], ["one", "two", "three"]);

  const cut = new AbortController();
  const cancelled = moveAgent({ from: b.runtime, to: a.runtime }, "countess", {
    url: a.url,
    signal: cut.signal,
    onStep: () => cut.abort(new Error("enough")),
  });
  await assert.rejects(cancelled, /enough/);
  assert.equal((await b.runtime.get("countess")).status, "dormant");
});

const MIB = 1_048_576;

/** A home whose agent has a record of so many MiB, and a count of what is read of it at a time. */
async function heavy(mib: number) {
  const speaker = defineAgent({
    name: "speaker",
    onMessage: (ctx, { text }) => ctx.reply("x".repeat(Number(text))),
  });
  const { clock, homes: all } = await homes(2, [speaker]);
  const [a, b] = all as [TestHome, TestHome];
  await a.runtime.create({ name: "ada", type: "speaker" });
  for (let i = 0; i < mib; i += 1) {
    await a.runtime.send("ada", { payload: String(MIB - 1000) });
    await clock.advance(0);
  }
  return { clock, a, b, to: (await b.runtime.identity()).publicKey };
}

void test("a bundle is made no more than a few MiB ahead of its reader", async () => {
  const { clock, a, to } = await heavy(60);
  let rows = 0;
  const log = a.store.log.bind(a.store);
  a.store.log = async (...args) => {
    const read = await log(...args);
    rows += read.length;
    return read;
  };
  const reader = (await a.runtime.export("ada", { to })).getReader();
  await clock.advance(0);
  await clock.advance(0);
  assert.ok(rows < 20, `${rows} MiB were read of 60, and none was asked for`);
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.length;
    assert.ok(rows < bytes / MIB + 20);
  }
  assert.ok(bytes > 60 * MIB);
});

void test("a bundle is taken in no faster than it is stored", async () => {
  const { clock, a, b, to } = await heavy(40);
  const bundle = await bytesOf(await a.runtime.export("ada", { to }));
  const gate = Promise.withResolvers<void>();
  const restore = b.store.restore.bind(b.store);
  let parts = 0;
  b.store.restore = async (...args) => {
    parts += 1;
    if (parts === 5) await gate.promise;
    return restore(...args);
  };
  let taken = 0;
  const source = streamOf(bundle).getReader();
  const slow = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await source.read();
        if (done) return controller.close();
        taken += value.length;
        return controller.enqueue(value);
      },
    },
    { highWaterMark: 0 },
  );
  const imported = b.runtime.import(slow);
  await clock.advance(0);
  for (let i = 0; i < 100; i += 1) await new Promise(setImmediate);
  assert.ok(taken < 16 * MIB, `${taken} bytes were taken in while nothing was stored`);
  gate.resolve();
  assert.equal((await imported).agent.name, "ada");
});

void test("mail that met a tombstone is tried again when the agent is back by the time it is passed on", async () => {
  const { a } = await laden();
  const { id } = await a.runtime.get("ada");
  const envelope = { id: "late", sentAt: 1, source: "agent", from: "x", to: id, payload: null };
  const mail = [{ ...envelope, type: "message" as const }];
  const kernel = { store: a.store, forwarder: undefined } as unknown as Kernel;
  assert.deepEqual(await forwardMoved(kernel, { mail, receipts: ["moved"] }), ["busy"]);
});

void test("an agent that is paused moves as it is, stays when it does not leave, and goes on when resumed", async () => {
  const { clock, a, b } = await laden();
  await a.runtime.pause("ada");
  await tell(a, clock, "waits");
  await a.runtime.leave("ada", { move: "m1" });
  await a.runtime.stay("ada", "m1");
  assert.equal((await a.runtime.get("ada")).status, "paused");
  const { labels } = await a.runtime.get("ada");
  await move(a, b);
  assert.deepEqual(
    [(await b.runtime.get("ada")).status, (await b.runtime.get("ada")).labels],
    ["paused", labels],
  );
  await clock.advance(9 * HOUR);
  assert.deepEqual((await b.runtime.state("ada"))["fired"], []);
  await b.runtime.resume("ada");
  await clock.advance(0);
  const { got, fired } = await b.runtime.state("ada");
  assert.ok((got as string[]).includes("waits"));
  assert.deepEqual(fired, ["bell"]);
});
