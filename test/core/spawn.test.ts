import assert from "node:assert/strict";
import { test } from "node:test";
import { createRuntime, defineAgent, defineRuntime, TerminalError } from "../../src/index.ts";
import type { AgentDefinition, Context, Json, Signer, SpawnOptions } from "../../src/index.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { lockedSigner } from "../../src/identity/locked-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { moveAgent } from "../../src/control/move-agent.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { manualClock } from "../../src/testing/index.ts";
import { bytesOf, homes, streamOf } from "./homes.ts";
import type { TestHome } from "./homes.ts";
import { HOUR, setting, signer, START } from "./setting.ts";
import type { Setting } from "./setting.ts";

/** Makes the children that it is told, and answers with their npubs or the codes of errors. */
function parent(more: { readonly after?: (ctx: Context) => Promise<void> } = {}): AgentDefinition {
  return defineAgent({
    name: "parent",
    state: { made: [] as string[] },
    retry: { retries: 3, backoff: 10 },
    async onMessage(ctx, message) {
      const wanted = JSON.parse(message.text) as readonly (readonly [string, SpawnOptions?])[];
      const made = wanted.map(([name, options]) =>
        ctx.spawn(name, options).catch((error: { code: string }) => error.code),
      );
      ctx.state.made.push(...(await Promise.all(made)));
      await more.after?.(ctx as unknown as Context);
    },
  });
}

/** Keeps what it hears, and from whom it is. */
const child = defineAgent({
  name: "child",
  state: { heard: [] as unknown[], parent: "" },
  onCreate: (ctx) => void (ctx.state.parent = ctx.agent.parent ?? "nobody"),
  async onMessage(ctx, message) {
    ctx.state.heard.push(message.payload);
    if (message.text === "report" && ctx.agent.parent !== undefined) {
      await ctx.send(ctx.agent.parent, "[]");
    }
  },
});

const spawn = (...wanted: readonly (readonly [string, SpawnOptions?])[]): string =>
  JSON.stringify(wanted);

const made = async ({ runtime }: Setting): Promise<readonly string[]> =>
  (await runtime.state("parent"))["made"] as string[];

void test("ctx.spawn() makes an agent with a key of its own, which knows its parent and hears its first message", async () => {
  const home = await setting([parent(), child]);
  const { runtime, tell } = home;
  const record = await tell(
    "parent",
    spawn(["kid", { type: "child", labels: ["team"], payload: "hello" }]),
  );
  const [id] = await made(home);
  const kid = await runtime.status("kid");
  const above = await runtime.get("parent");
  assert.equal(kid.id, id);
  assert.equal(kid.parent, above.id);
  assert.equal(kid.generation, 1);
  assert.deepEqual([kid.type, kid.labels, kid.status], ["child", ["team"], "active"]);
  assert.deepEqual(await runtime.state("kid"), { heard: ["hello"], parent: above.id });
  assert.notEqual(kid.publicKey, above.publicKey);
  assert.equal((await runtime.key("kid")).source, "derived");
  assert.deepEqual(
    record.sent?.map(({ to, type }) => [to, type]),
    [
      [id, "control"],
      [id, "message"],
    ],
  );
  assert.equal((await runtime.verify("parent")).ok, true);
  assert.equal((await runtime.verify("kid")).ok, true);
  const { items } = await runtime.list({ parent: "parent" });
  assert.deepEqual(
    items.map(({ name }) => name),
    ["kid"],
  );
});

const names = async ({ runtime }: Setting, of = "parent"): Promise<readonly string[]> =>
  (await runtime.list({ parent: of })).items.map(({ name }) => name);

/** The names in the children's entries of an agent's tree. */
const entries = async ({ store, runtime }: Setting, of = "parent"): Promise<readonly string[]> => {
  const { id } = await runtime.get(of);
  const rows = await store.files(id, { prefix: "children/", limit: 1000 });
  return rows.map(({ value }) => (JSON.parse(value as string) as { name: string }).name);
};

void test("a child is made once when the hook is run again, before as after its letter has left", async () => {
  let tries = 0;
  const home = await setting([
    parent({
      async after(ctx) {
        tries += 1;
        if (tries === 1) throw new Error("not yet");
        await ctx.sleep("1h");
        if (tries === 3) throw new Error("not yet");
      },
    }),
    child,
  ]);
  const { clock, runtime, tell } = home;
  await tell("parent", spawn(["kid", { type: "child", payload: "hello" }]));
  assert.deepEqual(await names(home), [], "nothing leaves with a tick that failed");
  await clock.advance(10);
  assert.equal(tries, 2);
  assert.deepEqual(await names(home), ["kid"], "it leaves with a tick that is parked");
  assert.deepEqual((await runtime.state("kid"))["heard"], ["hello"]);
  assert.deepEqual(await entries(home), ["kid"]);
  await runtime.terminate("kid");
  await clock.advance(HOUR);
  await clock.advance(HOUR);
  assert.equal(tries, 4);
  assert.equal((await made(home)).length, 1);
  assert.deepEqual(await entries(home), [], "one that ended meanwhile is not there again");
  assert.equal((await runtime.verify("parent")).ok, true);
  assert.deepEqual(await runtime.deadLetters("parent", 0, 9), []);
});

void test("what a tick sends to its child goes by the npub or the name, and a request is answered", async () => {
  const lead = defineAgent({
    name: "lead",
    state: { answer: null as Json },
    async onMessage(ctx) {
      const id = await ctx.spawn("kid", { type: "echo" });
      await ctx.send("kid", "by name");
      await ctx.send(id, "by npub");
      ctx.state.answer = await ctx.request("kid", "ask");
    },
  });
  const echo = defineAgent({
    name: "echo",
    state: { heard: [] as string[] },
    async onMessage(ctx, message) {
      ctx.state.heard.push(message.text);
      if (message.expectsReply) await ctx.reply(`${message.text}ed`);
    },
  });
  const home = await setting([lead, echo]);
  await home.tell("lead", "go");
  await home.clock.advance(10);
  assert.equal((await home.runtime.state("lead"))["answer"], "asked");
  assert.deepEqual((await home.runtime.state("kid"))["heard"], ["ask", "by name", "by npub"]);
  assert.deepEqual(await home.runtime.deadLetters("lead", 0, 9), []);
});

void test("a name that is taken is EXISTS at once, and an error that is caught is the same in a replay", async () => {
  const home = await setting([parent({ after: (ctx) => ctx.sleep("1h") }), child]);
  await home.tell("parent", spawn(["child"], ["twin"], ["twin"]));
  await home.runtime.terminate("child");
  await home.clock.advance(HOUR);
  const [taken, twin, second] = await made(home);
  assert.deepEqual([taken, second], ["EXISTS", "EXISTS"]);
  assert.match(twin!, /^npub1/);
  assert.deepEqual(await names(home), ["twin"]);
  assert.equal((await home.runtime.get("twin")).type, "parent", "the type is the parent's own");
});

void test("a child whose name is taken in between gets one of its own, and the parent knows it", async () => {
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const home = await setting([
    parent({
      async after() {
        reached.resolve();
        await go.promise;
      },
    }),
    child,
  ]);
  const { runtime, clock } = home;
  await runtime.send("parent", { payload: spawn(["kid", { type: "child", payload: "hello" }]) });
  await clock.advance(0);
  await reached.promise;
  await runtime.create({ name: "kid", type: "child" });
  go.resolve();
  await clock.advance(10);
  const [id] = await made(home);
  const name = `kid-${id!.slice(-6)}`;
  assert.equal((await runtime.get(id!)).name, name);
  assert.deepEqual(await entries(home), [name]);
  assert.deepEqual((await runtime.state(name))["heard"], ["hello"]);
  const [row] = (await runtime.log("parent", 0, 100)).slice(-1);
  assert.match(row?.output ?? "", /is called/);
});

void test("spawn() is held to limits.generations and limits.children, and a child that ended makes room", async () => {
  const limits = { generations: 2, children: 2 };
  const home = await setting([parent(), child], { limits });
  const { runtime, tell } = home;
  await tell("parent", spawn(["a"], ["b"], ["c"]));
  assert.deepEqual(
    (await made(home)).map((one) => one.slice(0, 5)),
    ["npub1", "npub1", "LIMIT"],
  );
  await tell("a", spawn(["aa"]));
  await tell("aa", spawn(["aaa"]));
  assert.equal((await runtime.get("aa")).generation, 2);
  assert.deepEqual((await runtime.state("aa"))["made"], ["LIMIT"]);
  await runtime.terminate("b");
  await tell("parent", spawn(["c"]));
  assert.deepEqual((await made(home)).length, 4);
  assert.deepEqual([...(await entries(home))].sort(), ["a", "c"]);
});

void test("an entry goes when the child is ended by a tick, without one, or erased", async () => {
  const broken = defineAgent({
    name: "broken",
    retry: { retries: 0, quarantineAfter: 1 },
    onMessage() {
      throw new Error("told to");
    },
  });
  const home = await setting([parent(), child, broken]);
  const { runtime, tell, clock } = home;
  await tell("parent", spawn(["a", { type: "child" }], ["b", { type: "broken", payload: "x" }]));
  await tell("parent", spawn(["c", { type: "child" }], ["d", { type: "child" }]));
  assert.equal((await runtime.get("b")).status, "quarantined");
  assert.equal((await entries(home)).length, 4);
  await runtime.terminate("a");
  await runtime.terminate("b");
  await runtime.purge("c");
  await clock.advance(10);
  assert.deepEqual(await entries(home), ["d"]);
  assert.equal((await runtime.get("parent")).status, "active");
  const { id } = await runtime.get("parent");
  await runtime.purge("parent");
  const left = await runtime.get("d");
  assert.equal(left.parent, id, "whose parent ends lives on");
  await runtime.terminate("d");
  await clock.advance(10);
  assert.deepEqual((await runtime.deadLetters(left.id, 0, 9)).length, 0);
  assert.equal((await runtime.list({ parent: id })).items.length, 3);
});

void test("ctx.children() lists those that live, and those of this hook once it has made them", async () => {
  const seen: string[][] = [];
  const look = async (ctx: Context): Promise<void> => {
    seen.push((await ctx.children()).map(({ name }) => name).sort());
  };
  const lead = defineAgent({
    name: "lead",
    async onMessage(ctx, message) {
      await look(ctx);
      await ctx.spawn(message.text, { type: "child" });
      await look(ctx);
      await ctx.sleep("1h");
    },
  });
  const home = await setting([lead, child]);
  await home.tell("lead", "a");
  await home.clock.advance(1);
  await home.tell("lead", "b");
  await home.clock.advance(HOUR);
  assert.deepEqual(seen, [[], ["a"], ["a"], ["a", "b"], ["b"], ["a", "b"], ["a"], ["a", "b"]]);
});

void test("a share is taken from what the parent has, by default a tenth of it", async () => {
  const home = await setting([parent(), child]);
  const { store, runtime, tell } = home;
  await tell("parent", spawn(["rich", { budget: { perDay: { usd: "1.00", tokens: 1000 } } }]));
  const rich = await runtime.get("rich");
  assert.deepEqual(rich.budget, { perDay: { usd: 1_000_000, tokens: 1000 } });
  await tell(
    "rich",
    spawn(
      ["a", { type: "child" }],
      ["b", { type: "child", budget: { perDay: { usd: "0.90" } } }],
      ["c", { type: "child", budget: { perDay: { tokens: 1000 } } }],
      ["d", { type: "child", budget: { perDay: { usd: "0.000001" } } }],
      ["e", { type: "child", budget: { perDay: { usd: "one" } } }],
    ),
  );
  const results = (await runtime.state("rich"))["made"] as string[];
  assert.deepEqual(
    results.map((one) => one.slice(0, 7)),
    [results[0]!.slice(0, 7), results[1]!.slice(0, 7), "LIMIT", "LIMIT", "INVALID"],
  );
  assert.deepEqual((await runtime.get("a")).budget, { perDay: { usd: 100_000, tokens: 100 } });
  assert.deepEqual((await runtime.get("b")).budget, { perDay: { usd: 900_000, tokens: 100 } });
  await runtime.terminate("b");
  await tell("rich", spawn(["f", { type: "child", budget: { perDay: { usd: "0.90" } } }]));
  assert.equal((await runtime.get("f")).status, "active", "what a child had is there again");
  assert.equal(typeof (await store.get("f"))?.budget, "string");
});

void test("a child is made after a crash between the commit and its birth", async () => {
  const first = await setting([parent(), child]);
  const { store, clock, runtime } = first;
  const create = store.create.bind(store);
  store.create = async (record, mail) => {
    if (record.parent !== undefined) await new Promise(() => undefined);
    return create(record, mail);
  };
  await runtime.send("parent", { payload: spawn(["kid", { type: "child", payload: "hello" }]) });
  await clock.advance(0);
  assert.deepEqual(await names(first), []);
  store.crash();
  store.create = create;
  const home = await setting([parent(), child], { store, clock });
  await clock.advance(10);
  assert.deepEqual(await names(home), ["kid"]);
  assert.deepEqual((await home.runtime.state("kid"))["heard"], ["hello"]);
  assert.deepEqual(await home.runtime.deadLetters("parent", 0, 9), []);
});

void test("a child that nobody here has the key for is with the dead letters, and its parent's no more", async () => {
  const first = await setting([parent(), child]);
  const { store, clock, runtime } = first;
  store.create = () => new Promise(() => undefined);
  await runtime.send("parent", { payload: spawn(["kid", { type: "child", payload: "hello" }]) });
  await clock.advance(0);
  assert.deepEqual(await entries(first), ["kid"]);
  store.crash();
  Reflect.deleteProperty(store, "create");
  const other = derivedSigner(newMnemonic());
  const home = await setting([parent(), child], { store, clock, signer: other });
  await clock.advance(10);
  assert.deepEqual(await entries(home), []);
  const dead = await home.runtime.deadLetters("parent", 0, 9);
  assert.deepEqual(
    dead.map(({ envelope }) => envelope.type),
    ["control", "message"],
  );
});

void test("a tick that spawns waits for the keys while they are locked, and so does a child's birth", async () => {
  const mnemonic = newMnemonic();
  const open = derivedSigner(mnemonic);
  const locked = (): Signer => lockedSigner(async () => open);
  const first = await setting([parent(), child], { signer: open });
  const { store, clock, runtime } = first;
  store.create = () => new Promise(() => undefined);
  await runtime.send("parent", { payload: spawn(["a", { type: "child" }]) });
  await clock.advance(0);
  store.crash();
  Reflect.deleteProperty(store, "create");
  const home = await setting([parent(), child], { store, clock, signer: locked() });
  await home.runtime.send("parent", { payload: spawn(["b", { type: "child" }]) });
  await clock.advance(HOUR);
  assert.deepEqual(await names(home), []);
  assert.deepEqual((await made(home)).length, 1);
  await home.runtime.unlock("any");
  await clock.advance(HOUR);
  assert.deepEqual([...(await names(home))].sort(), ["a", "b"]);
  assert.deepEqual(await home.runtime.deadLetters("parent", 0, 9), []);
});

void test("a dead letter that is replayed makes no second child, and says nothing to it twice", async () => {
  let fails = true;
  const home = await setting([
    parent({
      async after(ctx) {
        await ctx.sleep("1m");
        if (fails) throw new TerminalError("told to");
      },
    }),
    child,
  ]);
  const { runtime, clock, tell } = home;
  await tell("parent", spawn(["kid", { type: "child", payload: "hello" }]), "the-letter");
  await clock.advance(HOUR);
  assert.deepEqual(
    (await runtime.deadLetters("parent", 0, 9)).map(({ envelope }) => envelope.id),
    ["the-letter"],
  );
  assert.deepEqual(await names(home), ["kid"]);
  const { id } = await runtime.get("kid");
  fails = false;
  await runtime.replay("parent", "the-letter");
  await clock.advance(HOUR);
  assert.deepEqual(await made(home), [id]);
  assert.deepEqual(await names(home), ["kid"]);
  assert.deepEqual(await entries(home), ["kid"]);
  assert.deepEqual((await runtime.state("kid"))["heard"], ["hello"]);
  await runtime.terminate("kid");
  await clock.advance(10);
  assert.deepEqual(await entries(home), []);
});

void test("a bundle has an agent's parent and share; a clone has neither, nor the other one's children", async () => {
  const home = await setting([parent(), child]);
  const { runtime, tell, clock } = home;
  await tell("parent", spawn(["kid", { budget: { perDay: { usd: "0.50" } } }]));
  await tell("kid", spawn(["grandchild", { type: "child" }]));
  const kid = await runtime.get("kid");
  assert.deepEqual(kid.budget, { perDay: { usd: 500_000 } });
  const bundle = await bytesOf(await runtime.export("kid"));
  await runtime.import(streamOf(bundle), { mode: "clone", name: "copy" });
  const copy = await runtime.get("copy");
  assert.deepEqual([copy.parent, copy.generation, copy.budget], [undefined, undefined, undefined]);
  assert.deepEqual([await entries(home, "kid"), await entries(home, "copy")], [["grandchild"], []]);
  assert.equal((await runtime.verify("copy")).ok, true);
  await runtime.purge("kid");
  await clock.advance(10);
  assert.deepEqual(await entries(home), ["grandchild"], "whose parent is no more");
  await runtime.import(streamOf(bundle));
  const back = await runtime.get("kid");
  assert.deepEqual([back.parent, back.generation, back.budget], [kid.parent, 1, kid.budget]);
});

void test("nobody outside tells a parent of its child, or has an agent made", async () => {
  const home = await setting([parent(), child]);
  const { runtime, tell } = home;
  await tell("parent", spawn(["kid", { type: "child" }]));
  const { id } = await runtime.get("kid");
  const payload = { command: "child", child: id, ended: true };
  for (const mail of [
    { payload, type: "control" as const },
    { payload, id: `child:${id}` },
  ]) {
    await assert.rejects(runtime.send("parent", mail), { code: "INVALID" });
  }
  await runtime.send("parent", { payload: JSON.stringify([]), headers: { source: "control" } });
  assert.deepEqual(await entries(home), ["kid"]);
});

void test("a child that moved away is its parent's still, and what is left of it here ends nothing", async () => {
  const { clock, homes: all } = await homes(2, [parent(), child]);
  const [a, b] = all as [TestHome, TestHome];
  const { runtime, store } = a;
  await runtime.create({ name: "parent", type: "parent" });
  await runtime.send("parent", { payload: spawn(["kid", { type: "child" }]) });
  await clock.advance(0);
  const { id, parent: above } = await runtime.get("kid");
  await moveAgent({ from: runtime, to: b.runtime }, "kid", { url: b.url });
  await clock.advance(0);
  const moved = await b.runtime.get("kid");
  assert.deepEqual([moved.id, moved.parent, moved.generation], [id, above, 1]);
  await runtime.terminate(id);
  await runtime.purge(id);
  await clock.advance(0);
  const setting = { runtime, store } as Setting;
  assert.deepEqual(await entries(setting), ["kid"]);
  await b.runtime.terminate("kid");
  await clock.advance(0);
  assert.deepEqual(await b.runtime.deadLetters(id, 0, 9), []);
  assert.deepEqual(await entries(setting), ["kid"], "no command goes from home to home");
});

void test("onSettled is told of a child once that is durable", async () => {
  const store = memoryStore();
  const clock = manualClock(START);
  const told: string[] = [];
  const definition = defineRuntime({ agents: [parent(), child] });
  const onSettled = ({ name }: { readonly name: string }): void => void told.push(name);
  const runtime = createRuntime({ definition, store, clock, signer, onSettled });
  await runtime.start();
  await runtime.create({ name: "parent", type: "parent" });
  await clock.advance(0);
  const sync = store.sync.bind(store);
  const create = store.create.bind(store);
  const durable = Promise.withResolvers<void>();
  store.create = async (record, mail) => {
    await create(record, mail);
    store.sync = () => durable.promise.then(sync);
  };
  await runtime.send("parent", { payload: spawn(["kid", { type: "child" }]) });
  await clock.advance(0);
  assert.equal((await store.get("kid"))?.name, "kid");
  assert.deepEqual(told, ["parent"]);
  durable.resolve();
  await clock.advance(0);
  assert.deepEqual(told, ["parent", "kid"]);
});

void test("what a child may spend is less for its parent, until the child ends", async () => {
  const left: unknown[] = [];
  const rich = defineAgent({
    name: "rich",
    budget: { perDay: { usd: "1.00", tokens: 1000 } },
    async onMessage(ctx, message) {
      await ctx.step("work", ({ used }) => used({ usd: 100_000, tokens: 100 }));
      if (message.text !== "") await ctx.spawn(message.text, { type: "child" });
      left.push(await ctx.budget.left());
    },
  });
  const { runtime, clock, tell } = await setting([rich, child]);
  await tell("rich", "kid");
  assert.deepEqual((await runtime.get("kid")).budget, { perDay: { usd: 100_000, tokens: 100 } });
  await tell("rich", "");
  await runtime.terminate("kid");
  await clock.advance(0);
  await tell("rich", "");
  assert.deepEqual(left, [
    { usd: 800_000, tokens: 800 },
    { usd: 700_000, tokens: 700 },
    { usd: 700_000, tokens: 700 },
  ]);
});

void test("a child and a step that are asked for together do not both get what is left", async () => {
  const gate = Promise.withResolvers<void>();
  let isSlow = false;
  const slow = new Proxy(memoryStore(), {
    get(store, name) {
      const member: unknown = Reflect.get(store, name);
      if (typeof member !== "function") return member;
      if (name !== "reserve") return member.bind(store);
      return async () => {
        if (isSlow) await gate.promise;
        return store.reserve();
      };
    },
  });
  const lead = defineAgent({
    name: "lead",
    budget: { perDay: { tokens: 1000 } },
    state: { got: [] as string[] },
    async onMessage(ctx) {
      const code = (error: { code: string }): string => error.code;
      isSlow = true;
      const child = ctx.spawn("kid", { type: "leaf", budget: { perDay: { tokens: 1000 } } });
      // Its share is chosen by the time its account is waited for.
      for (let turn = 0; turn < 100; turn += 1) await null;
      const work = ctx.step("work", ({ used }) => used({ tokens: 1000 }), {
        worst: { tokens: 1000 },
      });
      const worked = await work.then(() => "worked", code);
      gate.resolve();
      ctx.state.got = [await child.then(() => "born", code), worked];
    },
  });
  const home = await setting([lead, defineAgent({ name: "leaf" })], { store: slow });
  await home.tell("lead", "go");
  await home.clock.advance(0);
  assert.deepEqual((await home.runtime.state("lead"))["got"], ["born", "BUDGET"]);
});
