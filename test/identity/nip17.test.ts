import assert from "node:assert/strict";
import { test } from "node:test";

import * as tools from "nostr-tools/nip17";
import type { NostrEvent as ToolsEvent } from "nostr-tools/core";

import type { NostrEvent } from "../../src/identity/event.ts";
import { memorySigner } from "../../src/identity/memory-signer.ts";
import {
  directMessage,
  dmRelays,
  dmRelaysTemplate,
  readDirectMessage,
  wrapDirectMessage,
} from "../../src/identity/nip17.ts";
import { decodeNsec } from "../../src/identity/nip19.ts";
import { rumorOf, unwrap } from "../../src/identity/nip59.ts";
import { jsonVectors, NOW, SECONDS, secretOf, seeded, someone, wasm } from "./setting.ts";

const [alice, bob, carol] = [someone(1), someone(2), someone(3)] as const;
const options = { now: NOW, random: seeded(4), secp: wasm };
const ID = "c".repeat(64);

void test("unwrap() and readDirectMessage() read the example of NIP-17 from both ends", async () => {
  interface Example {
    readonly sender: string;
    readonly receiver: string;
    readonly text: string;
    readonly toReceiver: NostrEvent;
    readonly toSender: NostrEvent;
  }
  const example = jsonVectors("nip17-example.json") as Example;
  const sender = memorySigner(decodeNsec(example.sender), { secp: wasm });
  const receiver = memorySigner(decodeNsec(example.receiver), { secp: wasm });
  // Both were dated back.
  const opening = { now: (example.toReceiver.created_at + 2 * 86_400) * 1000, secp: wasm };
  const there = readDirectMessage((await unwrap(receiver, example.toReceiver, opening)).rumor);
  assert.equal(there.text, example.text);
  assert.equal(there.from, sender.publicKey);
  assert.deepEqual(there.to, [receiver.publicKey]);
  const here = readDirectMessage((await unwrap(sender, example.toSender, opening)).rumor);
  assert.deepEqual(here, there);
});

void test("a direct message reaches each recipient and the sender's other clients, and is one", async () => {
  const message = {
    text: "hello",
    to: [bob.publicKey, carol.publicKey],
    subject: "greetings",
    replyTo: ID,
  };
  const rumor = directMessage(message, alice.publicKey, NOW);
  const wrapped = await wrapDirectMessage(alice, rumor, options);
  assert.deepEqual(
    wrapped.map(({ to }) => to),
    [bob.publicKey, carol.publicKey, alice.publicKey],
  );
  for (const [i, who] of [bob, carol, alice].entries()) {
    const opened = await unwrap(who, wrapped[i]!.event, { now: NOW, secp: wasm });
    assert.deepEqual(readDirectMessage(opened.rumor), {
      ...message,
      kind: 14,
      id: rumor.id,
      from: alice.publicKey,
      sentAt: SECONDS,
    });
  }
});

void test("nostr-tools reads our direct messages, and we read its", async () => {
  const rumor = directMessage({ text: "hé 😀", to: [bob.publicKey] }, alice.publicKey, NOW);
  for (const { to, event } of await wrapDirectMessage(alice, rumor, options)) {
    const secret = to === bob.publicKey ? secretOf(2) : secretOf(1);
    assert.deepEqual(tools.unwrapEvent(event as ToolsEvent, secret), rumor);
  }
  const theirs = tools.wrapEvent(
    secretOf(2),
    { publicKey: alice.publicKey, relayUrl: "wss://relay.example" },
    "bonjour",
    "topic",
    { eventId: ID, relayUrl: "wss://relay.example" },
  );
  const opened = await unwrap(alice, theirs, { now: Date.now(), secp: wasm });
  const { text, from, to, subject, replyTo } = readDirectMessage(opened.rumor);
  assert.deepEqual(
    { text, from, to, subject, replyTo },
    {
      text: "bonjour",
      from: bob.publicKey,
      to: [alice.publicKey],
      subject: "topic",
      replyTo: ID,
    },
  );
});

void test("readDirectMessage() passes over tags that are none, and refuses other kinds", () => {
  const tags = [
    ["p", bob.publicKey, "wss://relay.example"],
    ["p", bob.publicKey],
    ["p", alice.publicKey],
    ["p", "npub1"],
    ["p"],
    [],
    ["e", "not an id"],
    ["e", "a".repeat(64), "", "root"],
    ["e", ID, "", "reply"],
  ];
  const template = { kind: 14, created_at: SECONDS, tags, content: "x" };
  const read = readDirectMessage(rumorOf(template, alice.publicKey));
  assert.deepEqual([read.to, read.replyTo, read.subject], [[bob.publicKey], ID, undefined]);
  const file = rumorOf({ ...template, kind: 15, content: "https://x.example" }, alice.publicKey);
  assert.equal(readDirectMessage(file).kind, 15);
  for (const kind of [1, 4, 13, 16, 1059]) {
    const other = rumorOf({ ...template, kind }, alice.publicKey);
    assert.throws(() => readDirectMessage(other), { code: "INVALID" });
  }
});

void test("directMessage() refuses recipients that are none, and too many", () => {
  const key = (i: number): string => i.toString(16).padStart(64, "0");
  const refuse = (to: readonly string[], text = "x"): void =>
    assert.throws(() => directMessage({ text, to }, alice.publicKey, NOW), { code: "INVALID" });
  refuse([]);
  refuse([""]);
  refuse([bob.publicKey, "npub1"]);
  refuse(Array.from({ length: 101 }, (_, i) => key(i)));
  refuse([bob.publicKey], "\ud800");
  const many = Array.from({ length: 100 }, (_, i) => key(i));
  assert.equal(directMessage({ text: "x", to: many }, alice.publicKey, NOW).tags.length, 100);
  const twice = { text: "x", to: [bob.publicKey, bob.publicKey] };
  assert.equal(directMessage(twice, alice.publicKey, NOW).tags.length, 1);
});

void test("dmRelays() gives what dmRelaysTemplate() says, and passes over what is no relay", () => {
  const relays = ["wss://a.example/", "ws://b.example:7777/x"];
  const template = dmRelaysTemplate(relays, NOW);
  assert.deepEqual([template.kind, template.created_at], [10_050, SECONDS]);
  assert.deepEqual(dmRelays(template), relays);
  const tags = [
    ["relay", "https://no.example"],
    ["relay", "wss://"],
    ["relay", "wss://no relay"],
    ["relay"],
    ["r", "wss://other.example"],
    ["relay", "wss://a.example/"],
    ["relay", "wss://a.example/"],
    ...Array.from({ length: 20 }, (_, i) => ["relay", `wss://many-${i}.example`]),
  ];
  const found = dmRelays({ kind: 10_050, tags });
  assert.equal(found[0], "wss://a.example/");
  assert.equal(found.length, 10);
  assert.deepEqual(dmRelays({ kind: 10_050, tags: [] }), []);
  assert.throws(() => dmRelays({ kind: 10_002, tags }), { code: "INVALID" });
  assert.throws(() => dmRelaysTemplate(["https://no.example"], NOW), { code: "INVALID" });
});
