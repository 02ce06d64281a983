import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEvents } from "../../src/control/events.ts";
import type { ServerEvent } from "../../src/control/events.ts";
import { tickStream } from "../../src/control/stream.ts";
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
const whole = ["1", "1.1", "1.2", "1.3", "2", "2.1", "2.2", "2.3", "3"];

void test("stream gives each tick's log, event and reply and then the tick", async () => {
  await using f = await fixture();
  await say(f, "one");
  const events = await eventsUntil(await f.call("GET", "/agents/ada/stream?after=1"), "2");
  assert.deepEqual(
    events.map(({ event }) => event),
    ["log", "event", "reply", "tick"],
  );
  const [log, event, reply, tick] = events.map(({ data }) => JSON.parse(data) as never);
  assert.partialDeepStrictEqual(log, { n: 2, level: "info", text: "heard", data: { text: "one" } });
  assert.partialDeepStrictEqual(event, { n: 2, name: "heard", data: { total: 1 } });
  assert.partialDeepStrictEqual(reply, { n: 2, to: "operator" });
  assert.partialDeepStrictEqual(tick, { record: { n: 2, outcome: "done" } });
});

void test("stream goes from what is stored to what happens without a gap or a double", async () => {
  await using f = await fixture();
  await say(f, "one");
  const response = await f.call("GET", "/agents/ada/stream?after=0");
  const reading = eventsUntil(response, "12");
  for (let i = 0; i < 10; i += 1) await say(f, String(i));
  const ticks = (await reading).filter(({ event }) => event === "tick");
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
  assert.deepEqual(ids(await reading), ["2.1", "2.2", "2.3", "3"]);
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
  assert.equal(events.at(-1)?.event, "tick");
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
