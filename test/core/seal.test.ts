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
    const [, ask, to, text] = /^(\?)?([\w@.-]+): (.*)$/.exec(message.text) ?? [];
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

/** What is sealed of an envelope, written anew: the format is stored. */
function insideOf(envelope: Envelope): unknown {
  const { from, headers, payload, id, type, sentAt } = envelope;
  const {
    replyTo = null,
    expiresAt = null,
    priority = null,
    traceId = null,
    seq = null,
  } = envelope;
  const bound = [id, type, replyTo, sentAt, expiresAt, priority, traceId, seq];
  return { from, bound, headers, payload };
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
  const keyOf = async (ref: string): Promise<string> => (await runtime.get(ref)).publicKey;
  const seal = async (by: string, to: string, inside: unknown): Promise<string> => {
    const bytes = new TextEncoder().encode(JSON.stringify(inside));
    return signer.encrypt((await store.get(by))!, await keyOf(to), bytes);
  };
  const base = { sentAt: START, type: "request", from: alice, to: bob, payload: SECRET } as const;
  const good = (by: string, to: string) => async (envelope: Envelope) => ({
    payload: await seal(by, to, insideOf(envelope)),
    sealed: "sender" as const,
  });
  /** What is done to a good envelope after it was sealed. */
  type Forge = (envelope: Envelope) => Promise<Partial<Envelope>> | Partial<Envelope>;
  const after =
    (change: Partial<Envelope>): Forge =>
    async (envelope) => ({ ...(await good("alice", "bob")(envelope)), ...change });
  const cases: readonly (readonly [Forge, RegExp])[] = [
    [() => ({}), /not sealed/],
    [() => ({ source: "api" }), /not sealed/],
    [() => ({ source: "courier" }), /not sealed/],
    [after({ payload: "" }), /too short/],
    [after({ payload: { a: 1 } }), /no text/],
    [
      async (envelope) => {
        const { payload, sealed } = await good("alice", "bob")(envelope);
        const flipped = payload[60] === "A" ? "B" : "A";
        return { payload: payload.slice(0, 60) + flipped + payload.slice(61), sealed };
      },
      /altered|wrong/,
    ],
    [good("pen", "bob"), /altered|wrong/],
    [good("alice", "pen"), /altered|wrong/],
    [after({ sealed: "own" }), /altered|wrong/],
    [after({ id: "elsewhere" }), /another envelope/],
    [after({ type: "message" }), /another envelope/],
    [after({ replyTo: "x" }), /another envelope/],
    [after({ priority: 99 }), /another envelope/],
    [after({ sentAt: START + 1 }), /another envelope/],
    [after({ traceId: "x" }), /another envelope/],
    [after({ from: `npub1${"q".repeat(58)}` }), /no agent/],
    // Of bob's own making, sent back to him.
    [
      async (envelope) => good("alice", "bob")({ ...envelope, from: bob, to: alice }),
      /another envelope/,
    ],
    // What the runtime took in for bob, as another sender's.
    [
      async (envelope) => ({
        payload: await seal("bob", "bob", insideOf({ ...envelope, from: bob })),
        sealed: "own",
      }),
      /another envelope/,
    ],
    [async () => ({ payload: await seal("alice", "bob", "no"), sealed: "sender" }), /another/],
  ];
  for (const [i, [forge, reason]] of cases.entries()) {
    const before = (await runtime.status("alice")).ticks;
    const envelope: Envelope = { ...base, id: `p${i}`, source: "agent" };
    await plant(set, { ...envelope, ...(await forge(envelope)) });
    await runtime.tick("bob");
    await set.clock.advance(0);
    const dead = await runtime.deadLetters("bob", 0, 99);
    assert.equal(dead.length, i + 1, String(reason));
    assert.match(dead.at(-1)!.reason!, reason);
    assert.equal((await runtime.status("alice")).ticks, before, "alice to hear nothing");
  }
  assert.deepEqual(await got(set, "bob"), []);
  assert.equal((await runtime.status("bob")).status, "active", "bob is not to blame");
  const envelope: Envelope = { ...base, id: "planted", source: "agent" };
  await plant(set, { ...envelope, ...(await good("alice", "bob")(envelope)) });
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
  const answer: Envelope = {
    id: "planted",
    sentAt: START,
    source: "agent",
    from: bob,
    to: carl.id,
    type: "response",
    replyTo,
    payload: "lies",
  };
  const bytes = new TextEncoder().encode(JSON.stringify(insideOf(answer)));
  const payload = await signer.encrypt((await store.get("bob"))!, carl.publicKey, bytes);
  await plant(set, { ...answer, payload, sealed: "sender" });
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

void test("who has the name by the time that a request arrives is the one who answers it", async () => {
  const oracle = defineAgent({ name: "oracle", onMessage: (ctx) => ctx.reply("yes") });
  const set = await setting([pen, oracle]);
  const { store, runtime, clock, tell } = set;
  const outbox = store.outbox.bind(store);
  store.outbox = async () => [];
  await tell("pen", "?oracle: well");
  await runtime.terminate("oracle");
  await runtime.create({ name: "oracle", type: "oracle" });
  store.outbox = outbox;
  await clock.advance(0);
  await tell("pen", "pen: that the courier goes");
  await clock.advance(HOUR);
  assert.deepEqual((await runtime.state("pen"))["answers"], ["yes"]);
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

void test("mail to name@domain goes to whom the domain names, when it can be asked", async () => {
  const set = await pens();
  const asked: string[] = [];
  let away = true;
  const names = async (identifier: string): Promise<string | undefined> => {
    asked.push(identifier);
    if (away) throw new OpenAgentsError("UNREACHABLE", "Cannot ask");
    return identifier === "bob@example.com" ? set.bob : undefined;
  };
  const other = await setting([pen], { ...set, names });
  await other.tell("alice", `bob@example.com: ${SECRET}`);
  assert.deepEqual(await got(set, "bob"), []);
  away = false;
  await other.clock.advance(HOUR);
  assert.deepEqual(await got(set, "bob"), [`${set.alice}: ${SECRET}`]);
  await other.tell("alice", "?eve@example.com: hello");
  await other.clock.advance(0);
  assert.deepEqual((await other.runtime.state("alice"))["answers"], ["NOT_FOUND"]);
  assert.ok(asked.includes("eve@example.com"));
  const { publicKey } = await other.runtime.get("bob");
  for (const ref of ["bob", set.bob, publicKey, "bob@example.com"]) {
    assert.deepEqual(await other.runtime.resolve(ref), { npub: set.bob, publicKey });
  }
  await assert.rejects(other.runtime.resolve("nobody"), { code: "NOT_FOUND" });
  await assert.rejects(other.runtime.resolve("0".repeat(64)), { code: "INVALID" });
});
