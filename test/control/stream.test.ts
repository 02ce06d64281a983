import assert from "node:assert/strict";
import { test } from "node:test";
import { openFeed } from "../../src/control/agent-feed.ts";
import type { FeedReader } from "../../src/control/feed-reader.ts";
import { parseEvents } from "../../src/control/events.ts";
import type { ServerEvent } from "../../src/control/events.ts";
import { tickStream } from "../../src/control/stream.ts";
import { LIVE_NAMES } from "../../src/control/tick-events.ts";
import type { EventName } from "../../src/control/tick-events.ts";
import { createRuntime } from "../../src/core/create-runtime.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import { PHASES } from "../../src/core/followers.ts";
import type { AgentInfo } from "../../src/core/runtime.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { encodeNsec } from "../../src/identity/nip19.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { fixture } from "./fixture.ts";
import type { Fixture } from "./fixture.ts";

/** The events of a stream until one has the id `until`. */
async function eventsUntil(response: Response, until: string): Promise<ServerEvent[]> {
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const events: ServerEvent[] = [];
  for await (const event of parseEvents(response.body!)) {
    events.push(event);
    if (event.id === until) break;
  }
  return events;
}

async function say(f: Fixture, text: string): Promise<void> {
  await f.runtime.ask("ada", { payload: text }, { timeout: 60_000 });
}

const ids = (events: readonly ServerEvent[]): string[] => events.map(({ id }) => id);
/** The parts of a tick of "ada" by their names, and those of her first one. */
const PARTS = ["tick_start", "log", "event", "reply", "state_change", "tick_end"];
const FIRST = ["tick_start", "state_change", "tick_end"];
const partsOf = (n: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => (i === count - 1 ? String(n) : `${n - 1}.${i + 1}`));
const whole = [
  ...partsOf(1, FIRST.length),
  ...partsOf(2, PARTS.length),
  ...partsOf(3, PARTS.length),
];
const durable = ({ event }: ServerEvent): boolean => !LIVE_NAMES.has(event as EventName);

void test("stream gives each tick's log, event and reply and then the tick", async () => {
  await using f = await fixture();
  await say(f, "one");
  const events = await eventsUntil(await f.call("GET", "/agents/ada/stream?after=1"), "2");
  assert.deepEqual(
    events.map(({ event }) => event),
    PARTS,
  );
  const [start, log, event, reply, change, end] = events.map(
    ({ data }) => JSON.parse(data) as { envelope: string },
  );
  const { envelope } = start!;
  for (const part of [log, event, reply, change, end]) assert.equal(part!.envelope, envelope);
  assert.partialDeepStrictEqual(start, {
    n: 2,
    trigger: { type: "message", id: envelope },
    attempt: 1,
  });
  assert.partialDeepStrictEqual(change, { n: 2, keys: ["heard"], removed: [] });
  assert.partialDeepStrictEqual(log, { n: 2, level: "info", text: "heard", data: { text: "one" } });
  assert.partialDeepStrictEqual(event, { n: 2, name: "heard", data: { total: 1 } });
  assert.partialDeepStrictEqual(reply, { n: 2, to: "operator" });
  assert.partialDeepStrictEqual(end, { n: 2, outcome: "done", record: { n: 2, outcome: "done" } });
});

void test("stream goes from what is stored to what happens without a gap or a double", async () => {
  await using f = await fixture();
  await say(f, "one");
  const response = await f.call("GET", "/agents/ada/stream?after=0");
  const reading = eventsUntil(response, "12");
  for (let i = 0; i < 10; i += 1) await say(f, String(i));
  const ticks = (await reading).filter(({ event }) => event === "tick_end");
  assert.deepEqual(
    ids(ticks),
    Array.from({ length: 12 }, (_, i) => String(i + 1)),
  );
});

void test("stream resumes exactly from whichever event was the last", async () => {
  await using f = await fixture();
  await say(f, "one");
  await say(f, "two");
  const all = await eventsUntil(await f.call("GET", "/agents/ada/stream?after=0"), "3");
  assert.deepEqual(ids(all), whole);
  for (const [i, last] of whole.slice(0, -1).entries()) {
    const headers = { "last-event-id": last };
    const rest = await eventsUntil(await f.call("GET", "/agents/ada/stream", { headers }), "3");
    assert.deepEqual(ids(rest), whole.slice(i + 1), `after ${last}`);
  }
});

void test("stream begins now when it is given no place to begin", async () => {
  await using f = await fixture();
  await say(f, "before");
  const response = await f.call("GET", "/agents/ada/stream");
  const reading = eventsUntil(response, "3");
  await say(f, "after");
  const events = await reading;
  assert.deepEqual(
    events.filter(durable).map(({ event }) => event),
    PARTS.slice(1),
  );
  assert.deepEqual(ids(events.filter(durable)), partsOf(3, PARTS.length).slice(1));
});

void test("stream refuses an unknown agent and a wrong place", async () => {
  await using f = await fixture();
  assert.equal((await f.call("GET", "/agents/nobody/stream")).status, 404);
  assert.equal((await f.call("GET", "/agents/ada/stream?after=x")).status, 400);
  assert.equal((await f.call("HEAD", "/agents/ada/stream")).status, 405);
});

void test("stream from a place that is not there yet begins now", async () => {
  await using f = await fixture();
  const { ticks } = await f.runtime.status("ada");
  const response = await f.call("GET", "/agents/ada/stream?after=999");
  await say(f, "hello");
  const events = await eventsUntil(response, String(ticks + 1));
  assert.equal(events.at(-1)?.event, "tick_end");
});

void test("stream ends when the server stops and when the agent is erased", async () => {
  const stopping = new AbortController();
  await using f = await fixture({ stopping: stopping.signal });
  const { body } = await f.call("GET", "/agents/ada/stream");
  stopping.abort();
  assert.match(await new Response(body).text(), /^: connected/);
  await using g = await fixture();
  const stream = await g.call("GET", "/agents/ada/stream");
  await g.runtime.purge("ada");
  await stream.text();
});

void test("stream sends heartbeats, and a client that leaves is forgotten", async () => {
  await using f = await fixture();
  const listeners = new Set<unknown>();
  const { runtime } = f;
  const watch = runtime.watch.bind(runtime);
  runtime.watch = (id, listener) => {
    listeners.add(listener);
    const stop = watch(id, listener);
    return () => {
      listeners.delete(listener);
      stop();
    };
  };
  await runtime.tick("ada");
  const stream = await tickStream(runtime, "ada", { heartbeat: 1 });
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value, ": connected\n\n");
  assert.equal((await reader.read()).value, ": heartbeat\n\n");
  assert.equal(listeners.size, 1);
  await reader.cancel();
  assert.equal(listeners.size, 0);
});

void test("stream tells of a running tick at once, and does not repeat it after", async () => {
  await using f = await fixture();
  await f.runtime.settled();
  const { body } = await f.call("GET", "/agents/ada/stream");
  const reading = (async () => {
    let text = "";
    for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes("event: tick_end")) break;
    }
    return text;
  })();
  await f.runtime.tick("ada");
  const blocks = (await reading)
    .split("\n\n")
    .filter((block) => block.startsWith("event:") || block.startsWith("id:"));
  const names = blocks.map((block) => /event: (\w+)/.exec(block)?.[1]);
  assert.deepEqual(names, ["tick_start", ...Array.from({ length: 8 }, () => "phase"), "tick_end"]);
  const told = blocks.map((block) => /^id: (.*)$/m.exec(block)?.[1]);
  assert.equal(told.pop(), "2");
  // Each says how far it has come in one and the same try.
  for (const [i, id] of told.entries()) assert.match(id!, new RegExp(`^1~[0-9a-z-]+\\.${i + 1}$`));
  assert.equal(new Set(told.map((id) => id!.split(".")[0])).size, 1);
  const phases = blocks.flatMap((block) => /"phase":"(\w+)"/.exec(block)?.[1] ?? []);
  assert.deepEqual(phases, PHASES);
});

void test("stream gives only the events that are asked for, and refuses other names", async () => {
  await using f = await fixture();
  await say(f, "one");
  const path = "/agents/ada/stream?after=0&events=reply,tick_end";
  const events = await eventsUntil(await f.call("GET", path), "2");
  assert.deepEqual(
    events.map(({ event }) => event),
    ["tick_end", "reply", "tick_end"],
  );
  assert.equal((await f.call("GET", "/agents/ada/stream?events=tick")).status, 400);
});

void test("stream reads and renders a tick once for all who follow its agent", async () => {
  await using f = await fixture();
  await f.runtime.settled();
  let reads = 0;
  const { runtime } = f;
  const log = runtime.log.bind(runtime);
  runtime.log = (...args) => {
    reads += 1;
    return log(...args);
  };
  const open = Array.from({ length: 20 }, () => f.call("GET", "/agents/ada/stream"));
  const streams = await Promise.all(open);
  const reading = streams.map((stream) => eventsUntil(stream, "2"));
  await say(f, "all of you");
  const [first, ...others] = await Promise.all(reading);
  for (const other of others) assert.deepEqual(other, first);
  assert.equal(reads, 1);
});

void test("stream does not confuse a new agent with an erased one of the same key", async () => {
  await using f = await fixture();
  const nsec = encodeNsec(new Uint8Array(32).fill(7));
  const make = (): Promise<AgentInfo> =>
    f.runtime.create({ name: "again", type: "echo", key: nsec });
  await make();
  const follow = async (): Promise<Response> => f.call("GET", "/agents/again/stream?after=0");
  const [kept, before] = [await follow(), await eventsUntil(await follow(), "1")];
  await f.runtime.purge("again");
  await make();
  await kept.text();
  const after = await eventsUntil(await follow(), "1");
  assert.notEqual(before.at(-1)?.data, after.at(-1)?.data);
});

void test("stream tells of steps and of calls of tools, live and from the record alike", async () => {
  const worker = defineAgent({
    name: "worker",
    async onManual(ctx) {
      await ctx.step("fetch", () => 1);
      await ctx.step("tool:search", () => 2);
    },
  });
  const definition = defineRuntime({ agents: [worker], ensure: [{ name: "w", type: "worker" }] });
  const signer = derivedSigner(newMnemonic());
  const runtime = createRuntime({ definition, store: memoryStore(), signer });
  await runtime.start();
  const { id } = await runtime.get("w");
  await runtime.settled();
  const live = await openFeed(runtime, id);
  const late = await openFeed(runtime, id);
  const told = async (reader: FeedReader): Promise<string[]> => {
    const said: string[] = [];
    for (;;) {
      for (const batch of (await reader.next(60_000)) ?? []) {
        for (const { event, id: at, data } of batch) {
          const { status, tool } = JSON.parse(data) as { status?: string; tool?: string };
          if (event !== "phase")
            said.push([at.includes("~") ? "-" : at, event, tool, status].join(" ").trimEnd());
          if (event === "tick_end") return said;
        }
      }
    }
  };
  const watching = told(live);
  await runtime.tick("w");
  assert.deepEqual(await watching, [
    "- tick_start",
    "- step  begun",
    "- step  done",
    "- tool_call search",
    "- tool_result search done",
    "2 tick_end",
  ]);
  const recorded = [
    "1.1 tick_start",
    "1.2 step  done",
    "1.3 tool_call search",
    "1.4 tool_result search done",
    "2 tick_end",
  ];
  const again = await openFeed(runtime, id, { from: { n: 1, parts: 0 } });
  assert.deepEqual(await told(again), recorded);
  // One that does not read is told from the record of all that it could not be told of live.
  for (let i = 0; i < 100; i += 1) await runtime.tick("w");
  const { cursor } = late;
  assert.equal(cursor, "1");
  let ends = 0;
  while (late.cursor !== "102") {
    for (const batch of (await late.next(60_000)) ?? []) {
      for (const { event } of batch) if (event === "tick_end") ends += 1;
    }
  }
  assert.equal(ends, 101);
  for (const reader of [live, late, again]) reader.close();
  await runtime.stop(0);
});
