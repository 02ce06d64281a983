import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startLocal } from "../../src/backends/local.ts";
import type { LocalOptions, LocalRuntime } from "../../src/backends/local.ts";
import { otelTracer } from "../../src/backends/local/otel.ts";
import { redactor } from "../../src/control/redact.ts";
import { otlpJson } from "../../src/core/otlp-json.ts";
import { recordingTracer } from "../../src/core/recording-tracer.ts";
import type { EndedSpan } from "../../src/core/recording-tracer.ts";
import { systemRandom } from "../../src/core/system.ts";
import { formatTrace } from "../../src/core/trace-context.ts";
import { pathTo, startCollector } from "./collector.ts";
import type { Received } from "./collector.ts";
import { pair } from "./pair.ts";

const directory = mkdtempSync(join(tmpdir(), "openagents-telemetry-"));
after(() => rmSync(directory, { recursive: true, force: true }));
let homes = 0;

function start(
  options: { readonly otlp?: string; readonly sample?: number } & Pick<LocalOptions, "env">,
): Promise<LocalRuntime> {
  homes += 1;
  const { otlp, sample, ...rest } = options;
  const telemetry = {
    ...(otlp !== undefined && { otlp }),
    ...(sample !== undefined && { sample }),
  };
  return startLocal({
    definition: pair(telemetry, { bell: { verify: "github", secret: "BELL", type: "message" } }),
    data: join(directory, `${homes}`),
    port: 0,
    ...rest,
  });
}

async function send(local: LocalRuntime, headers: Record<string, string> = {}): Promise<void> {
  const response = await fetch(`${local.url}/agents/asker/send?wait=10s`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${local.token}`,
      "content-type": "application/json",
      ...headers,
    },
    body: JSON.stringify({ payload: "go" }),
  });
  assert.equal(response.status, 200, await response.text());
}

const GIVEN = {
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  sampled: true,
};

const resumed = (spans: readonly Received[]): Received | undefined =>
  spans.find(({ attributes }) => attributes["openagents.tick.resumed"] === true);

void test("a request, its mail, and ticks of two agents come to a collector as one trace", async () => {
  await using collector = await startCollector();
  const local = await start({ otlp: collector.url });
  await send(local, { traceparent: formatTrace(GIVEN), tracestate: "vendor=1" });
  await local.stop();
  const ours = collector.spans.filter(({ traceId }) => traceId === GIVEN.traceId);
  const request = "POST /agents/{ref}/send";
  const asker = [request, "send message", "invoke_agent asker"];
  assert.deepEqual(
    ours.map((span) => pathTo(ours, span).join(" > ")).toSorted(),
    [
      [request],
      [request, "send message"],
      asker,
      asker,
      [...asker, "send request"],
      [...asker, "send request", "invoke_agent answerer"],
      [...asker, "send request", "invoke_agent answerer", "send response"],
      [...asker, "step look"],
    ]
      .map((path) => path.join(" > "))
      .toSorted(),
  );
  const [first] = ours.filter(({ name }) => name === request);
  assert.equal(first?.parentSpanId, GIVEN.spanId);
  assert.equal(first?.kind, 2);
  assert.equal(first?.traceState, "vendor=1");
  assert.equal(first?.attributes["http.request.method"], "POST");
  assert.equal(first?.attributes["http.route"], "/agents/{ref}/send");
  assert.equal(first?.attributes["http.response.status_code"], 200);
  assert.equal(first?.attributes["url.path"], "/agents/asker/send");
  const response = ours.find(({ name }) => name === "send response");
  assert.deepEqual(resumed(ours)?.links, [response?.spanId]);
  assert.ok(ours.every(({ ns: [from, to], service }) => to >= from && service === "openagents"));
  assert.deepEqual(local.spans?.().dropped, 0);
  assert.equal(local.spans?.().exported, collector.spans.length);
});

void test("what a hook takes in is in the trace of its request, and that in its sender's", async () => {
  await using collector = await startCollector();
  const local = await start({ otlp: collector.url, env: { BELL: "s3cret" } });
  const trace = { traceparent: formatTrace(GIVEN), tracestate: "vendor=1" };
  const signature = `sha256=${createHmac("sha256", "s3cret").update("go").digest("hex")}`;
  for (const [source, headers] of [
    ["bell", { "x-hub-signature-256": signature, "x-github-delivery": "1" }],
    ["lamp", { authorization: `Bearer ${local.token}` }],
  ] as const) {
    const response = await fetch(`${local.url}/hooks/asker/${source}`, {
      method: "POST",
      headers: { ...trace, ...headers },
      body: "go",
    });
    assert.equal(response.status, 202, await response.text());
  }
  await local.runtime.settled();
  await local.stop();
  const ours = collector.spans.filter(({ traceId }) => traceId === GIVEN.traceId);
  const ticks = ours.filter(({ name }) => name === "invoke_agent asker");
  assert.deepEqual(
    new Set(ticks.map((span) => pathTo(ours, span).join(" > "))),
    new Set([
      "POST /hooks/* > send message > invoke_agent asker",
      "POST /hooks/* > send event > invoke_agent asker",
    ]),
  );
  const requests = ours.filter(({ name }) => name === "POST /hooks/*");
  assert.deepEqual(
    requests.map(({ parentSpanId }) => parentSpanId),
    [GIVEN.spanId, GIVEN.spanId],
  );
  assert.ok(ours.every(({ traceState }) => traceState === "vendor=1"));
});

void test("without telemetry no spans are made; with a sample of 0 none are exported", async () => {
  await using collector = await startCollector();
  const off = await start({});
  assert.equal(off.spans, undefined);
  await off.stop();
  const none = await start({ otlp: collector.url, sample: 0 });
  await send(none);
  await none.stop();
  assert.deepEqual(none.spans?.(), { exported: 0, dropped: 0, queued: 0 });
});

void test("the variables of OpenTelemetry say where traces go, as what, and with which headers", async () => {
  await using collector = await startCollector();
  const local = await start({
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
      OTEL_SERVICE_NAME: "agents-of-mine",
      OTEL_EXPORTER_OTLP_HEADERS: "x-api-key=a%20key",
    },
  });
  await send(local);
  await local.stop();
  assert.ok(collector.spans.length > 0);
  assert.ok(collector.spans.every(({ service }) => service === "agents-of-mine"));
  assert.equal(collector.requests[0]?.["x-api-key"], "a key");
});

void test("no secret gets to a collector: in names, paths and failures", async () => {
  const secrets = ["oat_abcdefgh_0123456789abcdef", `nsec1${"q".repeat(58)}`];
  await using collector = await startCollector();
  const local = await start({ otlp: collector.url });
  for (const secret of secrets) {
    await fetch(`${local.url}/agents/${secret}/status`, {
      headers: { authorization: `Bearer ${local.token}` },
    });
    await fetch(`${local.url}/${secret}`);
  }
  await local.stop();
  const paths = collector.spans.map(({ attributes }) => attributes["url.path"]);
  assert.ok(paths.includes("/agents/***/status") && paths.includes("/***"), String(paths));
  const given = { type: "FAILED", message: `bad ${secrets[0]}` };
  const tracing = await otelTracer({
    url: `${collector.url}/v1/traces`,
    service: "s",
    sample: 1,
    headers: {},
    version: "1",
    redact: redactor().text,
  });
  const ended: EndedSpan[] = [];
  const recording = recordingTracer({
    random: systemRandom,
    now: () => 0,
    ended: (span) => ended.push(span),
  });
  for (const tracer of [tracing.tracer, recording]) {
    const attributes = { text: `a ${secrets[1]}`, count: 5 };
    tracer.start(`step ${secrets[0]}`, { kind: "internal", attributes }).end(given);
  }
  await tracing.stop(5000);
  const [step] = collector.spans.filter(({ name }) => name === "step ***");
  assert.deepEqual(
    [step?.attributes["text"], step?.attributes["count"], step?.status.message],
    ["a ***", 5, "bad ***"],
  );
  const json = otlpJson(ended, { service: "s", version: "1" }, redactor().text);
  assert.match(json, /"step \*\*\*".*"a \*\*\*".*"bad \*\*\*"/);
  const all =
    json +
    JSON.stringify(collector.spans, (_, one: unknown) => (typeof one === "bigint" ? 0 : one));
  for (const secret of secrets) assert.ok(!all.includes(secret));
});

void test("a collector that is down, or never answers, costs spans and nothing else", async () => {
  for (const answer of [503, "hang"] as const) {
    await using collector = await startCollector();
    collector.answer = answer;
    const local = await start({ otlp: collector.url });
    for (let i = 0; i < 20; i += 1) await send(local);
    // What is sent on to the other agent is not waited for.
    while (local.runtime.metrics().ticks < 40) await sleep(10);
    assert.equal(local.runtime.metrics().failures, 0);
    await local.stop();
    const { exported, dropped, queued } = local.spans!();
    assert.equal(exported, 0);
    assert.ok(dropped + queued > 0 || answer === "hang");
  }
});

void test("an address that is none, and a sample that is none, are refused", async () => {
  await assert.rejects(start({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: "localhost:4318" } }), {
    code: "CONFIG",
    message: /no address of a collector: use one like "http:\/\/localhost:4318"/,
  });
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_TRACES_SAMPLER_ARG: "2" };
  await assert.rejects(start({ env }), { code: "CONFIG", message: /OTEL_TRACES_SAMPLER_ARG/ });
});
