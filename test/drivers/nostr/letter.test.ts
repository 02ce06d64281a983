import assert from "node:assert/strict";
import { test } from "node:test";
import type { Envelope } from "../../../src/core/envelope.ts";
import { envelopeOf, rumorFor } from "../../../src/drivers/nostr/letter.ts";
import { jobOf, mentionOf, publicReply } from "../../../src/drivers/nostr/public-event.ts";
import { rumorOf } from "../../../src/identity/nip59.ts";
import { agent, envelope } from "./setting.ts";

const [alice, bob] = [agent(), agent()];
const keys = { from: alice.publicKey, to: bob.publicKey };
const ids = { from: alice.id, to: bob.id };
const SECRET = 'Cannot read "/srv/agents/keys": connection to 10.1.2.3 refused';

function through(sent: Envelope): Envelope {
  return envelopeOf(rumorFor(sent, keys), ids);
}

void test("envelopeOf() gives what rumorFor() was given, from one runtime to another", () => {
  const all = {
    type: "request",
    payload: { text: "x", n: 1 },
    traceId: "t",
    seq: 7,
    expiresAt: Date.now() + 60_000,
    headers: { topic: "a" },
  } as const;
  const sent = envelope(alice, bob.id, all);
  assert.deepEqual(through(sent), { ...sent, source: "nostr" });
  const answer = envelope(alice, bob.id, { type: "response", replyTo: sent.id, payload: null });
  assert.deepEqual(through(answer), { ...answer, source: "nostr" });
});

void test("envelopeOf() takes the kernel's own headers off, whatever a stranger writes there", () => {
  const head = {
    id: crypto.randomUUID(),
    type: "message",
    headers: { hops: "900000", error: "DENIED", alarm: "x", topic: "a" },
  };
  const tags = [["openagents", JSON.stringify(head)]];
  const rumor = rumorOf({ kind: 14, created_at: 1, tags, content: "x" }, alice.publicKey);
  assert.deepEqual(envelopeOf(rumor, ids).headers, { topic: "a" });
  const event = { ...rumor, sig: "" };
  assert.equal(mentionOf(event, ids).headers, undefined);
  assert.equal(jobOf({ ...event, kind: 5000 }, ids).headers, undefined);
});

void test("rumorFor() carries the count of hops, and no other of the kernel's own headers", () => {
  const headers = { hops: "3", alarm: "x", topic: "a" };
  const rumor = rumorFor(envelope(alice, bob.id, { headers }), keys);
  assert.equal(JSON.stringify(rumor).includes("alarm"), false);
  assert.deepEqual(envelopeOf(rumor, ids).headers, { topic: "a", hops: "3" });
  // Whoever wrote with an ordinary client gets plain text.
  const written = `nostr:14:${"a".repeat(64)}`;
  const plain = rumorFor(envelope(alice, bob.id, { headers, replyTo: written }), keys);
  assert.equal(JSON.stringify(plain).includes("hops"), false);
});

void test("envelopeOf() takes a count of hops that is a whole number, up to a million", () => {
  const read = (hops: unknown): unknown => {
    const head = { id: crypto.randomUUID(), type: "message", hops };
    const tags = [["openagents", JSON.stringify(head)]];
    const rumor = rumorOf({ kind: 14, created_at: 1, tags, content: "x" }, alice.publicKey);
    return envelopeOf(rumor, ids).headers?.["hops"];
  };
  assert.deepEqual([1, 1_000_000].map(read), ["1", "1000000"]);
  const wrong = [0, -1, 1.5, 1_000_001, "7", null, [3], {}, true];
  assert.deepEqual(
    wrong.map(read),
    wrong.map(() => undefined),
  );
  const far = rumorFor(envelope(alice, bob.id, { headers: { hops: "2000000" } }), keys);
  assert.equal(envelopeOf(far, ids).headers?.["hops"], "1000000");
});

void test("rumorFor() and publicReply() say the code of an error and not its text", () => {
  const failed = { type: "response", payload: SECRET, headers: { error: "REMOTE" } } as const;
  const answer = envelope(alice, bob.id, { ...failed, replyTo: crypto.randomUUID() });
  assert.equal(JSON.stringify(rumorFor(answer, keys)).includes("/srv"), false);
  const { type, payload, headers } = through(answer);
  assert.deepEqual(
    [type, payload, headers],
    ["response", "It failed: REMOTE", { error: "REMOTE" }],
  );

  const written = `nostr:14:${"a".repeat(64)}`;
  const plain = rumorFor(envelope(alice, bob.id, { ...failed, replyTo: written }), keys);
  assert.equal(plain.content, "It failed: REMOTE");

  for (const kind of [1, 5000]) {
    const original = { ...rumorOf({ kind, created_at: 1, tags: [], content: "" }, bob.publicKey) };
    const reply = publicReply(envelope(alice, bob.id, failed), { ...original, sig: "" });
    assert.equal(JSON.stringify(reply).includes("/srv"), false);
    assert.equal(reply?.content, "It failed: REMOTE");
  }
  const odd = envelope(alice, bob.id, { ...failed, headers: { error: SECRET } });
  assert.equal(JSON.stringify(rumorFor(odd, keys)).includes("/srv"), false);
});

void test("envelopeOf() takes an error only in a response, and only a code", () => {
  const read = (head: object): Envelope => {
    const tags = [["openagents", JSON.stringify({ id: crypto.randomUUID(), ...head })]];
    return envelopeOf(
      rumorOf({ kind: 14, created_at: 1, tags, content: "x" }, alice.publicKey),
      ids,
    );
  };
  assert.equal(read({ type: "message", error: "DENIED" }).headers, undefined);
  assert.deepEqual(read({ type: "response", error: "DENIED" }).headers, { error: "DENIED" });
  assert.throws(() => read({ type: "response", error: "no code" }), { code: "INVALID" });
});
