import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { generateSecretKey, nip59, verifyEvent } from "nostr-tools";
import type { Event } from "nostr-tools";
import { startRelay } from "../../scripts/relay.ts";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";
import { startLocal } from "../../src/backends/local.ts";
import type { LocalRuntime } from "../../src/backends/local.ts";
import { moveAgent, remoteRuntime } from "../../src/control/remote-runtime.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import type { TickRecord } from "../../src/core/trajectory.ts";
import { decodeNpub } from "../../src/identity/nip19.ts";
import { falseRelay } from "../drivers/nostr/false-relay.ts";
import { human } from "../drivers/nostr/human.ts";
import { until } from "../drivers/nostr/setting.ts";
import { client, echo, worker as asked } from "./relays.agents.ts";

function startWorker(...relays: readonly string[]): Promise<Workerd> {
  return startWorkerd({
    entry: "test/cloudflare/relays.worker.ts",
    objects: { AGENTS: "AgentObject", DIRECTORY: "DirectoryObject", RELAYS: "RelayObject" },
    define: { RELAYS: relays.join(",") },
  });
}

/** An agentd, in this process, that knows the Worker by the relay alone. */
async function startHome(relay: string): Promise<LocalRuntime & AsyncDisposable> {
  const data = mkdtempSync(join(tmpdir(), "openagents-relays-"));
  const definition = defineRuntime({ agents: [client, echo, asked], relays: [relay] });
  const home = await startLocal({ definition, data, port: 0 });
  return {
    ...home,
    async [Symbol.asyncDispose]() {
      await home.stop(0);
      rmSync(data, { recursive: true, force: true });
    },
  };
}

async function heard(worker: Workerd, name: string): Promise<readonly string[]> {
  const { heard: texts } = (await remoteRuntime(worker).state(name)) as { heard?: string[] };
  return texts ?? [];
}

void test("a human writes to an agent in a Worker and gets a sealed answer", async () => {
  await using relay = await startRelay();
  await using worker = await startWorker(relay.url);
  await using ada = await human(relay.url);
  const runtime = remoteRuntime(worker);
  await ada.settle();
  const agent = await runtime.create({ name: "echo", type: "echo" });
  const key = decodeNpub(agent.id);
  await ada.publish(ada.letter(key, "Hello"));
  await until(() => ada.inbox.length === 1);
  assert.equal(ada.inbox[0]!.from, key);
  assert.equal(ada.inbox[0]!.text, "Hello, you say");
  for (const text of ["Hello", "you say"]) assert.equal(relay.stored().includes(text), false);

  const wanted = await runtime.get("wanted");
  await ada.publish(ada.letter(decodeNpub(wanted.id), "And you?"));
  await until(() => ada.inbox.length === 2);

  const said = await ada.find({ authors: [key] });
  assert.deepEqual(
    said.map(({ kind }) => kind).toSorted((a, b) => a - b),
    [0, 10_002, 10_050],
  );
  await runtime.send("echo", { payload: "In public" });
  await until(async () => (await ada.find({ authors: [key], kinds: [1] })).length === 1);
  const [note] = await ada.find({ authors: [key], kinds: [1] });
  assert.equal(verifyEvent(note!) && note.content, "In public");

  assert.equal((await runtime.verify("echo")).ok, true);
  // What the relays used its key for is on its own record.
  const rows = await runtime.log("echo", 0, 100);
  const uses = rows.flatMap(({ record }) => (JSON.parse(record) as TickRecord).keys ?? []);
  const byRelays = uses.filter((use) => use.for === "nostr").map(({ use }) => use);
  assert.deepEqual([...new Set(byRelays)].toSorted(), ["decrypt", "encrypt", "sign"]);
});

void test("agents of an agentd and of a Worker have each other do something over one relay", async () => {
  await using relay = await startRelay();
  await using worker = await startWorker(relay.url);
  await using home = await startHome(relay.url);
  const [here, there] = [home.runtime, remoteRuntime(worker)];
  const alice = await here.create({ name: "alice", type: "client" });
  const bob = await there.create({ name: "bob", type: "worker" });
  const carol = await there.create({ name: "carol", type: "client" });
  const dave = await here.create({ name: "dave", type: "worker" });
  assert.notEqual(alice.id, carol.id);
  await here.send("alice", { payload: { to: bob.id, task: "count" } });
  await there.send("carol", { payload: { to: dave.id, task: "sort" } });
  // Killed while somebody works or waits.
  await until(async () => {
    const [asked, asking] = await Promise.all([there.state("bob"), there.status("carol")]);
    return asked["done"] === 1 || asking.parked.length === 1;
  });
  await worker.kill();
  await worker.start();
  const answers = async (runtime: typeof there | typeof here, name: string): Promise<unknown> =>
    (await runtime.state(name))["answers"];
  await until(async () => String(await answers(here, "alice")) === "count: done");
  await until(async () => String(await answers(there, "carol")) === "sort: done");
  // What else there may be comes before the answer to a second task.
  await here.send("alice", { payload: { to: bob.id, task: "again" } });
  await until(async () => String(await answers(here, "alice")).includes("again"));
  assert.deepEqual(await answers(here, "alice"), ["count: done", "again: done"]);
  assert.equal((await there.state("bob"))["done"], 2);
  for (const name of ["bob", "carol"]) assert.equal((await there.verify(name)).ok, true);
  for (const text of ["count", "sort", "alice", "carol", "task"]) {
    assert.equal(relay.stored().includes(text), false, text);
  }
});

void test("nothing is lost or doubled when the Worker or the relay is killed", async () => {
  await using relay = await startRelay();
  await using worker = await startWorker(relay.url);
  const runtime = remoteRuntime(worker);
  const agent = await runtime.create({ name: "echo", type: "echo" });
  const key = decodeNpub(agent.id);
  const sent: string[] = [];
  const answered = new Map<string, string>();
  for (const fault of ["worker", "relay", "both"]) {
    await using ada = await human(relay.url);
    await ada.settle();
    const say = async (text: string): Promise<void> => {
      sent.push(text);
      await ada.publish(ada.letter(key, text));
    };
    for (let i = 0; i < 3; i += 1) await say(`${fault} ${i}`);
    // Something of it was read, and something may not be.
    await until(async () => (await heard(worker, "echo")).some((text) => text.startsWith(fault)));
    if (fault !== "relay") await worker.kill();
    await say(`${fault} gone`);
    if (fault !== "worker") {
      await relay.kill();
      await relay.start();
    }
    if (fault !== "relay") await worker.start();
    // Nobody asks the Worker for anything: it wakes by its alarm.
    await using again = await human(relay.url, ada.secret);
    await until(() => {
      for (const { id, text } of [...ada.inbox, ...again.inbox]) answered.set(id, text);
      return answered.size >= sent.length;
    });
  }
  assert.deepEqual(
    [...answered.values()].toSorted(),
    sent.map((text) => `${text}, you say`).toSorted(),
  );
  assert.deepEqual((await heard(worker, "echo")).toSorted(), sent.toSorted());
  assert.equal((await runtime.verify("echo")).ok, true);
});

void test("what nobody proved to have written reaches no agent of a Worker", async () => {
  await using relay = await startRelay();
  let lies: readonly Event[] = [];
  await using liar = await falseRelay({
    heard(message, say) {
      const [type, id, filter] = message as [string, string, { readonly "#p"?: unknown }];
      if (type !== "REQ" || filter["#p"] === undefined) return false;
      for (const lie of lies) say("EVENT", id, lie);
      say("EOSE", id);
      return true;
    },
  });
  await using worker = await startWorker(relay.url, liar.url);
  await using ada = await human(relay.url);
  const runtime = remoteRuntime(worker);
  const agent = await runtime.create({ name: "echo", type: "echo" });
  const key = decodeNpub(agent.id);
  const tags = [["p", key]];
  const note = ada.sign({ content: "a note", tags });
  const letter = ada.letter(key, "altered");
  // Sealed by Eve, and it says that Ada wrote it.
  const eve = generateSecretKey();
  const rumor = nip59.createRumor({ kind: 14, content: "not by Ada", tags }, eve);
  const seal = nip59.createSeal({ ...rumor, pubkey: ada.publicKey }, eve, key);
  await ada.publish(nip59.createWrap(seal, key));
  lies = [
    { ...note, sig: "0".repeat(128) },
    { ...note, content: "another note" },
    { ...letter, sig: "0".repeat(128) },
    { ...letter, content: nip59.createWrap(seal, key).content },
  ];
  // The liar has the true ones too: that it lied of them does not matter.
  await ada.publish(ada.letter(key, "true"));
  await until(async () => (await heard(worker, "echo")).length > 0);
  const asked = liar.of("REQ").length;
  await ada.publish(ada.letter(key, "true as well"));
  await until(async () => (await heard(worker, "echo")).length > 1);
  await until(() => liar.of("REQ").length > asked);
  // It is not connected while nothing happens, and comes back by itself.
  await until(() => liar.sockets.size === 0);
  await until(() => liar.sockets.size > 0);
  for (const reason of [/forged \d/, /impostor 1/]) await until(() => reason.test(worker.output()));
  assert.deepEqual(await heard(worker, "echo"), ["true", "true as well"]);
  const dead = await worker.fetch("/agents/echo/deadletter");
  assert.deepEqual(((await dead.json()) as { items: unknown[] }).items, []);
});

void test("an agent that moves to a Worker and back is written to by its npub wherever it is", async () => {
  await using relay = await startRelay();
  await using worker = await startWorker(relay.url);
  await using home = await startHome(relay.url);
  await using ada = await human(relay.url);
  await ada.settle();
  const [one, two] = [remoteRuntime(home), remoteRuntime(worker)];
  const { id } = await one.create({ name: "nomad", type: "echo" });
  const key = decodeNpub(id);
  const sent: string[] = [];
  const say = async (text: string): Promise<void> => {
    sent.push(text);
    await ada.publish(ada.letter(key, text));
  };
  const answered = (): readonly string[] => [
    ...new Map(ada.inbox.map((letter) => [letter.id, letter.text])).values(),
  ];
  await say("at home");
  await until(() => answered().length === 1);
  const moved = moveAgent({ from: one, to: two }, "nomad", { url: worker.url });
  await say("on the way");
  await moved;
  await say("in the Worker");
  await until(() => answered().length === 3);
  const back = moveAgent({ from: two, to: one }, "nomad", { url: home.url });
  await say("on the way back");
  await back;
  await say("at home again");
  await until(() => answered().length === 5);
  assert.deepEqual(answered().toSorted(), sent.map((text) => `${text}, you say`).toSorted());
  const { heard: texts } = await one.state("nomad");
  assert.deepEqual((texts as string[]).toSorted(), sent.toSorted());
  assert.equal((await one.verify("nomad")).ok, true);
});

void test("a Worker without the binding has no relays, and says so of what is published", async () => {
  await using relay = await startRelay();
  await using worker = await startWorkerd({
    entry: "test/cloudflare/relays.worker.ts",
    define: { RELAYS: relay.url },
  });
  const runtime = remoteRuntime(worker);
  await runtime.create({ name: "echo", type: "echo" });
  await runtime.send("echo", { payload: "In public" });
  await until(async () => {
    const dead = await worker.fetch("/agents/echo/deadletter");
    return /no relays here/.test(await dead.text());
  });
});
