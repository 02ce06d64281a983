import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { runtimeMetricsText } from "../../src/control/prometheus.ts";
import { Histogram } from "../../src/core/histogram.ts";
import { prometheusText } from "../../src/core/prometheus.ts";
import { agentMetricsText } from "../../src/vfs/services/metrics.ts";
import { fixture } from "./fixture.ts";

/** Reads the text format strictly, as its description has it. */
function read(text: string): Map<string, number> {
  const found = new Map<string, number>();
  assert.ok(text === "" || text.endsWith("\n"));
  for (const line of text.split("\n").slice(0, -1)) {
    if (
      /^# (?:HELP [a-zA-Z_:][\w:]* [^\n]*|TYPE [a-zA-Z_:][\w:]* (?:counter|gauge|histogram))$/.test(
        line,
      )
    )
      continue;
    const match =
      /^([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*\})? (\S+)$/.exec(
        line,
      );
    assert.ok(match, JSON.stringify(line));
    const series = `${match[1]}${match[2] ?? ""}`;
    assert.ok(!found.has(series), series);
    found.set(series, match[3] === "+Inf" ? Number.POSITIVE_INFINITY : Number(match[3]));
  }
  return found;
}

void test("prometheusText() writes each kind of metric", () => {
  const histogram = new Histogram([1, 5]);
  for (const value of [0.5, 1, 3, 100]) histogram.observe(value);
  assert.equal(
    prometheusText([
      { name: "a_total", help: "Of a\nkind \\", type: "counter", samples: [{ value: 3 }] },
      {
        name: "b",
        help: "B.",
        type: "gauge",
        samples: [
          { labels: { x: "1", y: 'q"\\\n' }, value: 0.5 },
          { labels: { x: "2" }, value: Number.POSITIVE_INFINITY },
        ],
      },
      { name: "c_seconds", help: "C.", type: "histogram", histogram, unit: 0.001 },
    ]),
    `# HELP a_total Of a\\nkind \\\\
# TYPE a_total counter
a_total 3
# HELP b B.
# TYPE b gauge
b{x="1",y="q\\"\\\\\\n"} 0.5
b{x="2"} +Inf
# HELP c_seconds C.
# TYPE c_seconds histogram
c_seconds_bucket{le="0.001"} 2
c_seconds_bucket{le="0.005"} 3
c_seconds_bucket{le="+Inf"} 4
c_seconds_sum 0.1045
c_seconds_count 4
`,
  );
});

void test("a label may be any text, and cannot make a line of its own", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const samples = [{ labels: { of: text }, value: 1 }];
      const written = prometheusText([{ name: "m", help: text, type: "gauge", samples }]);
      const [series] = read(written).keys();
      const inside = /^m\{of="([\s\S]*)"\}$/.exec(series!)![1]!;
      const back = inside.replace(/\\(.)/g, (_all, letter) =>
        letter === "n" ? "\n" : String(letter),
      );
      assert.equal(back, text.toWellFormed());
    }),
    { numRuns: 1000 },
  );
});

void test("a histogram counts each value into the bucket of its bound, and all of them", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (values) => {
      const histogram = new Histogram([1, 5, 10]);
      for (const value of values) histogram.observe(value);
      const found = read(prometheusText([{ name: "h", help: "H.", type: "histogram", histogram }]));
      for (const bound of [1, 5, 10]) {
        const below = values.filter((value) => value <= bound).length;
        assert.equal(found.get(`h_bucket{le="${bound}"}`), below);
      }
      assert.equal(found.get('h_bucket{le="+Inf"}'), values.length);
      assert.equal(found.get("h_count"), values.length);
      assert.equal(
        found.get("h_sum"),
        values.reduce((sum, value) => sum + value, 0),
      );
    }),
  );
});

void test("runtimeMetricsText() and agentMetricsText() say what a runtime did", async () => {
  await using it = await fixture();
  await it.call("POST", "/agents/ada/send?wait", { body: { payload: "hi" } });
  const memory = { rss: 1000, heap: 500 };
  const spans = { exported: 5, dropped: 1, queued: 0 };
  const found = read(runtimeMetricsText(it.runtime.metrics(), { version: "1.2.3", memory, spans }));
  assert.equal(found.get('openagents_build_info{version="1.2.3"}'), 1);
  assert.equal(found.get('openagents_ticks_total{outcome="done"}'), 2);
  assert.equal(found.get('openagents_envelopes_received_total{receipt="accepted"}'), 1);
  assert.equal(found.get("openagents_tick_duration_seconds_count"), 2);
  assert.equal(found.get("process_resident_memory_bytes"), 1000);
  assert.equal(found.get("openagents_spans_dropped_total"), 1);
  const agent = read(agentMetricsText(await it.runtime.status("ada")));
  const of = [...agent.keys()].find((series) => series.startsWith("openagents_agent_ticks_total"));
  assert.match(of!, /name="ada",type="echo"/);
  assert.equal(agent.get(of!), 2);
  for (const [path, series] of [
    ["/runtime/metrics", "openagents_ticks_total"],
    ["/agents/ada/metrics", "openagents_agent_ticks_total"],
  ] as const) {
    const response = await it.call("GET", path);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert.ok([...read(await response.text()).keys()].some((key) => key.startsWith(series)));
  }
  // A home that knows little says little.
  assert.deepEqual(
    [...read(runtimeMetricsText({ startedAt: 2000 }))],
    [["openagents_start_time_seconds", 2]],
  );
});
