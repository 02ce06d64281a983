import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, OpenAgentsError } from "../../src/index.ts";
import type { AgentDefinition, Signer } from "../../src/index.ts";
import { paths } from "../../src/core/tree.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { lockedSigner } from "../../src/identity/locked-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { fakeSigner, manualClock } from "../../src/testing/index.ts";
import type { ManualClock } from "../../src/testing/index.ts";
import { HOUR, setting, START } from "./setting.ts";
import type { Setting } from "./setting.ts";

const MNEMONIC = newMnemonic();
const RIGHT = "correct horse";

/** A signer of the mnemonic that is locked until it is given the right passphrase. */
function locked(): Signer {
  return lockedSigner(async (passphrase) => {
    if (passphrase === RIGHT) return derivedSigner(MNEMONIC);
    throw new OpenAgentsError("DENIED", "Cannot open: the passphrase is wrong");
  });
}

/** How often hooks ran, by what they were told: also those of ticks that left no trace. */
const runs = new Map<string, number>();

/** Answers everybody, keeps what it is told, passes on `name: text`, and does what it is told to with its key. */
const pen = defineAgent({
  name: "pen",
  state: { got: [] as string[] },
  retry: { retries: 0, quarantineAfter: 1 },
  async onMessage(ctx, { text, from, expectsReply }) {
    runs.set(text, (runs.get(text) ?? 0) + 1);
    const [, to, rest] = /^(\w+): (.*)$/.exec(text) ?? [];
    if (to !== undefined) await ctx.send(to, rest);
    if (text === "wrap") {
      await ctx.identity.sign("ab".repeat(32)).catch((cause: unknown) => {
        throw new Error("Cannot go on", { cause });
      });
    }
    if (text === "swallow") await ctx.identity.encrypt("pen", "x").catch(() => undefined);
    if (text === "swallow in a step") {
      await ctx.step("sign", () => ctx.identity.sign("ab".repeat(32))).catch(() => undefined);
    }
    if (text === "fail") throw new Error("told to");
    ctx.state.got.push(text);
    if (expectsReply || !from.startsWith("npub1")) await ctx.reply(`got ${text}`);
  },
  onManual: (ctx) => ctx.send("pen", "by hand").then(() => undefined),
  async onError(ctx) {
    ctx.state.got.push(`signed ${(await ctx.identity.sign("ab".repeat(32))).length}`);
  },
});

interface LockedSetting extends Setting {
  readonly problems: string[];
}

/** The same agents after a restart with a locked signer, at a later time. */
async function restart(
  agents: readonly AgentDefinition[],
  before: Setting,
  clock: ManualClock = manualClock(before.clock.now() + HOUR),
): Promise<LockedSetting> {
  before.store.crash();
  const problems: string[] = [];
  const onProblem = (problem: string): void => void problems.push(problem);
  const set = await setting(agents, { store: before.store, clock, signer: locked(), onProblem });
  return { ...set, problems };
}

/** Two pens more, alice and bob, with keys that are open. */
async function pens(agents: readonly AgentDefinition[] = [pen]): Promise<Setting> {
  const set = await setting(agents, { signer: derivedSigner(MNEMONIC) });
  for (const name of ["alice", "bob"]) await set.runtime.create({ name, type: "pen" });
  await set.clock.advance(0);
  return set;
}

const got = async ({ runtime }: Setting, name: string): Promise<unknown> =>
  (await runtime.state(name))["got"];

async function unlock({ runtime, clock }: Setting): Promise<void> {
  await runtime.unlock(RIGHT);
  await clock.advance(0);
}

/** Asserts that nothing of these agents is lost, counted or blamed. */
async function unharmed({ runtime, store }: Setting, ...names: string[]): Promise<void> {
  for (const name of names) {
    const { id, status } = await runtime.get(name);
    assert.deepEqual(await runtime.deadLetters(name, 0, 9), [], name);
    assert.ok(["active", "dormant", "creating"].includes(status), `${name} is ${status}`);
    for (const { attempts } of await runtime.inbox(name, 0, 99)) assert.equal(attempts, 0, name);
    const marks = await store.files(id, { prefix: paths.crashMarks, limit: 9 });
    for (const { value } of marks) assert.equal(value, "0", name);
  }
}

void test("while the keys are locked, what needs one waits and everything else works", async () => {
  const before = await pens();
  // Sealed mail of alice that waits for bob.
  before.store.outbox = async () => [];
  await before.tell("alice", "bob: before");
  delete (before.store as Partial<typeof before.store>).outbox;
  const set = await restart([pen], before);
  const { runtime, clock } = set;
  assert.equal(runtime.metrics().locked, true);
  assert.equal((await runtime.inbox("bob", 0, 9)).length, 1, "it is delivered, and sealed");

  assert.equal((await set.tell("bob", "hello")).outcome, "done");
  assert.deepEqual(await got(set, "bob"), ["hello"]);
  const { ticks } = await runtime.status("alice");
  await set.tell("alice", "bob: while locked");
  await set.tell("alice", "from the same sender");
  assert.equal((await runtime.status("alice")).ticks, ticks);
  await runtime.send("alice", { payload: "from another sender", from: "ada" });
  await clock.advance(3 * 24 * HOUR);
  assert.deepEqual(await got(set, "alice"), ["bob: before", "from another sender"]);
  assert.deepEqual(set.problems, ["Agents wait for their keys"], "said once");
  assert.equal(runs.get("bob: while locked"), 1, "it is not tried again and again");
  await unharmed(set, "alice", "bob", "pen");

  await assert.rejects(runtime.unlock("wrong"), { code: "DENIED" });
  assert.equal(runtime.metrics().locked, true);
  await unlock(set);
  await unlock(set);
  assert.equal(runtime.metrics().locked, false);
  assert.deepEqual(await got(set, "bob"), ["hello", "before", "while locked"]);
  assert.deepEqual(await got(set, "alice"), [
    "bob: before",
    "from another sender",
    "bob: while locked",
    "from the same sender",
  ]);
  const rows = await runtime.log("alice", ticks, 9);
  const keys = rows.flatMap(({ record }) => (JSON.parse(record) as { keys?: object[] }).keys ?? []);
  assert.equal(keys.length, 1, "what was refused is no use of a key");
  assert.ok((await runtime.verify("alice")).ok);
  await unharmed(set, "alice", "bob", "pen");
});

void test("agent code cannot make a failure of a locked key", async () => {
  const set = await restart([pen], await pens());
  const texts = ["wrap", "swallow", "swallow in a step"];
  for (const text of texts) await set.runtime.send("alice", { payload: text, from: text });
  await set.clock.advance(HOUR);
  assert.deepEqual(await got(set, "alice"), []);
  await unharmed(set, "alice");
  await unlock(set);
  assert.deepEqual(await got(set, "alice"), texts);
  await unharmed(set, "alice");
});

void test("a failure of its own is one, but onError waits for the key that it needs", async () => {
  const set = await restart([pen], await pens());
  await set.tell("alice", "fail");
  await unharmed(set, "alice");
  await unlock(set);
  assert.deepEqual(await got(set, "alice"), ["signed 128"]);
  assert.equal((await set.runtime.deadLetters("alice", 0, 9)).length, 1);
});

void test("mail that waits for the keys is blamed for no crash, however often the process dies", async () => {
  let set: Setting = await pens();
  set = await restart([pen], set);
  await set.tell("alice", "bob: once");
  for (let deaths = 0; deaths < 6; deaths += 1) {
    set = await restart([pen], set);
    await unharmed(set, "alice", "bob");
  }
  await unlock(set);
  assert.deepEqual(await got(set, "bob"), ["once"]);
  assert.deepEqual(await got(set, "alice"), ["bob: once"]);
  await unharmed(set, "alice", "bob");
  set = await restart([pen], set);
  await unlock(set);
  assert.deepEqual(await got(set, "bob"), ["once"]);
});

void test("an alarm that needs a key waits, the agent's other alarms and mail do not", async () => {
  const fired: string[] = [];
  const clockwork = defineAgent({
    name: "clockwork",
    state: { fired: [] as string[] },
    onMessage: (ctx) => ctx.reply("here"),
    onCreate(ctx) {
      ctx.schedule({ in: "1m" }, null, { id: "send" });
      ctx.schedule({ every: "10m" }, null, { id: "beat" });
    },
    async onAlarm(ctx, { alarmId }) {
      fired.push(alarmId);
      if (alarmId === "send") await ctx.send("pen", "an alarm");
      ctx.state.fired.push(alarmId);
    },
  });
  const set = await restart([pen, clockwork], await pens([pen, clockwork]), manualClock(START));
  await set.clock.advance(HOUR + 1);
  const beats = Array.from({ length: 6 }, () => "beat");
  assert.deepEqual((await set.runtime.state("clockwork"))["fired"], beats);
  assert.deepEqual(fired, ["send", ...beats]);
  const answer = set.runtime.ask("clockwork", { payload: "there?" }, { timeout: 1000 });
  await set.clock.advance(0);
  assert.deepEqual((await answer).replies, ["here"]);
  // Over a restart too, that what the store has of its time is not lost.
  const again = await restart([pen, clockwork], set, manualClock(set.clock.now()));
  await again.clock.advance(0);
  await unlock(again);
  assert.deepEqual((await again.runtime.state("clockwork"))["fired"], [...beats, "send"]);
  assert.deepEqual(await got(again, "pen"), ["an alarm"]);
  await unharmed(again, "clockwork", "pen");
});

void test("any number of alarms that wait for the keys hold up no other one", async () => {
  const signing = defineAgent({
    name: "signing",
    onCreate: (ctx) => void ctx.schedule({ in: "1m" }, null, { id: "sign" }),
    onAlarm: async (ctx) => void (await ctx.identity.sign("ab".repeat(32))),
  });
  const beat = defineAgent({
    name: "beat",
    state: { beats: 0 },
    onCreate: (ctx) => void ctx.schedule({ every: "10m" }, null, { id: "beat" }),
    onAlarm: (ctx) => void (ctx.state.beats += 1),
  });
  // More than are read at once.
  const many = 1100;
  const before = await setting([signing, beat], { signer: fakeSigner() });
  for (let i = 0; i < many; i += 1) {
    await before.runtime.create({ name: `signing-${i}`, type: "signing" });
  }
  await before.clock.advance(0);
  before.store.crash();
  const clock = manualClock(START);
  const { store } = before;
  const due = store.due.bind(store);
  let read = 0;
  store.due = async (query) => {
    read += 1;
    return due(query);
  };
  const signer = lockedSigner(async () => fakeSigner());
  const { runtime } = await setting([signing, beat], { store, clock, signer });
  await clock.advance(HOUR);
  assert.deepEqual(await runtime.state("beat"), { beats: 6 });
  assert.equal(runtime.metrics().ticks, 6, "nobody else ticked");
  assert.ok(read < 100, `it asked ${read} times who is due`);
  await runtime.unlock(RIGHT);
  await clock.advance(0);
  assert.equal(runtime.metrics().ticks, 6 + many + 1);
});

void test("an answer that came in time is the answer, also when it could not be opened in time", async () => {
  const asker = defineAgent({
    name: "asker",
    state: { answers: [] as unknown[] },
    async onMessage(ctx, { text }) {
      const options = { timeout: "10m" } as const;
      const answer = await ctx.request("pen", text, options).catch((error: Error) => error.message);
      ctx.state.answers.push(answer);
    },
  });
  const before = await pens([pen, asker]);
  const { store } = before;
  const outbox = store.outbox.bind(store);
  const fromPen = (await before.runtime.get("pen")).id;
  // The answer is in the outbox when the process dies.
  store.outbox = async (after, limit) =>
    (await outbox(after, limit)).filter(({ agent }) => agent !== fromPen);
  await before.tell("asker", "how are you?");
  await before.clock.advance(0);
  store.outbox = outbox;
  const set = await restart([pen, asker], before, manualClock(before.clock.now() + 60_000));
  await set.clock.advance(HOUR);
  assert.deepEqual((await set.runtime.state("asker"))["answers"], []);
  await unlock(set);
  assert.deepEqual((await set.runtime.state("asker"))["answers"], ["got how are you?"]);
  await unharmed(set, "asker", "pen");
});

void test("a parked tick whose trigger is sealed waits for the keys", async () => {
  const slow = defineAgent({
    name: "slow",
    state: { woke: [] as string[] },
    async onMessage(ctx, { text }) {
      await ctx.sleep("10m");
      ctx.state.woke.push(text);
    },
  });
  const before = await pens([pen, slow]);
  await before.tell("alice", "slow: from alice");
  await before.clock.advance(0);
  await before.tell("slow", "from the operator");
  const set = await restart([pen, slow], before);
  await set.clock.advance(HOUR);
  assert.deepEqual((await set.runtime.state("slow"))["woke"], ["from the operator"]);
  await unlock(set);
  assert.deepEqual((await set.runtime.state("slow"))["woke"], ["from the operator", "from alice"]);
  await unharmed(set, "slow");
});

void test("mail that is still to be addressed is not given up while the keys are locked", async () => {
  const before = await pens();
  const { store } = before;
  const get = store.get.bind(store);
  store.get = async (ref) => {
    if (ref === "bob") throw new OpenAgentsError("STORE", "Cannot look up");
    return get(ref);
  };
  await before.runtime.send("alice", { payload: "bob: in time" });
  await before.clock.advance(0);
  store.get = get;
  const set = await restart([pen], before);
  await set.clock.advance(25 * HOUR);
  await unharmed(set, "alice");
  await unlock(set);
  assert.deepEqual(await got(set, "bob"), ["in time"]);
});

void test("a command that needs the key says that it waits, and is done when the keys are open", async () => {
  const set = await restart([pen], await pens());
  const told = set.runtime.tick("alice");
  const refused = assert.rejects(told, { code: "LOCKED", message: /"alice" now.*agentctl unlock/ });
  await set.clock.advance(0);
  await refused;
  await unlock(set);
  assert.deepEqual(await got(set, "pen"), ["by hand"]);
  const slept = set.runtime.hibernate("alice");
  await set.clock.advance(0);
  assert.equal((await slept).outcome, "done");
});

void test("agents are not made while the keys are locked, and then get the keys that they would have had", async () => {
  const open = await pens();
  const npubs = async ({ runtime }: Setting): Promise<string[]> =>
    Promise.all(["pen", "alice"].map(async (name) => (await runtime.get(name)).id));
  const problems: string[] = [];
  const onProblem = (problem: string): void => void problems.push(problem);
  const set = await setting([pen], { signer: locked(), onProblem });
  await assert.rejects(set.runtime.create({ name: "alice", type: "pen" }), {
    code: "LOCKED",
    message: /agentctl unlock/,
  });
  await assert.rejects(set.runtime.get("pen"), { code: "NOT_FOUND" });
  assert.deepEqual(problems, ["Some agents are not made yet"]);
  await unlock(set);
  await set.runtime.create({ name: "alice", type: "pen" });
  assert.deepEqual(await npubs(set), await npubs(open));
});

void test("keys that are never locked cannot be unlocked", async () => {
  const { runtime } = await pens();
  assert.equal(runtime.metrics().locked, false);
  await assert.rejects(runtime.unlock(RIGHT), { code: "INVALID", message: /never locked/ });
});
