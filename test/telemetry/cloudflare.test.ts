import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";
import { formatTrace } from "../../src/core/trace-context.ts";
import { pathTo, startCollector } from "./collector.ts";
import type { Collector } from "./collector.ts";

let worker: Workerd;
let collector: Collector;
before(async () => {
  collector = await startCollector();
  worker = await startWorkerd({
    entry: "test/telemetry/telemetry.worker.ts",
    define: { COLLECTOR: collector.url },
  });
  // `ensure` makes an agent when it is first asked for.
  for (const name of ["asker", "answerer"]) {
    assert.equal((await worker.fetch(`/agents/${name}`)).status, 200);
  }
});
after(async () => {
  await worker[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
});

const SPAN = "00f067aa0ba902b7";

/** Has one agent ask the other, in a trace of its own; its spans when all are there. */
async function ask(traceId: string): Promise<readonly string[]> {
  const given = formatTrace({ traceId, spanId: SPAN, sampled: true });
  const response = await worker.fetch("/agents/asker/send?wait=20s", {
    method: "POST",
    headers: { traceparent: given, tracestate: "vendor=1" },
    body: JSON.stringify({ payload: "go" }),
  });
  assert.equal(response.status, 200, await response.text());
  const ours = (): Collector["spans"] => collector.spans.filter((span) => span.traceId === traceId);
  await collector.until(() => ours().length >= 9);
  const gateway = ours().find(({ parentSpanId }) => parentSpanId === SPAN);
  assert.equal(gateway?.attributes["http.response.status_code"], 200);
  assert.equal(gateway?.traceState, "vendor=1");
  return ours()
    .map((span) => pathTo(ours(), span).join(" > "))
    .toSorted();
}

// The gateway's own span, and in it that of the agent's object.
const REQUEST = "POST /agents/{ref}/send > POST /agents/{ref}/send";
const ASKER = `${REQUEST} > send message > invoke_agent asker`;
const EXPECTED = [
  "POST /agents/{ref}/send",
  REQUEST,
  `${REQUEST} > send message`,
  ASKER,
  ASKER,
  `${ASKER} > send request`,
  `${ASKER} > send request > invoke_agent answerer`,
  `${ASKER} > send request > invoke_agent answerer > send response`,
  `${ASKER} > step look`,
].toSorted();

void test("a request to a Worker is one trace through the objects of two agents", async () => {
  assert.deepEqual(await ask("4bf92f3577b34da6a3ce929d0e0e4736"), EXPECTED);
});

void test("the same holds after workerd was killed", async () => {
  await worker.kill();
  await worker.start();
  assert.deepEqual(await ask("5bf92f3577b34da6a3ce929d0e0e4736"), EXPECTED);
});

void test("a collector that is down costs spans and nothing else", async () => {
  const before = collector.requests.length;
  collector.answer = 503;
  const response = await worker.fetch("/agents/asker/send?wait=20s", {
    method: "POST",
    body: JSON.stringify({ payload: "go" }),
  });
  assert.equal(response.status, 200);
  assert.deepEqual(((await response.json()) as { replies: unknown }).replies, ["well"]);
  await collector.until(() => collector.requests.length > before);
  collector.answer = 200;
  assert.deepEqual(await ask("6bf92f3577b34da6a3ce929d0e0e4736"), EXPECTED);
});
