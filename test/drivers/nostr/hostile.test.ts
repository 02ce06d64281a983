import assert from "node:assert/strict";
import { test } from "node:test";
import { finalizeEvent, generateSecretKey, getPublicKey, nip44 } from "nostr-tools";
import type { Event } from "nostr-tools";
import type { WebSocket } from "ws";
import type { Refusal } from "../../../src/drivers/nostr.ts";
import { falseRelay, isLive, rawOf } from "./false-relay.ts";
import type { FalseRelay, Say, Script } from "./false-relay.ts";
import { now } from "./human.ts";
import { home, place, texts, until } from "./setting.ts";
import type { Place } from "./setting.ts";

const DAY = 86_400;
const FLIPPED = /^(.{40})(.)/;

/** Somebody who wants no good; a client's own code would not make most of this. */
const secret = generateSecretKey();
const publicKey = getPublicKey(secret);

interface Wrapped {
  readonly to: string;
  /** Of the rumor. */
  readonly pubkey?: string;
  readonly text?: string;
  readonly sent?: number;
  readonly sealed?: number;
  readonly wrapped?: number;
  readonly kind?: number;
  readonly tags?: string[][];
  readonly sealTags?: string[][];
  /** Changes what is in the wrap, as text. */
  readonly inner?: (seal: string) => string;
  /** Changes the encrypted payload of the wrap. */
  readonly payload?: (payload: string) => string;
  /** Changes the encrypted payload of the seal. */
  readonly sealPayload?: (payload: string) => string;
}

/** A gift wrap with something wrong in it, rightly signed. */
function wrap(options: Wrapped): Event {
  const { to, pubkey = publicKey, text = "x", kind = 14, tags = [], sealTags = [] } = options;
  const { sent = now(), sealed = now(), wrapped = now() } = options;
  const same = (value: string): string => value;
  const { inner = same, payload = same, sealPayload = same } = options;
  const rumor = { kind, created_at: sent, tags: [["p", to]], content: text, pubkey };
  const key = nip44.getConversationKey(secret, to);
  const seal = finalizeEvent(
    {
      kind: 13,
      created_at: sealed,
      tags: sealTags,
      content: sealPayload(nip44.encrypt(JSON.stringify(withId(rumor)), key)),
    },
    secret,
  );
  const once = generateSecretKey();
  const content = payload(
    nip44.encrypt(inner(JSON.stringify(seal)), nip44.getConversationKey(once, to)),
  );
  return finalizeEvent(
    { kind: 1059, created_at: wrapped, tags: [["p", to], ...tags], content },
    once,
  );
}

function withId(rumor: Omit<Event, "id" | "sig">): object {
  // Only the id matters: whoever signs it is another.
  const { id } = finalizeEvent({ ...rumor }, secret);
  if (rumor.pubkey === publicKey) return { ...rumor, id };
  return { ...rumor, id: "f".repeat(64) };
}

function note(to: string, more: Partial<Event> = {}): Event {
  const template = { kind: 1, created_at: now(), tags: [["p", to]], content: "x", ...more };
  return finalizeEvent(template, secret);
}

/** A relay that says what a test wants it to, to whoever subscribes for what comes. */
async function speaking(
  speak: (say: (event: unknown) => void, socket: WebSocket, id: string) => void,
  script: Script = {},
): Promise<FalseRelay> {
  let spoken = false;
  return falseRelay({
    ...script,
    heard(message, say: Say, socket) {
      if (isLive(message)) {
        const id = message[1] as string;
        say("EOSE", id);
        if (!spoken) speak((event) => say("EVENT", id, event), socket, id);
        spoken = true;
        return true;
      }
      return script.heard?.(message, say, socket);
    },
  });
}

/** One bad event after the other, each beside a good one, which alone may be in the inbox. */
const BAD: readonly (readonly [what: string, Refusal, (to: string, at: Place) => unknown])[] = [
  ["a wrong signature", "forged", (to) => ({ ...note(to), sig: "0".repeat(128) })],
  ["other contents than were signed", "forged", (to) => ({ ...note(to), content: "y" })],
  ["another author than signed", "forged", (to) => ({ ...note(to), pubkey: "1".repeat(64) })],
  ["a zero key", "forged", (to) => ({ ...note(to), pubkey: "0".repeat(64) })],
  ["a key on no curve", "forged", (to) => ({ ...note(to), pubkey: "f".repeat(64) })],
  ["a gift wrap of a zero key", "forged", (to) => ({ ...wrap({ to }), pubkey: "0".repeat(64) })],
  [
    "a gift wrap that was altered",
    "forged",
    (to) => ({ ...wrap({ to }), created_at: now() - 100 }),
  ],
  ["an event without its members", "garbage", (to) => ({ ...note(to), tags: undefined })],
  ["an id that is none", "garbage", (to) => ({ ...note(to), id: "" })],
  ["no event", "garbage", () => "event"],
  ["too long an event", "oversized", (to) => note(to, { content: "x".repeat(600_000) })],
  [
    "a note that expired",
    "expired",
    (to) =>
      note(to, {
        tags: [
          ["p", to],
          ["expiration", "9"],
        ],
      }),
  ],
  ["a gift wrap that expired", "expired", (to) => wrap({ to, tags: [["expiration", "9"]] })],
  ["a note of tomorrow", "future", (to) => note(to, { created_at: now() + DAY })],
  ["a gift wrap of tomorrow", "future", (to) => wrap({ to, wrapped: now() + DAY })],
  ["a seal of tomorrow", "future", (to) => wrap({ to, sealed: now() + DAY })],
  ["a rumor of tomorrow", "future", (to) => wrap({ to, sent: now() + DAY })],
  ["a note of last year", "stale", (to) => note(to, { created_at: now() - 365 * DAY })],
  ["a gift wrap of last year", "stale", (to) => wrap({ to, wrapped: now() - 365 * DAY })],
  ["a rumor of last year", "stale", (to) => wrap({ to, sent: now() - 365 * DAY })],
  ["the beginning of time", "stale", (to) => wrap({ to, sent: 0, sealed: 0, wrapped: 0 })],
  ["another sender than sealed it", "impostor", (to) => wrap({ to, pubkey: "1".repeat(64) })],
  ["the agent itself as sender", "impostor", (to) => wrap({ to, pubkey: to })],
  ["a seal that was altered", "impostor", (to) => wrap({ to, inner: altered })],
  ["a seal of a zero key", "impostor", (to) => wrap({ to, inner: zeroKey })],
  ["no payload", "sealed", (to) => wrap({ to, payload: () => "" })],
  ["a short payload", "sealed", (to) => wrap({ to, payload: (text) => text.slice(0, -8) })],
  ["a flipped payload", "sealed", (to) => wrap({ to, payload: flipped })],
  ["a payload of another version", "sealed", (to) => wrap({ to, payload: () => "#v9" })],
  ["a flipped payload of the seal", "sealed", (to) => wrap({ to, sealPayload: flipped })],
  ["a payload for another key", "sealed", (to) => ({ ...forOther(to) })],
  ["a seal that is no JSON", "malformed", (to) => wrap({ to, inner: () => "seal" })],
  ["a seal of another kind", "malformed", (to) => wrap({ to, inner: () => '{"kind":1}' })],
  ["a seal with tags", "malformed", (to) => wrap({ to, sealTags: [["p", to]] })],
  ["a rumor that is no message", "malformed", (to) => wrap({ to, kind: 7 })],
  ["an event for nobody here", "foreign", () => note("1".repeat(64))],
  ["a kind that wakes nobody", "kind", (to) => note(to, { kind: 7 })],
  [
    "an old message that cannot be read",
    "sealed",
    (to) => note(to, { kind: 4, content: "x?iv=y" }),
  ],
];

function altered(seal: string): string {
  return JSON.stringify({ ...(JSON.parse(seal) as Event), created_at: now() - 100 });
}

function zeroKey(seal: string): string {
  return JSON.stringify({ ...(JSON.parse(seal) as Event), pubkey: "0".repeat(64) });
}

/** One bit, in the middle of the ciphertext. */
function flipped(payload: string): string {
  return payload.replace(
    FLIPPED,
    (_, head: string, one: string) => head + (one === "A" ? "B" : "A"),
  );
}

function forOther(to: string): Event {
  const other = getPublicKey(generateSecretKey());
  const { kind, created_at, content } = wrap({ to: other });
  return finalizeEvent({ kind, created_at, content, tags: [["p", to]] }, generateSecretKey());
}

for (const [what, reason, make] of BAD) {
  void test(`${what}: is dropped and counted as "${reason}"`, async () => {
    const at = place();
    const to = at.agents[0]!.publicKey;
    await using relay = await speaking((say) => {
      say(make(to, at));
      say(wrap({ to, text: "good" }));
    });
    await using it = await home([relay.url], { at });
    await until(() => at.mail.length > 0);
    assert.deepEqual(texts(at.mail), ["good"]);
    assert.equal(it.refused(reason), 1, JSON.stringify(it.driver.metrics().refused));
    assert.equal(it.driver.metrics().relays[0]!.connections, 1);
  });
}

void test("an event that a relay says again and again is taken once", async () => {
  const at = place();
  const event = wrap({ to: at.agents[0]!.publicKey, text: "once" });
  await using relay = await speaking((say) => {
    for (let i = 0; i < 50; i += 1) say(event);
  });
  await using it = await home([relay.url], { at });
  await until(() => it.refused("replayed") === 49);
  assert.deepEqual(texts(at.mail), ["once"]);
});

void test("a message in another gift wrap is known by its own id", async () => {
  const at = place();
  const to = at.agents[0]!.publicKey;
  const sent = now() - 5;
  await using relay = await speaking((say) => {
    for (let i = 0; i < 3; i += 1) say(wrap({ to, text: "once", sent }));
  });
  await using it = await home([relay.url], { at });
  await until(() => it.driver.metrics().repeated === 2);
  assert.deepEqual(texts(at.mail), ["once"]);
});

void test("a forged event does not use up the id of the true one", async () => {
  const at = place();
  const event = wrap({ to: at.agents[0]!.publicKey, text: "true" });
  await using relay = await speaking((say) => {
    say({ ...event, sig: "0".repeat(128) });
    say(event);
  });
  await using it = await home([relay.url], { at });
  await until(() => at.mail.length === 1);
  assert.equal(it.refused("forged"), 1);
});

void test("a relay that sends garbage is borne for a while, and then left for a while", async () => {
  const at = place();
  await using relay = await speaking((_, socket) => {
    socket.send(Buffer.from([1, 2, 3]));
    for (const text of ["", "{", "[]", "[1]", '["EVENT"]', '["OK","x"]', "null", '["WHAT",1]']) {
      socket.send(text);
    }
  });
  await using it = await home([relay.url], { at, limits: { refusals: 20 } });
  await until(() => it.refused("garbage") === 9);
  assert.equal(it.refused("flood"), 0);

  await using worse = await falseRelay({
    opened: (_, socket) => {
      for (let i = 0; i < 100; i += 1) socket.send("garbage");
    },
  });
  await using other = await home([worse.url], { limits: { refusals: 20 } });
  await until(() => other.refused("flood") >= 1);
  assert.match(String(other.driver.metrics().relays[0]!.ended), /refused/);
});

void test("a relay that sends what nobody asked for is left", async () => {
  const at = place();
  const to = at.agents[0]!.publicKey;
  await using relay = await falseRelay({
    opened(say) {
      for (let i = 0; i < 30; i += 1) say("EVENT", "mine", wrap({ to }));
    },
  });
  await using it = await home([relay.url], { at, limits: { refusals: 20 } });
  await until(() => it.refused("flood") >= 1);
  assert.deepEqual(at.mail, []);
});

void test("a relay that sends faster than mail can be stored is read again, and nothing is lost", async () => {
  const at = place();
  const to = at.agents[0]!.publicKey;
  const events = Array.from({ length: 60 }, (_, i) =>
    wrap({ to, text: `n${i}`, sent: now() - 100 + i }),
  );
  let flooded = false;
  const slow = at.sink;
  at.sink = async (mail) => {
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    return slow(mail);
  };
  await using relay = await falseRelay({
    heard(message, say) {
      const [type, id, filter] = message as [string, string, { readonly until?: number }];
      if (type !== "REQ") return undefined;
      const { until: end } = filter;
      // Once it says all at once as new; from then on it has that stored.
      if (flooded && end !== undefined) {
        for (const event of events) if (event.created_at <= end) say("EVENT", id, event);
      }
      say("EOSE", id);
      if (!isLive(message) || flooded) return true;
      setTimeout(() => {
        for (const event of events) say("EVENT", id, event);
        flooded = true;
      }, 100);
      return true;
    },
  });
  await using it = await home([relay.url], { at, limits: { waiting: 20 } });
  await until(() => it.refused("overflow") === 1);
  await until(() => at.mail.length === events.length);
  assert.deepEqual(new Set(texts(at.mail)), new Set(events.map((_, i) => `n${i}`)));
  assert.equal(it.driver.metrics().relays[0]!.connections, 2);
});

void test("a relay that stalls is left and tried again", async () => {
  const at = place();
  const to = at.agents[0]!.publicKey;
  let opened = 0;
  await using relay = await speaking((say) => say(wrap({ to, text: "good" })), {
    opened: () => (opened += 1),
    // The first time it answers nothing.
    heard: ([type]) => opened === 1 || type === "CLOSE",
  });
  // `speaking` answers subscriptions for what comes; all else has no answer.
  await using it = await home([relay.url], { at, limits: { patience: 100, quiet: 100 } });
  await until(() => it.driver.metrics().relays[0]!.connections > 1);
  assert.ok(it.refused("stalled") >= 1);
});

void test("a relay that never lets a connection open is tried again", async () => {
  const { createServer } = await import("node:net");
  let sockets = 0;
  const server = createServer(() => (sockets += 1)).listen(0, "127.0.0.1");
  await until(() => server.listening);
  const { port } = server.address() as { readonly port: number };
  await using it = await home([`ws://127.0.0.1:${port}`], { limits: { patience: 50 } });
  await until(() => sockets > 2);
  assert.equal(it.driver.metrics().relays[0]!.connected, false);
  server.close();
});

void test("a relay that closes in the middle of a message is read again", async () => {
  const at = place();
  const to = at.agents[0]!.publicKey;
  const good = wrap({ to, text: "good" });
  let lives = 0;
  await using relay = await falseRelay({
    heard(message, say, socket) {
      if (!isLive(message)) return undefined;
      lives += 1;
      if (lives > 1) {
        say("EVENT", message[1], good);
        return undefined;
      }
      const raw = rawOf(socket);
      // A text frame of 4 KiB, of which some bytes come.
      raw.write(Buffer.from([0x81, 0x7e, 0x10, 0x00, ...Buffer.from('["EVENT"')]), () => {
        raw.destroy();
      });
      return true;
    },
  });
  await using it = await home([relay.url], { at });
  await until(() => at.mail.length === 1);
  assert.deepEqual(texts(at.mail), ["good"]);
  assert.ok(it.driver.metrics().relays[0]!.connections > 1);
});
