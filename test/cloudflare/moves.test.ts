import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";
import { moveAgent, remoteRuntime } from "../../src/control/remote-runtime.ts";
import type { RemoteRuntime } from "../../src/control/remote-runtime.ts";

/** Two Workers, with keys of their own. */
let [one, two]: Workerd[] = [];
let [here, there]: RemoteRuntime[] = [];
before(async () => {
  one = await startWorkerd({ entry: "test/cloudflare/faults.worker.ts" });
  two = await startWorkerd({ entry: "test/cloudflare/faults.worker.ts" });
  [here, there] = [remoteRuntime(one), remoteRuntime(two)];
});
after(async () => {
  await one![Symbol.asyncDispose]();
  await two![Symbol.asyncDispose]();
});

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  for (let i = 0; !(await look()); i += 1) {
    assert.ok(i < 600, what);
    await sleep(20);
  }
}

/** How the directory has an agent, without its object being asked. */
async function listed(worker: RemoteRuntime, name: string): Promise<string | undefined> {
  const { items } = await worker.list({ limit: 1000 });
  return items.find((agent) => agent.name === name)?.status;
}

async function evict(worker: Workerd, ref: string): Promise<void> {
  assert.equal((await worker.fetch(`/agents/${ref}/status?evict`)).status, 503);
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

void test("an agent that was to leave stays when nobody comes back to it, also when its object was evicted", async () => {
  await here!.create({ name: "forgotten", type: "subject" });
  await here!.leave("forgotten", { move: "m1", wait: 1500 });
  assert.equal(await listed(here!, "forgotten"), "leaving");
  await evict(one!, "forgotten");
  // Only its alarm wakes it: nobody asks for the agent itself.
  await until("it to stay", async () => (await listed(here!, "forgotten")) !== "leaving");
  assert.equal((await here!.tick("forgotten")).outcome, "done");
});

void test("an arrival that comes to nothing gives up its name, and one that was dropped as well", async () => {
  const { id } = await here!.create({ name: "nomad", type: "subject" });
  const { publicKey: to } = await there!.identity();
  const bundle = await bytesOf(await here!.export("nomad", { to }));
  const half = (): ReadableStream<Uint8Array> =>
    new Blob([bundle.slice(0, bundle.length / 2)]).stream();
  await assert.rejects(there!.import(half()), { code: "CORRUPT" });
  assert.equal(await listed(there!, "nomad"), undefined);
  await there!.create({ name: "nomad", type: "slow" });
  await assert.rejects(there!.import(new Blob([bundle]).stream()), {
    code: "EXISTS",
    message: /"nomad"/,
  });
  await assert.rejects(there!.get(id), { code: "NOT_FOUND" });
  await there!.purge("nomad");

  await here!.leave("nomad", { move: "m1" });
  await there!.import(await here!.export("nomad", { move: "m1", to }));
  assert.equal(await listed(there!, "nomad"), "arriving");
  await assert.rejects(there!.create({ name: "nomad", type: "slow" }), { code: "EXISTS" });
  await there!.stay(id, "m1", await here!.stay("nomad", "m1"));
  assert.equal(await listed(there!, "nomad"), undefined);
  await there!.create({ name: "nomad", type: "slow" });
  await moveAgent({ from: here!, to: there! }, "nomad", { url: two!.url, name: "settler" });
  assert.equal((await there!.get("settler")).id, id);
  assert.equal(await listed(there!, "settler"), "dormant");
  assert.equal(await listed(here!, "nomad"), "moved");
  await assert.rejects(here!.create({ name: "nomad", type: "slow" }), { code: "EXISTS" });
});

void test("a name that was set aside when the Worker went down is free for whoever wants it", async () => {
  await here!.create({ name: "lost", type: "subject" });
  const { publicKey: to } = await there!.identity();
  const bundle = await bytesOf(await here!.export("lost", { to }));
  // Its object ends before it has begun, and the name cannot be given up.
  for (const query of ["", "&mode=clone"]) {
    const path = `/agents/import?name=lost&cut=import&cut=release${query}`;
    const headers = { "content-type": "application/x-tar" };
    const response = await two!.fetch(path, { method: "POST", headers, body: bundle });
    assert.equal(response.status, 503, await response.text());
    assert.equal(await listed(there!, "lost"), "arriving");
    await assert.rejects(there!.get("lost"), { code: "NOT_FOUND" });
    if (query === "") {
      await there!.create({ name: "lost", type: "slow" });
      await there!.purge("lost");
    }
  }
  const { agent } = await there!.import(new Blob([bundle]).stream());
  assert.equal((await there!.get("lost")).id, agent.id);
});

void test("a tick that was parked when its agent arrived goes on after its object was evicted", async () => {
  for (const [name, type] of [
    ["parked", "subject"],
    ["other", "slow"],
  ] as const) {
    await here!.create({ name, type });
  }
  const asked = { payload: "ask", id: "the-question" };
  await here!.send("parked", asked);
  await until("it to be parked", async () => {
    return (await here!.status("parked")).parked.length === 1;
  });
  await moveAgent({ from: here!, to: there! }, "parked", { url: two!.url });
  await evict(two!, "parked");
  await evict(one!, "parked");
  const answer = await there!.ask("parked", asked, { timeout: 20_000 });
  assert.deepEqual([answer.receipt, answer.replies], ["duplicate", ["asked"]]);
  assert.deepEqual((await there!.state("parked"))["answers"], ["answer to question"]);
  assert.equal((await there!.verify("parked")).ok, true);
});

void test("an agent with 6 MB of state and 20 MB on its record moves from Worker to Worker and back", async () => {
  const options = { timeout: 60_000 };
  await here!.create({ name: "heavy", type: "subject" });
  await here!.ask("heavy", { payload: "large" }, options);
  for (let i = 0; i < 40; i += 1) await here!.ask("heavy", { payload: "loud" }, options);
  const away = await moveAgent({ from: here!, to: there! }, "heavy", { url: two!.url });
  assert.ok(away.bytes > 26_000_000, String(away.bytes));
  const { replies } = await there!.ask("heavy", { payload: "length" }, options);
  assert.deepEqual(replies, [2 * 1024 * 1024]);
  await moveAgent({ from: there!, to: here! }, "heavy", { url: one!.url });
  const verdict = await here!.verify("heavy");
  assert.deepEqual([verdict.ok, verdict.records], [true, 43]);
});

void test("whoever has no ticket learns of no agent", async () => {
  const { id } = await here!.create({ name: "private", type: "subject" });
  const nobody = `npub1${"q".repeat(58)}`;
  for (const ref of [id, nobody, "private", "wanted-1", "no-one"]) {
    const response = await one!.fetch(`/agents/${ref}/mail`, {
      method: "POST",
      headers: { authorization: `Bearer ${"0".repeat(64)}` },
      body: '{"mail":[]}',
    });
    assert.equal(response.status, 401, ref);
    const { detail } = (await response.json()) as { detail: string };
    assert.match(detail, /^Cannot let in: /);
  }
  // Nor was one made that is made when it is first asked for.
  const { items } = await here!.list({ limit: 1000 });
  assert.equal(items.filter(({ name }) => name === "no-one").length, 0);
});
