import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, OpenAgentsError } from "../../src/index.ts";
import type { Envelope } from "../../src/index.ts";
import { HOUR, setting, signer, START } from "./setting.ts";
import type { Setting } from "./setting.ts";

const SECRET = "the cake is in the cellar";

/** Keeps what it gets and from whom; passes on `to: text`; asks `?to`. */
const pen = defineAgent({
  name: "pen",
  state: { got: [] as string[], answers: [] as unknown[] },
  retry: { retries: 0 },
  inbox: { depth: 100 },
  async onMessage(ctx, message) {
    const [, ask, to, text] = /^(\?)?([\w-]+): (.*)$/.exec(message.text) ?? [];
    if (to === undefined) {
      ctx.state.got.push(`${message.from}: ${message.text}`);
      if (message.expectsReply) await ctx.reply(`answer to ${message.text}`);
    } else if (ask === undefined) await ctx.send(to, text);
    else {
      const answer = await ctx
        .request(to, text, { timeout: "10m" })
        .catch((error: OpenAgentsError) => error.code);
      ctx.state.answers.push(answer);
    }
  },
});

/** Two pens, alice and bob. */
async function pens(): Promise<Setting & { readonly alice: string; readonly bob: string }> {
  const set = await setting([pen]);
  const [alice, bob] = await Promise.all(
    ["alice", "bob"].map(async (name) => (await set.runtime.create({ name, type: "pen" })).id),
  );
  await set.clock.advance(0);
  return { ...set, alice: alice!, bob: bob! };
}

/** Puts mail straight into an inbox, as nobody but the store's owner could. */
async function plant({ store, clock }: Setting, envelope: Partial<Envelope>): Promise<void> {
  const whole = { id: "planted", sentAt: START, source: "agent", type: "message", ...envelope };
  const inbox = { depth: 100, overflow: "reject-new" } as const;
  await store.deliver([{ envelope: whole as Envelope, inbox, at: clock.now() }]);
}

const got = async ({ runtime }: Setting, name: string): Promise<unknown> =>
  (await runtime.state(name))["got"];

void test("mail between agents is sealed in outbox, inbox and dead letters, and opened for its receiver", async () => {
  const set = await pens();
  const { runtime, store, alice, bob } = set;
  const stored: Envelope[] = [];
  const deliver = store.deliver.bind(store);
  store.deliver = async (mail) => {
    stored.push(...mail.map(({ envelope }) => envelope));
    for (const row of await store.outbox(0, 9)) stored.push(row.envelope);
    return deliver(mail);
  };
  await set.tell("alice", `bob: ${SECRET}`);
  const between = stored.filter(({ source }) => source === "agent");
  assert.ok(between.length >= 2, "it to have been in the outbox and on its way to the inbox");
  for (const envelope of between) {
    assert.deepEqual([envelope.sealed, envelope.to, envelope.toName], ["sender", bob, "bob"]);
    assert.ok(!JSON.stringify(envelope).includes("cake"));
  }
  assert.deepEqual(await got(set, "bob"), [`${alice}: ${SECRET}`]);

  const mute = { ...between[0]!, id: "other" };
  await plant(set, mute);
  await runtime.tick("bob");
  await set.clock.advance(0);
  const [dead] = await runtime.deadLetters("bob", 0, 9);
  assert.equal(dead?.reason, "Cannot open mail: its seal is that of another envelope");
  assert.ok(!JSON.stringify(dead).includes("cake"));
});

void test("mail that is not sealed by the one it says it is from is refused, and nobody is told", async () => {
  const set = await pens();
  const { runtime, store, alice, bob } = set;
  const seal = async (from: string, to: string, inside: unknown): Promise<string> => {
    const sender = (await store.get(from))!;
    return signer.encrypt(sender, to, new TextEncoder().encode(JSON.stringify(inside)));
  };
  const bobKey = (await runtime.get("bob")).publicKey;
  const penKey = (await runtime.get("pen")).publicKey;
  const inside = { id: "planted", type: "request", payload: SECRET };
  const good = await seal("alice", bobKey, inside);
  const flipped = `${good.slice(0, 60)}${good[60] === "A" ? "B" : "A"}${good.slice(61)}`;
  const cases: readonly (readonly [Partial<Envelope>, RegExp])[] = [
    [{ payload: SECRET }, /not sealed/],
    [{ payload: SECRET, source: "api" }, /not sealed/],
    [{ payload: SECRET, source: "courier" }, /not sealed/],
    [{ payload: flipped, sealed: "sender" }, /altered|wrong/],
    [{ payload: "", sealed: "sender" }, /too short/],
    [{ payload: { a: 1 }, sealed: "sender" }, /no text/],
    // By pen, and not by alice.
    [{ payload: await seal("pen", bobKey, inside), sealed: "sender" }, /altered|wrong/],
    // For pen, and not for bob.
    [{ payload: await seal("alice", penKey, inside), sealed: "sender" }, /altered|wrong/],
    [{ payload: good, sealed: "own" }, /altered|wrong/],
    [{ payload: good, sealed: "sender", id: "elsewhere" }, /another envelope/],
    [{ payload: good, sealed: "sender", type: "message" }, /another envelope/],
    [{ payload: good, sealed: "sender", replyTo: "x" }, /another envelope/],
    [{ payload: good, sealed: "sender", from: `npub1${"q".repeat(58)}` }, /no agent/],
    [{ payload: await seal("alice", bobKey, "no mail"), sealed: "sender" }, /another envelope/],
  ];
  for (const [i, [change, reason]] of cases.entries()) {
    const before = (await runtime.status("alice")).ticks;
    await plant(set, { id: `p${i}`, type: "request", from: alice, to: bob, ...change });
    await runtime.tick("bob");
    await set.clock.advance(0);
    const dead = await runtime.deadLetters("bob", 0, 99);
    assert.equal(dead.length, i + 1, JSON.stringify(change));
    assert.match(dead.at(-1)!.reason!, reason);
    assert.equal((await runtime.status("alice")).ticks, before, "alice to hear nothing");
  }
  assert.deepEqual(await got(set, "bob"), []);
  assert.equal((await runtime.status("bob")).status, "active", "bob is not to blame");
  await plant(set, { type: "request", from: alice, to: bob, payload: good, sealed: "sender" });
  await runtime.tick("bob");
  await set.clock.advance(0);
  assert.deepEqual(await got(set, "bob"), [`${alice}: ${SECRET}`]);
});

void test("a parked tick goes on with its trigger opened, and only the one who was asked answers", async () => {
  const set = await pens();
  const { store, runtime, bob } = set;
  const slow = defineAgent({
    name: "slow",
    async onMessage(ctx, message) {
      await ctx.sleep("1m");
      await ctx.reply(`${message.text}!`);
    },
  });
  const other = await setting([pen, slow], set);
  await other.runtime.create({ name: "carl", type: "pen" });
  await other.clock.advance(0);
  await other.tell("carl", `?slow: ${SECRET}`);
  const id = (await other.runtime.get("slow")).id;
  const [parked] = await store.files(id, { prefix: "parked/", limit: 9 });
  assert.ok(!String(parked?.value).includes("cake"), "what is parked to be sealed");

  // Bob, who was not asked, answers.
  const carl = (await store.get("carl"))!;
  const [wait] = await store.files(carl.id, { prefix: "waits/", limit: 1 });
  const replyTo = decodeURIComponent(wait!.path.split("/")[1]!);
  const answer = { id: "planted", type: "response", replyTo, payload: "lies" };
  const bytes = new TextEncoder().encode(JSON.stringify(answer));
  const payload = await signer.encrypt((await store.get("bob"))!, carl.publicKey, bytes);
  await plant(set, { ...answer, from: bob, to: carl.id, payload, sealed: "sender" } as Envelope);
  await other.runtime.tick("carl");
  await other.clock.advance(0);
  assert.deepEqual((await runtime.state("carl"))["answers"], []);
  await other.clock.advance(HOUR);
  assert.deepEqual((await runtime.state("carl"))["answers"], [`${SECRET}!`]);
});

void test("mail to a name that nobody has yet is sealed for its sender, and reaches who has it when it leaves", async () => {
  const set = await pens();
  const { store, runtime, alice } = set;
  // The directory is not there while the tick runs.
  const get = store.get.bind(store);
  let away = true;
  store.get = async (ref) => {
    if (away && ref === "bob") throw new OpenAgentsError("STORE", "Cannot look up");
    return get(ref);
  };
  const outbox = store.outbox.bind(store);
  const own: Envelope[] = [];
  store.outbox = async (after, limit) => {
    const rows = await outbox(after, limit);
    own.push(...rows.map(({ envelope }) => envelope));
    return rows;
  };
  await runtime.send("alice", { payload: `bob: ${SECRET}` });
  await set.clock.advance(0);
  assert.deepEqual([own[0]?.sealed, own[0]?.to], ["own", "bob"]);
  assert.ok(!JSON.stringify(own).includes("cake"));
  away = false;
  await set.clock.advance(1000);
  assert.deepEqual(await got(set, "bob"), [`${alice}: ${SECRET}`]);
  await set.tell("alice", `?nobody: ${SECRET}`);
  await set.clock.advance(0);
  assert.deepEqual((await runtime.state("alice"))["answers"], ["NOT_FOUND"]);
  // On no curve: nobody can have it.
  const none = "f".repeat(64);
  await set.tell("alice", `?${none}: ${SECRET}`);
  await set.clock.advance(0);
  assert.deepEqual((await runtime.state("alice"))["answers"], ["NOT_FOUND", "NOT_FOUND"]);
});

void test("mail by name goes to who has the name when it arrives; mail by key to that key alone", async () => {
  const set = await pens();
  const { store, runtime, clock, alice, bob } = set;
  const outbox = store.outbox.bind(store);
  store.outbox = async () => [];
  await runtime.send("alice", { payload: `bob: ${SECRET}` });
  await runtime.send("alice", { payload: `${bob}: for his eyes only` });
  await clock.advance(0);
  await runtime.terminate("bob");
  await runtime.create({ name: "bob", type: "pen" });
  store.outbox = outbox;
  await set.tell("alice", "pen: that the courier goes");
  await clock.advance(0);
  assert.deepEqual(await got(set, "bob"), [`${alice}: ${SECRET}`]);
  const dead = await runtime.deadLetters("alice", 0, 9);
  assert.deepEqual(
    dead.map(({ envelope, reason }) => [envelope.to, reason]),
    [[bob, "The recipient is terminated"]],
  );
});

void test("an agent can write to itself, and to one by hex key", async () => {
  const set = await pens();
  await set.tell("alice", `alice: ${SECRET}`);
  await set.clock.advance(0);
  const { publicKey } = await set.runtime.get("bob");
  await set.tell("alice", `${publicKey}: by hex`);
  await set.clock.advance(0);
  assert.deepEqual(await got(set, "alice"), [`${set.alice}: ${SECRET}`]);
  assert.deepEqual(await got(set, "bob"), [`${set.alice}: by hex`]);
});

void test("accept() takes in mail from a key's owner, sealed at rest", async () => {
  const set = await pens();
  const { store, runtime, bob } = set;
  const human = (await signer.identity(1000)).npub;
  const seen: Envelope[] = [];
  const deliver = store.deliver.bind(store);
  store.deliver = async (mail) => {
    seen.push(...mail.map(({ envelope }) => envelope).filter(({ to }) => to === bob));
    return deliver(mail);
  };
  const envelope: Envelope = {
    id: "e1",
    sentAt: START,
    source: "nostr",
    from: human,
    to: "bob",
    type: "message",
    payload: SECRET,
    headers: { kind: "14" },
  };
  const other = { ...envelope, to: "nobody" };
  assert.deepEqual(await runtime.accept([envelope, other]), ["accepted", "unknown"]);
  assert.deepEqual(await runtime.accept([envelope]), ["duplicate"]);
  await assert.rejects(runtime.accept([{ ...envelope, id: "" }]), { code: "INVALID" });
  assert.ok(seen.length > 0 && !JSON.stringify(seen).includes("cake"));
  await set.clock.advance(0);
  assert.deepEqual(await got(set, "bob"), [`${human}: ${SECRET}`]);
});

void test("each use of a key is on the record: who, what for, and when", async () => {
  const sign = defineAgent({
    name: "sign",
    onMessage: async (ctx) => {
      for (let i = 0; i < 3; i += 1) await ctx.identity.sign("ab".repeat(32));
      await ctx.send("pen", "hello");
    },
  });
  const set = await setting([pen, sign]);
  const { keys, sent } = await set.tell("sign", "go");
  const sealed = { use: "encrypt", for: `message ${sent![0]!.id}`, at: START };
  assert.deepEqual(keys, [{ use: "sign", for: "agent code", at: START, count: 3 }, sealed]);
  await set.clock.advance(0);
  const { lastTick } = await set.runtime.status("pen");
  assert.deepEqual(lastTick?.keys, [{ ...sealed, use: "decrypt" }]);
  // Outside of any tick.
  const bundle = await set.runtime.export("sign");
  for await (const _ of bundle);
  const after = await set.tell("sign", "again");
  assert.deepEqual(after.keys![0], { use: "sign", for: "bundle", at: START, count: 2 });
});

void test("a tick that is not committed keeps what it noted of keys for the next one", async () => {
  const set = await pens();
  const { store } = set;
  const commit = store.commit.bind(store);
  let fail = true;
  store.commit = async (claim, changes) => {
    if (fail) throw new OpenAgentsError("BUSY", "Cannot commit now");
    return commit(claim, changes);
  };
  await set.runtime.send("alice", { payload: "bob: hello" });
  await set.clock.advance(0);
  fail = false;
  await set.clock.advance(HOUR);
  const { lastTick } = await set.runtime.status("alice");
  assert.equal(lastTick?.keys?.length, 2, "of the try that was lost, and of the one that was not");
});
