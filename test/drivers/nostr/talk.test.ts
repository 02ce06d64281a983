import assert from "node:assert/strict";
import { test } from "node:test";
import { nip04, verifyEvent } from "nostr-tools";
import { startRelay } from "../../../scripts/relay.ts";
import type { Json } from "../../../src/core/json.ts";
import { human, now } from "./human.ts";
import { agent, envelope, home, place, texts, until } from "./setting.ts";

type Named = Readonly<Record<string, Json>>;

void test("nostrDriver() takes a direct message of another client and answers it sealed", async () => {
  await using relay = await startRelay();
  await using it = await home([relay.url]);
  await using ada = await human(relay.url);
  const [agent] = it.agents;
  await it.driver.caughtUp();
  await ada.settle();
  await ada.publish(ada.letter(agent!.publicKey, "Do you hear me?"));
  await until(() => it.mail.length === 1);
  const [letter] = it.mail;
  assert.equal(letter!.from, ada.npub);
  assert.equal(letter!.to, agent!.id);
  assert.equal(letter!.type, "message");
  assert.equal(letter!.payload, "Do you hear me?");
  const answer = envelope(agent!, ada.npub, { replyTo: letter!.id, payload: "I do." });
  await until(async () => (await it.driver.carrier.deliver([answer]))[0] === "accepted");
  await until(() => ada.inbox.length === 1);
  const [got] = ada.inbox;
  assert.equal(got!.from, agent!.publicKey);
  assert.equal(got!.text, "I do.");
  const written = letter!.id.split(":").at(-1)!;
  assert.deepEqual(
    got!.tags.find(([name]) => name === "e"),
    ["e", written, "", "reply"],
  );
  for (const text of ["Do you hear me", "I do."]) {
    assert.equal(relay.stored().includes(text), false);
  }
});

void test("nostrDriver() takes mentions and job requests, and answers them in public", async () => {
  await using relay = await startRelay();
  await using it = await home([relay.url]);
  await using ada = await human(relay.url);
  const [agent] = it.agents;
  await it.driver.caughtUp();
  const tags = [["p", agent!.publicKey]];
  const note = ada.sign({ content: "What do you think?", tags });
  const input = ["i", "a long text", "text"];
  const job = ada.sign({ kind: 5001, tags: [...tags, input, ["param", "length", "5"]] });
  await ada.publish(note);
  await ada.publish(job);
  await until(() => it.mail.length === 2);
  const [mention, request] = it.mail.toSorted((a) => (a.type === "mention" ? -1 : 1));
  assert.equal(mention!.type, "mention");
  assert.equal(mention!.from, ada.npub);
  assert.equal((mention!.payload as Named)["text"], "What do you think?");
  assert.equal(request!.type, "request");
  assert.equal((request!.payload as Named)["text"], "a long text");
  assert.deepEqual((request!.payload as Named)["params"], { length: ["5"] });

  const replies = [
    envelope(agent!, ada.npub, { replyTo: mention!.id, payload: "A lot." }),
    envelope(agent!, ada.npub, { replyTo: request!.id, payload: "short", type: "response" }),
  ];
  await until(async () => {
    const receipts = await it.driver.carrier.deliver(replies);
    return receipts.every((receipt) => receipt === "accepted");
  });
  const said = await ada.find({ authors: [agent!.publicKey], kinds: [1, 6001] });
  const [answer, result] = said.toSorted((a, b) => a.kind - b.kind);
  assert.equal(verifyEvent(answer!) && verifyEvent(result!), true);
  assert.equal(answer!.content, "A lot.");
  assert.deepEqual(answer!.tags[0], ["e", note.id, "", "root"]);
  assert.equal(result!.content, "short");
  assert.deepEqual(
    result!.tags.map(([name]) => name),
    ["request", "i", "e", "p"],
  );
  assert.equal(result!.tags.at(-1)![1], ada.publicKey);
});

void test("nostrDriver() says where its agents read, and who they are, once and to newcomers", async () => {
  await using relay = await startRelay();
  const at = place();
  const poet = agent({ name: "poet", bot: true });
  at.agents.push(poet);
  await using it = await home([relay.url], { at });
  await using ada = await human(relay.url);
  await until(() => at.announced.size === 2);
  const said = await ada.find({ authors: [poet.publicKey] });
  const byKind = new Map(said.map((event) => [event.kind, event]));
  assert.deepEqual(byKind.get(10_050)?.tags, [["relay", relay.url]]);
  assert.deepEqual(byKind.get(10_002)?.tags, [["r", relay.url]]);
  assert.deepEqual(JSON.parse(byKind.get(0)!.content), { name: "poet", bot: true });
  assert.equal((await ada.find({ kinds: [0], authors: [at.agents[0]!.publicKey] })).length, 0);

  const newcomer = agent();
  await it.driver.caughtUp();
  it.settle(newcomer);
  await until(() => at.announced.size === 3);
  await ada.publish(ada.letter(newcomer.publicKey, "Welcome"));
  await until(() => it.mail.length === 1);
  assert.equal(it.mail[0]!.to, newcomer.id);

  const { published } = it.driver.metrics();
  await it.stop();
  await using again = await home([relay.url], { at });
  await again.driver.caughtUp();
  await until(() => again.driver.metrics().relays[0]!.connected);
  assert.equal(published, 3 + 2 + 2);
  assert.equal(again.driver.metrics().published, 0);
});

void test("nostrDriver() reads an old direct message, and answers it with one of NIP-17", async () => {
  // Such a relay gives kind 4 only to whom it is for.
  await using relay = await startRelay({ auth: true });
  await using it = await home([relay.url]);
  await using ada = await human(relay.url);
  const [agent] = it.agents;
  await it.driver.caughtUp();
  await ada.settle();
  const content = nip04.encrypt(ada.secret, agent!.publicKey, "an old client");
  await ada.publish(ada.sign({ kind: 4, content, tags: [["p", agent!.publicKey]] }));
  await until(() => it.mail.length === 1);
  const [letter] = it.mail;
  assert.deepEqual([letter!.payload, letter!.headers], ["an old client", { encryption: "nip04" }]);
  const answer = envelope(agent!, ada.npub, { replyTo: letter!.id, payload: "a new one" });
  await until(async () => (await it.driver.carrier.deliver([answer]))[0] === "accepted");
  await until(() => ada.inbox.length === 1);
  assert.equal(ada.inbox[0]!.text, "a new one");
  assert.deepEqual(await ada.find({ kinds: [4], authors: [agent!.publicKey] }), []);
});

void test("nostrDriver() takes what several relays have once, and goes on without one of them", async () => {
  await using one = await startRelay();
  await using two = await startRelay();
  await using it = await home([one.url, two.url]);
  await using ada = await human(one.url);
  await using adaAtTwo = await human(two.url);
  const [agent] = it.agents;
  await it.driver.caughtUp();
  const wrap = ada.letter(agent!.publicKey, "to both");
  await ada.publish(wrap);
  await adaAtTwo.publish(wrap);
  const after = ada.letter(agent!.publicKey, "to the second");
  await adaAtTwo.publish(after);
  await until(() => it.mail.length === 2 && it.refused("replayed") >= 1);
  assert.deepEqual(texts(it.mail), ["to both", "to the second"]);
  await one.kill();
  await adaAtTwo.publish(ada.letter(agent!.publicKey, "without the first"));
  await until(() => it.mail.length === 3);
  await adaAtTwo.publish(ada.sign({ kind: 10_050, tags: [["relay", two.url]] }));
  const answer = envelope(agent!, ada.npub, { payload: "heard" });
  await until(async () => (await it.driver.carrier.deliver([answer]))[0] === "accepted");
});

void test("nostrDriver() goes on after a relay was gone, with no gap and nothing twice", async () => {
  await using relay = await startRelay();
  const at = place();
  const first = await home([relay.url], { at });
  await using ada = await human(relay.url);
  const [agent] = at.agents;
  await first.driver.caughtUp();
  const say = (text: string, i: number) =>
    ada.publish(ada.letter(agent!.publicKey, text, { created_at: now() - 30 + i }));
  await say("a", 0);
  await until(() => at.mail.length === 1);
  await relay.kill();
  await until(() => !first.driver.metrics().relays[0]!.connected);
  await relay.start();
  await using bob = await human(relay.url);
  await bob.publish(ada.letter(agent!.publicKey, "b", { created_at: now() - 29 }));
  await until(() => at.mail.length === 2);
  await until(() => first.driver.metrics().relays[0]!.caughtUp);
  await first.stop();
  await bob.publish(ada.letter(agent!.publicKey, "c", { created_at: now() - 28 }));
  await using second = await home([relay.url], { at });
  await second.driver.caughtUp();
  assert.deepEqual(texts(at.mail), ["a", "b", "c"]);
});
