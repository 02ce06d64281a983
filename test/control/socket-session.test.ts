import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { CLOSE } from "../../src/control/socket-frames.ts";
import { SocketSession } from "../../src/control/socket-session.ts";
import type { SocketLimits, SocketState } from "../../src/control/socket-session.ts";
import { rateLimit } from "../../src/control/rate-limit.ts";
import type { Guard } from "../../src/control/standing.ts";
import type { Json } from "../../src/core/json.ts";
import { fixture } from "./fixture.ts";
import type { Fixture } from "./fixture.ts";

interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly event?: string;
  readonly code?: string;
  readonly for?: string;
  readonly cursor?: string;
  readonly data?: { readonly n: number };
  readonly [key: string]: unknown;
}

/** A session whose socket is a list. */
class Line {
  readonly frames: Frame[] = [];
  readonly session: SocketSession;
  closed: number | undefined;
  state: SocketState | undefined;
  buffered = 0;
  #told: () => void = () => {};

  constructor(f: Fixture, state: SocketState, options: LineOptions = {}) {
    this.session = new SocketSession(state, {
      runtime: f.runtime,
      limits: options.limits ?? {},
      guard: options.guard,
      peer: {
        send: (text) => {
          assert.equal(this.closed, undefined, "a frame after the close");
          this.frames.push(JSON.parse(text) as Frame);
          this.#told();
        },
        close: (code, reason) => {
          assert.equal(this.closed, undefined, "two closes");
          assert.ok(Buffer.byteLength(reason) <= 123);
          this.closed = code;
          this.#told();
        },
        save: (kept) => {
          this.state = structuredClone(kept);
        },
        ...(options.blind !== true && { buffered: () => this.buffered }),
      },
    });
  }

  say(frame: unknown): void {
    this.session.receive(JSON.stringify(frame));
  }

  /** The first frame that fits, once it is there. */
  async get(fits: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(fits);
      if (found !== undefined) return found;
      await this.news();
    }
  }

  async close(): Promise<number> {
    while (this.closed === undefined) await this.news();
    return this.closed;
  }

  news(): Promise<void> {
    return new Promise((resolve) => {
      this.#told = resolve;
    });
  }

  /** Ids of the durable events so far. */
  ids(): string[] {
    return this.frames.flatMap(({ type, id }) =>
      type === "event" && id !== undefined ? [id] : [],
    );
  }
}

interface LineOptions {
  readonly guard?: Guard;
  readonly limits?: Partial<SocketLimits>;
  /** Its socket does not know what it has not sent yet. */
  readonly blind?: true;
}

async function line(f: Fixture, options?: LineOptions): Promise<Line> {
  await f.runtime.settled();
  const { id, ticks } = await f.runtime.status("ada");
  const made = new Line(f, { agent: id }, options);
  made.session.open(ticks);
  return made;
}

const ofType =
  (type: string) =>
  (frame: Frame): boolean =>
    frame.type === type;

void test("a session greets, takes mail, waits for answers, and answers pings", async () => {
  await using f = await fixture();
  const l = await line(f);
  const { id } = await f.runtime.get("ada");
  assert.deepEqual(l.frames, [{ type: "hello", agent: id, cursor: "1" }]);
  l.say({ type: "ping" });
  await l.get(ofType("pong"));
  l.say({ type: "send", id: "m1", text: "one" });
  assert.deepEqual(await l.get(ofType("sent")), { type: "sent", id: "m1", receipt: "accepted" });
  l.say({ type: "send", id: "m2", payload: { a: 1 }, wait: true });
  const answer = await l.get(ofType("answer"));
  assert.partialDeepStrictEqual(answer, {
    id: "m2",
    outcome: "done",
    replies: [{ echo: { a: 1 }, from: "operator", source: "websocket" }],
  });
  l.say({ type: "send", id: "m2", payload: { a: 1 } });
  const again = await l.get(({ receipt }) => receipt === "duplicate");
  assert.equal(again.id, "m2");
  l.say({ type: "send", id: "large", text: "x".repeat(2000) });
  assert.equal((await l.get(ofType("error")))["for"], "large");
  l.session.end();
});

void test("a session gives events from a cursor on, and another subscription takes its place", async () => {
  await using f = await fixture();
  for (const payload of ["one", "two"]) await f.runtime.ask("ada", { payload }, { timeout: 9000 });
  const l = await line(f);
  l.say({ type: "subscribe", after: "0" });
  await l.get(({ id }) => id === "3");
  const all = l.ids();
  assert.equal(new Set(all).size, all.length);
  for (const after of all.slice(0, -1)) {
    l.frames.length = 0;
    l.say({ type: "subscribe", after });
    await l.get(({ id }) => id === "3");
    assert.deepEqual(l.ids(), all.slice(all.indexOf(after) + 1), `after ${after}`);
  }
  l.frames.length = 0;
  l.say({ type: "subscribe", after: "0", events: ["reply"] });
  await l.get(({ data }) => data?.n === 3);
  assert.deepEqual([...new Set(l.frames.flatMap(({ event }) => event ?? []))], ["reply"]);
  l.session.end();
});

void test("a session opened anew from what it kept goes on without a gap or a double", async () => {
  await using f = await fixture();
  let l = await line(f);
  l.say({ type: "subscribe" });
  await l.get(ofType("subscribed"));
  const seen: string[] = [];
  for (let i = 0; i < 20; i += 1) {
    const { n } = await f.runtime.tick("ada");
    // It ends now and then before it has told of the tick, and goes on from its attachment.
    if (i % 3 === 0) await l.get(({ id }) => id === String(n));
    seen.push(...l.ids());
    l.session.end();
    l = new Line(f, l.state!);
    l.session.resume();
  }
  await l.get(({ id }) => id === "21");
  seen.push(...l.ids());
  const ends = seen.filter((id) => !id.includes("."));
  assert.deepEqual(
    ends,
    Array.from({ length: 20 }, (_, i) => String(i + 2)),
  );
  assert.equal(new Set(seen).size, seen.length);
  l.session.end();
});

void test("a session closes on what is no text, too long or too much", async () => {
  await using f = await fixture();
  const binary = await line(f);
  binary.session.receive(new Uint8Array(3));
  assert.equal(binary.closed, CLOSE.binary);
  const long = await line(f, { limits: { frameLength: 100 } });
  long.session.receive(" ".repeat(101));
  assert.equal(long.closed, CLOSE.large);
  const many = await line(f, { limits: { frameRate: 10 } });
  for (let i = 0; i < 100 && many.closed === undefined; i += 1) many.say({ type: "ping" });
  assert.equal(many.closed, CLOSE.flood);
  const stopped = await line(f);
  stopped.session.stop();
  assert.equal(stopped.closed, CLOSE.stopping);
  // Nothing more is said to whoever is gone.
  stopped.say({ type: "ping" });
});

void test("a session has no more sends wait than the limit", async () => {
  await using f = await fixture();
  await f.runtime.create({ name: "silent", type: "mute" });
  const { id, ticks } = await f.runtime.status("silent");
  const l = new Line(f, { agent: id }, { limits: { pending: 2 } });
  l.session.open(ticks);
  for (const name of ["a", "b", "c"]) l.say({ type: "send", id: name, text: name, wait: true });
  const refused = await l.get(({ type, code }) => type === "error" && code === "BUSY");
  assert.equal(refused.for, "c");
  l.session.end();
});

void test("a session reads no more events than its client takes, and closes one that stays slow", async () => {
  await using f = await fixture();
  for (let i = 0; i < 5; i += 1) await f.runtime.tick("ada");
  const l = await line(f, { limits: { buffered: 10, stall: 50 } });
  l.buffered = 11;
  l.say({ type: "subscribe", after: "0" });
  assert.equal(await l.close(), CLOSE.slow);
  assert.deepEqual(l.ids(), []);
  // One that reads after all gets everything.
  const patient = await line(f, { limits: { buffered: 10, stall: 60_000 } });
  patient.buffered = 11;
  patient.say({ type: "subscribe", after: "0" });
  await patient.get(ofType("subscribed"));
  patient.buffered = 0;
  const draining = setInterval(() => patient.session.drained(), 1);
  await patient.get(({ id }) => id === "6");
  clearInterval(draining);
  patient.session.end();
  // Answers cannot be held back, so there is a limit to them.
  const greedy = await line(f, { limits: { most: 100 } });
  greedy.buffered = 101;
  greedy.say({ type: "ping" });
  assert.equal(greedy.closed, CLOSE.slow);
});

void test("a session over a socket that says nothing of what it holds asks whether it was read", async () => {
  await using f = await fixture();
  for (let i = 0; i < 5; i += 1) await f.runtime.tick("ada");
  const l = await line(f, { blind: true, limits: { buffered: 500, stall: 60_000 } });
  l.say({ type: "subscribe", after: "0" });
  let asked = 0;
  for (;;) {
    if (l.ids().includes("6")) break;
    const pings = l.frames.filter(ofType("ping")).length;
    if (pings > asked) {
      asked = pings;
      l.say({ type: "pong" });
    } else await l.news();
  }
  assert.ok(asked > 1);
  l.session.end();
  const mute = await line(f, { blind: true, limits: { buffered: 500, stall: 20 } });
  mute.say({ type: "subscribe", after: "0" });
  assert.equal(await mute.close(), CLOSE.slow);
});

void test("a session whose agent is erased is closed", async () => {
  await using f = await fixture();
  const l = await line(f);
  l.say({ type: "subscribe" });
  await l.get(ofType("subscribed"));
  await f.runtime.purge("ada");
  l.say({ type: "subscribe" });
  assert.equal(await l.close(), CLOSE.gone);
});

void test("any frame is answered or closes the session with a code, and none throws", async () => {
  await using f = await fixture();
  const text = fc.string({ unit: "binary", maxLength: 30 });
  const near = fc.record(
    {
      type: fc.oneof(fc.constantFrom("send", "subscribe", "ping", "constructor"), text),
      id: fc.oneof(text, fc.jsonValue()),
      payload: fc.jsonValue(),
      text: fc.oneof(text, fc.jsonValue()),
      wait: fc.oneof(fc.boolean(), fc.jsonValue()),
      after: fc.oneof(fc.constantFrom("0", "1.1", "9.9", "-1", ""), fc.jsonValue()),
      events: fc.oneof(fc.constantFrom(["reply"], ["x"], []), fc.jsonValue()),
      more: fc.jsonValue(),
    },
    { requiredKeys: ["type"] },
  );
  const frame = fc.oneof(
    near.map((value) => JSON.stringify(value as Json)),
    fc.json(),
    text,
    fc.constantFrom("[".repeat(50_000), '{"type":"ping"', "null", '"ping"', '{"__proto__":{}}'),
    fc.uint8Array(),
    fc.anything(),
  );
  await fc.assert(
    fc.asyncProperty(frame, async (data) => {
      const l = await line(f);
      l.session.receive(data);
      while (l.frames.length < 2 && l.closed === undefined) await l.news();
      const { type } = l.frames[1] ?? {};
      if (l.closed === undefined) {
        assert.ok(["sent", "answer", "error", "pong", "subscribed", "event"].includes(type!), type);
      } else assert.equal(l.closed, CLOSE.binary);
      l.session.end();
    }),
    { numRuns: Number(process.env["FC_RUNS"] ?? 300) },
  );
});

void test("a session lets its client do only what its scopes are for, also when it goes on", async () => {
  await using f = await fixture();
  await f.runtime.settled();
  const { id, ticks } = await f.runtime.status("ada");
  const reader = new Line(f, { agent: id, principal: { id: "token:r", scope: "read" } });
  reader.session.open(ticks);
  reader.say({ type: "send", id: "m", text: "x" });
  assert.partialDeepStrictEqual(await reader.get(ofType("error")), { code: "DENIED", for: "m" });
  reader.say({ type: "subscribe" });
  await reader.get(ofType("subscribed"));
  const again = new Line(f, reader.state!);
  again.session.resume();
  again.say({ type: "send", text: "x" });
  await again.get(({ code }) => code === "DENIED");
  const operator = new Line(f, { agent: id, principal: { id: "token:o", scope: "operate" } });
  operator.session.open(ticks);
  operator.say({ type: "subscribe", after: "0" });
  await operator.get(ofType("subscribed"));
  operator.say({ type: "send", text: "x" });
  await operator.get(ofType("sent"));
  for (const { session } of [reader, again, operator]) session.end();
});

void test("a session takes from its client's rate for each send, as requests do", async () => {
  await using f = await fixture();
  await f.runtime.settled();
  const { id, ticks } = await f.runtime.status("ada");
  const clock = { at: 0, now: () => clock.at };
  const guard = { rates: rateLimit(clock) };
  const principal = { id: "token:a", scope: "operate", rate: 3 } as const;
  // The request by which it was opened.
  guard.rates.take(principal.id, 3);
  const l = new Line(f, { agent: id, principal }, { guard });
  l.session.open(ticks);
  for (let i = 0; i < 10; i += 1) l.say({ type: "send", id: `m${i}`, text: "x" });
  await l.get(({ for: about }) => about === "m9");
  await l.get(({ id: sent }) => sent === "m1");
  assert.equal(l.frames.filter(({ type }) => type === "sent").length, 2);
  assert.equal(l.frames.filter(({ code }) => code === "RATE_LIMITED").length, 8);
  clock.at = 20_000;
  l.say({ type: "send", id: "later", text: "x" });
  await l.get((frame) => frame.type === "sent" && frame["id"] === "later");
  l.session.end();
});

void test("a session ends before it sends or delivers once its client's rights are gone", async () => {
  await using f = await fixture();
  await f.runtime.settled();
  const { id, ticks } = await f.runtime.status("ada");
  const rights = { good: true };
  const guard = { stillGood: async () => rights.good };
  const principal = { id: "token:a", scope: "operate" } as const;
  const open = (): Line => {
    const made = new Line(f, { agent: id, principal }, { guard });
    made.session.open(ticks);
    return made;
  };
  const [writer, reader, idle] = [open(), open(), open()];
  reader.say({ type: "subscribe" });
  await reader.get(ofType("subscribed"));
  for (let i = 0; i < 5; i += 1) writer.say({ type: "send", id: `m${i}`, text: "x" });
  await writer.get(({ id: sent }) => sent === "m4");
  const order = writer.frames.flatMap(({ type, id: sent }) => (type === "sent" ? [sent] : []));
  assert.deepEqual(order, ["m0", "m1", "m2", "m3", "m4"]);
  await f.runtime.settled();
  await reader.get(({ event }) => event === "tick_end");
  await idle.session.check();
  assert.equal(idle.closed, undefined);

  rights.good = false;
  const before = (await f.runtime.status("ada")).ticks;
  writer.say({ type: "send", text: "x" });
  assert.equal(await writer.close(), CLOSE.denied);
  await f.runtime.settled();
  assert.equal((await f.runtime.status("ada")).ticks, before);
  const seen = reader.frames.length;
  await f.runtime.ask("ada", { payload: "x" }, { timeout: 60_000 });
  assert.equal(await reader.close(), CLOSE.denied);
  assert.equal(reader.frames.length, seen);
  await idle.session.check();
  assert.equal(idle.closed, CLOSE.denied);
});

void test("a session ends when its agent leaves the bounds of its client, also when it goes on", async () => {
  await using f = await fixture();
  const { id } = await f.runtime.update("ada", { labels: ["team:a"] });
  const principal = { id: "token:a", scope: "operate", labels: ["team:a"] } as const;
  const first = new Line(f, { agent: id, principal });
  first.session.open(1);
  first.say({ type: "send", id: "m", text: "x" });
  await first.get(ofType("sent"));
  const l = new Line(f, first.state!);
  first.session.end();
  await f.runtime.update("ada", { labels: [] });
  l.session.resume();
  l.say({ type: "send", text: "x" });
  assert.equal(await l.close(), CLOSE.denied);
});

void test("a session's mail has ids of its client's own, which it answers by as they were given", async () => {
  await using f = await fixture();
  const { id } = await f.runtime.get("ada");
  for (const owner of ["token:a", "token:b"]) {
    const principal = { id: owner, scope: "operate" } as const;
    const l = new Line(f, { agent: id, principal });
    for (const receipt of ["accepted", "duplicate"]) {
      l.say({ type: "send", text: "x", id: "order-1" });
      const sent = await l.get(({ type }) => type === "sent");
      assert.deepEqual([sent.id, sent["receipt"]], ["order-1", receipt], owner);
      l.frames.length = 0;
    }
    l.session.end();
  }
});
