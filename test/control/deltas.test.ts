import assert from "node:assert/strict";
import { test } from "node:test";
import { openFeed } from "../../src/control/agent-feed.ts";
import { parseEvents } from "../../src/control/events.ts";
import type { ServerEvent } from "../../src/control/events.ts";
import { SocketSession } from "../../src/control/socket-session.ts";
import type { SocketState } from "../../src/control/socket-session.ts";
import type { StepPart } from "../../src/core/context.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { fixture } from "./fixture.ts";
import type { Fixture } from "./fixture.ts";

/** An agent whose step tells what the test has it tell, and the API to follow it. */
async function writer(): Promise<Writer> {
  let begun = Promise.withResolvers<(part: StepPart | undefined) => void>();
  const agent = defineAgent({
    name: "writer",
    onMessage: (ctx) =>
      ctx.step("tool:write", async ({ tell, signal }) => {
        const over = Promise.withResolvers<void>();
        signal.addEventListener("abort", () => over.reject(signal.reason as Error));
        begun.resolve((part) => (part === undefined ? over.resolve() : tell(part)));
        await over.promise;
      }),
  });
  const f = await fixture({ agents: [agent] });
  await f.runtime.create({ name: "w", type: "writer" });
  await f.runtime.settled();
  return {
    f,
    async begin() {
      begun = Promise.withResolvers();
      await f.runtime.send("w", { payload: "go" });
      const act = await begun.promise;
      const told: string[] = [];
      return {
        told: () => told.join(""),
        tell(text) {
          told.push(text);
          act({ kind: "text", text });
        },
        void(text) {
          told.length = 0;
          act({ kind: "void", text });
        },
        async end() {
          act(undefined);
          await f.runtime.settled();
        },
      };
    },
    [Symbol.asyncDispose]: () => f[Symbol.asyncDispose](),
  };
}

interface Writer extends AsyncDisposable {
  readonly f: Fixture;
  begin(): Promise<Writing>;
}

interface Writing {
  readonly told: () => string;
  tell(text: string): void;
  void(why: string): void;
  end(): Promise<void>;
}

/** A client that puts together what it gets, and knows nothing but to begin anew with a tick, or after a void. */
class Naive {
  text = "";
  last: string | undefined;
  readonly names: string[] = [];

  hear({
    id,
    event,
    data,
  }: {
    readonly id: string;
    readonly event: string;
    readonly data: string;
  }): void {
    this.last = id;
    if (event !== "phase") this.names.push(event);
    if (event === "tick_start") this.text = "";
    if (event !== "delta") return;
    const { kind, text, offset } = JSON.parse(data) as StepPart & { offset: number };
    if (kind === "void") this.text = "";
    else {
      assert.equal(offset, this.text.length);
      this.text += text;
    }
  }

  /** Reads a stream that goes on from what it had last, until it has heard enough. */
  async read(f: Fixture, enough: (event: ServerEvent) => boolean): Promise<void> {
    const headers: Record<string, string> = {};
    if (this.last !== undefined) headers["last-event-id"] = this.last;
    const { body } = await f.call("GET", "/agents/w/stream", { headers });
    for await (const event of parseEvents(body!)) {
      this.hear(event);
      if (enough(event)) return;
    }
  }
}

const ends = ({ event }: ServerEvent): boolean => event === "tick_end";

void test("a client that comes in the middle of a tick, leaves and comes again has exactly its text", async () => {
  await using w = await writer();
  const writing = await w.begin();
  writing.tell("Once ");
  writing.tell("upon ");
  const client = new Naive();
  const has = (): boolean => client.text === writing.told();
  await client.read(w.f, has);
  assert.deepEqual(client.names, ["tick_start", "tool_call", "delta"]);
  assert.match(client.last!, /^1~[0-9a-z-]+\.\d+$/);
  for (const word of ["a ", "time ", "there ", "was 😀"]) {
    writing.tell(word);
    await client.read(w.f, has);
  }
  writing.tell(", lost between ");
  writing.tell("two connections");
  await client.read(w.f, has);
  // Only what it had missed came each time.
  assert.deepEqual(
    client.names.filter((name) => name !== "delta"),
    ["tick_start", "tool_call"],
  );
  const reading = client.read(w.f, ends);
  await writing.end();
  await reading;
  assert.equal(client.text, writing.told());
  assert.deepEqual(
    client.names.filter((name) => name !== "delta"),
    ["tick_start", "tool_call", "tool_result", "tick_end"],
  );
});

void test("deltas are told as they come, and what is void does not count", async () => {
  await using w = await writer();
  const client = new Naive();
  const { body } = await w.f.call("GET", "/agents/w/stream");
  const events = parseEvents(body!)[Symbol.asyncIterator]();
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) client.hear((await events.next()).value as ServerEvent);
  };
  const writing = await w.begin();
  for (const word of ["I ", "will ", "begin"]) {
    writing.tell(word);
    await until(() => client.text === writing.told());
  }
  writing.void("the model was busy");
  writing.tell("Again");
  await until(() => client.text === "Again");
  const late = new Naive();
  await late.read(w.f, () => late.text === "Again");
  await writing.end();
  await until(() => client.names.at(-1) === "tick_end");
  assert.equal(client.text, "Again");
});

void test("a client begins anew where the try that it had is not the one that runs", async () => {
  await using w = await writer();
  const { runtime } = w.f;
  const first = await w.begin();
  first.tell("the first try");
  const client = new Naive();
  await client.read(w.f, () => client.text === "the first try");
  const { id } = await runtime.get("w");
  const cut = runtime.running(id)!;
  const other = new Naive();
  other.last = `1~${"0".repeat(12)}-1.5`;
  other.text = "of a process that is no more";
  await other.read(w.f, () => other.text === "the first try");
  assert.equal(cut.stage, "running");
  await runtime.cancel("w");
  await runtime.settled();
  await client.read(w.f, ends);
  assert.equal(cut.stage, "done");
  assert.deepEqual(client.names.slice(-4), ["tick_start", "tool_call", "tool_result", "tick_end"]);
  assert.equal(client.text, "");
  const second = await w.begin();
  second.tell("the second");
  await client.read(w.f, () => client.text === "the second");
  await second.end();
});

void test("a tick that ended while a client was away is told from the record, from its start", async () => {
  await using w = await writer();
  const writing = await w.begin();
  writing.tell("half");
  const client = new Naive();
  await client.read(w.f, () => client.text === "half");
  await writing.end();
  client.names.length = 0;
  await client.read(w.f, ends);
  assert.deepEqual(client.names, ["tick_start", "tool_call", "tool_result", "tick_end"]);
  assert.equal(client.last, "2");
});

void test("a client that asks for deltas alone gets them, with ids to go on from", async () => {
  await using w = await writer();
  const writing = await w.begin();
  writing.tell("one");
  const { body } = await w.f.call("GET", "/agents/w/stream?events=delta,tick_end");
  const events = parseEvents(body!)[Symbol.asyncIterator]();
  const [one] = [(await events.next()).value as ServerEvent];
  assert.equal(one.event, "delta");
  writing.tell(" two");
  const query = `after=${encodeURIComponent(one.id)}&events=delta,tick_end`;
  const again = await w.f.call("GET", `/agents/w/stream?${query}`);
  const more = parseEvents(again.body!)[Symbol.asyncIterator]();
  const two = (await more.next()).value as ServerEvent;
  assert.partialDeepStrictEqual(JSON.parse(two.data), { offset: 3, text: " two" });
  await writing.end();
  assert.equal(((await more.next()).value as ServerEvent).id, "2");
});

void test("who reads slowly is given what is there in few events, and not what the tick had dropped", async () => {
  await using w = await writer();
  const { id } = await w.f.runtime.get("w");
  const slow = await openFeed(w.f.runtime, id);
  const writing = await w.begin();
  for (let i = 0; i < 40; i += 1) writing.tell("x".repeat(50_000));
  await writing.end();
  let [count, size] = [0, 0];
  let last = "";
  while (last !== "tick_end") {
    for (const { event, data } of (await slow.next(60_000))!.flat()) {
      last = event;
      if (event !== "delta") continue;
      count += 1;
      size += (JSON.parse(data) as StepPart).text.length;
    }
  }
  assert.ok(size > 500_000 && size <= 1_048_576, String(size));
  assert.ok(count < 80, String(count));
  slow.close();
});

void test("a WebSocket goes on in the middle of a tick from its cursor, and from what was saved of it", async () => {
  await using w = await writer();
  const { id } = await w.f.runtime.get("w");
  let saved: SocketState | undefined;
  const client = new Naive();
  const open = (
    state: SocketState,
  ): { session: SocketSession; until(done: () => boolean): Promise<void> } => {
    let told = (): void => {};
    const session = new SocketSession(state, {
      runtime: w.f.runtime,
      peer: {
        send(text) {
          const frame = JSON.parse(text) as {
            type: string;
            id: string;
            event: string;
            data: unknown;
          };
          if (frame.type === "event") client.hear({ ...frame, data: JSON.stringify(frame.data) });
          told();
        },
        close: () => told(),
        buffered: () => 0,
        save: (kept) => (saved = structuredClone(kept)),
      },
    });
    return {
      session,
      async until(done) {
        while (!done()) await new Promise<void>((resolve) => (told = resolve));
      },
    };
  };
  const writing = await w.begin();
  writing.tell("one ");
  const a = open({ agent: id });
  a.session.open(1);
  a.session.receive('{"type":"subscribe"}');
  await a.until(() => client.text === "one ");
  // As an object that ends and comes again: what was saved is all that there is.
  a.session.end();
  assert.equal(saved!.subscription!.after, client.last);
  writing.tell("two ");
  const b = open(saved!);
  b.session.resume();
  await b.until(() => client.text === "one two ");
  b.session.end();
  writing.tell("three");
  const c = open({ agent: id });
  c.session.open(1);
  c.session.receive(JSON.stringify({ type: "subscribe", after: client.last }));
  await c.until(() => client.text === writing.told());
  await writing.end();
  await c.until(() => client.names.at(-1) === "tick_end");
  c.session.end();
  assert.equal(client.names.filter((name) => name === "tick_start").length, 1);
});
