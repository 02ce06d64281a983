import assert from "node:assert/strict";
import { test } from "node:test";
import type { WebSocket } from "ws";
import { startRelay } from "../../../scripts/relay.ts";
import type { Envelope } from "../../../src/core/envelope.ts";
import type { Receipt } from "../../../src/core/ports/index.ts";
import { systemClock } from "../../../src/core/system.ts";
import { unwrap } from "../../../src/identity/nip59.ts";
import type { NostrEvent } from "../../../src/identity/event.ts";
import { falseRelay } from "./false-relay.ts";
import type { FalseRelay, Say, Script } from "./false-relay.ts";
import { agent, envelope, home, place, secp, until } from "./setting.ts";
import type { Home, TestAgent } from "./setting.ts";

type Said = readonly unknown[];

/** A relay that knows where somebody reads. */
function knowing(reader: TestAgent, relays: () => readonly string[], script: Script = {}): Script {
  return {
    ...script,
    heard(message, say, socket) {
      const [type, id, filter] = message as [string, string, { readonly kinds?: number[] }];
      if (type === "REQ" && filter.kinds?.[0] === 10_050) {
        const tags = relays().map((url) => ["relay", url]);
        const template = { kind: 10_050, created_at: 1, tags, content: "" };
        void reader.signer.signEvent(template).then((event) => {
          say("EVENT", id, event);
          say("EOSE", id);
        });
        return true;
      }
      return script.heard?.(message, say, socket);
    },
  };
}

async function connected(it: Home): Promise<void> {
  await until(() => it.driver.metrics().relays.every((relay) => relay.connected));
}

function wraps(relay: FalseRelay): readonly NostrEvent[] {
  const events = relay.of("EVENT").map(([, event]) => event as NostrEvent);
  return events.filter(({ kind }) => kind === 1059);
}

async function opened(reader: TestAgent, wrap: NostrEvent): Promise<string> {
  const { rumor } = await unwrap(reader.signer, wrap, { now: Date.now(), secp });
  return rumor.content;
}

/** Delivers as the courier does: what is busy blocks what comes after it, and all is tried again. */
async function courier(it: Home, mail: readonly Envelope[]): Promise<readonly Receipt[]> {
  const receipts = new Map<Envelope, Receipt>();
  await until(async () => {
    const left = mail.filter((one) => !receipts.has(one));
    const now = await it.driver.carrier.deliver(left);
    left.forEach((one, i) => now[i] !== "busy" && receipts.set(one, now[i]!));
    return receipts.size === mail.length;
  });
  return mail.map((one) => receipts.get(one)!);
}

void test("a late refusal of one message does not let the next one pass it", async () => {
  const reader = agent();
  const accepted: NostrEvent[] = [];
  let events = 0;
  await using relay = await falseRelay(
    knowing(reader, () => [relay.url], {
      heard([type, event]: Said, say) {
        const { id, kind } = event as NostrEvent;
        if (type !== "EVENT" || kind !== 1059) return undefined;
        events += 1;
        const first = events === 1;
        // Later than the courier waits.
        const answer = (): void => {
          if (!first) accepted.push(event as NostrEvent);
          say("OK", id, !first, first ? "error: try again" : "");
        };
        setTimeout(answer, first ? 400 : 0);
        return true;
      },
    }),
  );
  await using it = await home([relay.url]);
  await connected(it);
  const [sender] = it.agents;
  const [one, two] = ["one", "two"].map((payload) => envelope(sender!, reader.id, { payload }));
  assert.deepEqual(await it.driver.carrier.deliver([one!]), ["busy"]);
  // Until the relay has said no.
  await until(() => it.driver.metrics().declined === 1);
  await courier(it, [one!, two!]);
  const texts = await Promise.all(accepted.map((wrap) => opened(reader, wrap)));
  assert.deepEqual(texts, ["one", "two"]);
});

void test("what arrives after the courier stopped waiting is told at once", async () => {
  const reader = agent();
  let told = 0;
  await using relay = await falseRelay(
    knowing(reader, () => [relay.url], {
      heard([type, event]: Said, say) {
        const { id, kind } = event as NostrEvent;
        if (type !== "EVENT" || kind !== 1059) return undefined;
        setTimeout(() => say("OK", id, true, ""), 400);
        return true;
      },
    }),
  );
  await using it = await home([relay.url], { carried: () => (told += 1) });
  await connected(it);
  told = 0;
  const letter = envelope(it.agents[0]!, reader.id);
  assert.deepEqual(await it.driver.carrier.deliver([letter]), ["busy"]);
  await until(() => told === 1);
  assert.deepEqual(await it.driver.carrier.deliver([letter]), ["accepted"]);
  assert.equal(wraps(relay).length, 1);
});

void test("mail for somebody without a list of relays waits for one, and not for ever", async () => {
  const reader = agent();
  let lists: readonly string[] = [];
  await using relay = await falseRelay(knowing(reader, () => lists));
  let offset = 0;
  const clock = { ...systemClock, now: () => Date.now() + offset };
  await using it = await home([relay.url], { clock });
  await connected(it);
  const [sender] = it.agents;
  const letter = envelope(sender!, reader.id, { payload: "waited" });
  for (let i = 0; i < 3; i += 1) {
    assert.deepEqual(await it.driver.carrier.deliver([letter]), ["busy"]);
    offset += 60_000;
  }
  lists = [relay.url];
  assert.deepEqual(await courier(it, [letter]), ["accepted"]);
  assert.equal(await opened(reader, wraps(relay)[0]!), "waited");

  const stranger = agent();
  const late = envelope(sender!, stranger.id, { sentAt: clock.now() });
  assert.deepEqual(await it.driver.carrier.deliver([late]), ["busy"]);
  offset += 3_600_000;
  assert.deepEqual(await it.driver.carrier.deliver([late]), ["unreachable"]);
});

void test("a relay of others does not hear who our agents are", async () => {
  const reader = agent();
  const script = {
    opened: (say: (...message: Said) => void) => say("AUTH", "who are you?"),
  };
  await using open = await falseRelay(script);
  let proven = false;
  await using closed = await falseRelay({
    ...script,
    heard([type, event]: Said, say) {
      if (type === "AUTH") proven = true;
      if (type !== "EVENT" || proven) return undefined;
      say("OK", (event as NostrEvent).id, false, "auth-required: who are you?");
      return true;
    },
  });
  let theirs = open.url;
  await using ours = await falseRelay(knowing(reader, () => [theirs], script));
  await using it = await home([ours.url], { at: place(3), mayVisit: () => true });
  await connected(it);
  const keys = new Set(it.agents.map(({ publicKey }) => publicKey));
  const who = (relay: FalseRelay): readonly string[] =>
    relay.of("AUTH").map(([, event]) => (event as NostrEvent).pubkey);

  await courier(it, [envelope(it.agents[0]!, reader.id)]);
  assert.equal(wraps(open).length, 1);
  assert.deepEqual(who(open), []);
  // Our own relays know all of them.
  assert.deepEqual(new Set(who(ours)), keys);

  theirs = closed.url;
  const other = agent();
  await using second = await falseRelay(knowing(other, () => [theirs]));
  await using again = await home([second.url], { mayVisit: () => true });
  await connected(again);
  await courier(again, [envelope(again.agents[0]!, other.id)]);
  const [pubkey, ...more] = who(closed);
  assert.deepEqual(more, []);
  assert.notEqual(pubkey, undefined);
  assert.notEqual(pubkey, again.agents[0]!.publicKey);
});

void test("relays in our own network are not connected to because somebody names them", async () => {
  const reader = agent();
  await using inner = await falseRelay();
  const port = new URL(inner.url).port;
  const named = [inner.url, `wss://127.0.0.1:${port}`, `wss://localhost:${port}`];
  await using relay = await falseRelay(knowing(reader, () => named));
  await using it = await home([relay.url]);
  await connected(it);
  assert.deepEqual(await courier(it, [envelope(it.agents[0]!, reader.id)]), ["unreachable"]);
  assert.deepEqual([inner.sockets.size, inner.heard], [0, []]);
});

void test("mail to relays of others waits for the driver to run, and is not given up", async () => {
  const reader = agent();
  await using open = await falseRelay();
  await using relay = await falseRelay(knowing(reader, () => [open.url]));
  await using it = await home([relay.url], { mayVisit: () => true });
  await connected(it);
  const [sender] = it.agents;
  await courier(it, [envelope(sender!, reader.id)]);
  await it.stop();
  assert.deepEqual(await it.driver.carrier.deliver([envelope(sender!, reader.id)]), ["busy"]);
});

void test("mail of one moment arrives in the order in which it was sent", async () => {
  await using relay = await startRelay();
  const at = place();
  await using from = await home([relay.url]);
  await connected(from);
  const [reader] = at.agents;
  // The reader says where it reads, and is away while the mail comes.
  const before = await home([relay.url], { at });
  await before.driver.caughtUp();
  await until(() => at.announced.size === 1);
  await before.stop();
  const sentAt = Date.now();
  const mail = Array.from({ length: 12 }, (_, i) =>
    envelope(from.agents[0]!, reader!.id, { payload: `n${i}`, sentAt }),
  );
  const receipts = await courier(from, mail);
  assert.deepEqual(new Set(receipts), new Set(["accepted"]));
  await using after = await home([relay.url], { at });
  await after.driver.caughtUp();
  assert.deepEqual(
    after.mail.map(({ payload }) => payload),
    mail.map(({ payload }) => payload),
  );
});

void test("what is larger than any receiver takes is refused at once, and holds up nothing", async () => {
  const reader = agent();
  await using relay = await falseRelay(knowing(reader, () => [relay.url]));
  await using it = await home([relay.url]);
  await connected(it);
  const [sender] = it.agents;
  const payloads = ["x".repeat(300_000), "x".repeat(600_000), "small"];
  const mail = payloads.map((payload) => envelope(sender!, reader.id, { payload }));
  assert.deepEqual(await courier(it, mail), ["oversized", "oversized", "accepted"]);
  assert.equal(await opened(reader, wraps(relay)[0]!), "small");
  const draft = { kind: 1, content: "x".repeat(600_000), tags: [] };
  const note = envelope(sender!, "*", { payload: draft });
  let receipt: Receipt | undefined = "busy";
  await until(async () => (receipt = await it.driver.carrier.publish!(note)) !== "busy");
  assert.equal(receipt, "oversized");
});

void test("a message to which a relay does not answer is given up, and what comes after it arrives", async () => {
  const silences: Readonly<Record<string, (say: Say, socket: WebSocket) => void>> = {
    "a notice": (say) => say("NOTICE", "message is too large"),
    "the end of the connection": (_, socket) => socket.close(1009),
    nothing: () => undefined,
  };
  for (const [name, silence] of Object.entries(silences)) {
    const reader = agent();
    let tries = 0;
    await using relay = await falseRelay(
      knowing(reader, () => [relay.url], {
        heard([type, event]: Said, say, socket) {
          if (type !== "EVENT" || (event as NostrEvent).content.length < 20_000) return undefined;
          tries += 1;
          silence(say, socket);
          return true;
        },
      }),
    );
    await using it = await home([relay.url], { limits: { patience: 1000 } });
    await connected(it);
    const [sender] = it.agents;
    const payloads = ["x".repeat(20_000), "small"];
    const mail = payloads.map((payload) => envelope(sender!, reader.id, { payload }));
    assert.deepEqual(await courier(it, mail), ["unreachable", "accepted"], name);
    assert.equal(tries, name === "nothing" ? 3 : 2, name);
  }
});

void test("a notice about something else, or to be slower, is no refusal", async () => {
  const reader = agent();
  let tries = 0;
  await using relay = await falseRelay(
    knowing(reader, () => [relay.url], {
      heard([type, event]: Said, say) {
        if (type !== "EVENT" || (event as NostrEvent).kind !== 1059) return undefined;
        tries += 1;
        say("NOTICE", tries < 4 ? "slow down" : "welcome");
        if (tries > 3) setTimeout(() => say("OK", (event as NostrEvent).id, true, ""), 10);
        return true;
      },
    }),
  );
  await using it = await home([relay.url], { limits: { patience: 1000 } });
  await connected(it);
  assert.deepEqual(await courier(it, [envelope(it.agents[0]!, reader.id)]), ["accepted"]);
  assert.equal(tries, 4);
});

void test("where somebody reads is asked for again after five minutes", async () => {
  const reader = agent();
  await using second = await falseRelay();
  let lists: readonly string[] = [];
  await using first = await falseRelay(knowing(reader, () => lists));
  lists = [first.url];
  let offset = 0;
  const clock = { ...systemClock, now: () => Date.now() + offset };
  await using it = await home([first.url], { clock, mayVisit: () => true });
  await connected(it);
  const [sender] = it.agents;
  const send = (): Promise<unknown> =>
    courier(it, [envelope(sender!, reader.id, { sentAt: clock.now() })]);
  await send();
  lists = [second.url];
  offset = 200_000;
  await send();
  assert.deepEqual([wraps(first).length, wraps(second).length], [2, 0]);
  offset = 310_000;
  await send();
  assert.deepEqual([wraps(first).length, wraps(second).length], [2, 1]);
});
