import type { HistogramCounts } from "../core/histogram.ts";
import type { AgentReport, RuntimeMetrics } from "../core/runtime.ts";
import type { SpanCounts } from "../core/span-queue.ts";

/** The content type of the text format that is written here. */
export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

/** One series of a metric. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

/** A metric, with all of its series. */
export type Metric = {
  /** Letters, digits, "_" and ":", no digit at first. */
  readonly name: string;
  readonly help: string;
} & (
  | { readonly type: "counter" | "gauge"; readonly samples: readonly Sample[] }
  | {
      readonly type: "histogram";
      readonly histogram: HistogramCounts;
      readonly labels?: Labels;
      /** What one of what was measured is in the unit of the name. Default 1. */
      readonly unit?: number;
    }
);

/** Metrics in the text format of Prometheus, version 0.0.4. */
export function prometheusText(metrics: readonly Metric[]): string {
  return metrics.map((metric) => lines(metric).join("")).join("");
}

function lines(metric: Metric): readonly string[] {
  const { name, help, type } = metric;
  const head = [`# HELP ${name} ${escapeHelp(help)}\n`, `# TYPE ${name} ${type}\n`];
  if (metric.type !== "histogram") {
    return [...head, ...metric.samples.map(({ labels, value }) => line(name, labels, value))];
  }
  const { histogram, labels = {}, unit = 1 } = metric;
  let below = 0;
  const buckets = [...histogram.bounds, Number.POSITIVE_INFINITY].map((bound, i) => {
    below += histogram.counts[i]!;
    return line(`${name}_bucket`, { ...labels, le: numberText(inUnit(bound, unit)) }, below);
  });
  return [
    ...head,
    ...buckets,
    line(`${name}_sum`, labels, inUnit(histogram.sum, unit)),
    line(`${name}_count`, labels, histogram.count),
  ];
}

function line(name: string, labels: Labels = {}, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  const of = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
  return `${name}${of} ${numberText(value)}\n`;
}

/** Without the noise that halves and tenths leave behind. */
function inUnit(value: number, unit: number): number {
  return Number((value * unit).toPrecision(12));
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}

function escapeLabel(text: string): string {
  return text
    .toWellFormed()
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("\n", "\\n");
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** What a home knows beside what its runtime counts. */
export interface HomeMeasures {
  readonly version?: string;
  /** Of the process, in bytes; absent where nobody can say. */
  readonly memory?: { readonly rss: number; readonly heap: number } | undefined;
  /** Clients that are connected; absent where nobody can say. */
  readonly connections?: number | undefined;
  /** Of traces, where there are any. */
  readonly spans?: SpanCounts | undefined;
}

const MS = 0.001;

/** What a runtime counts, as Prometheus reads it; of a home that counts less, what there is. */
export function runtimeMetricsText(
  metrics: Partial<RuntimeMetrics>,
  measures: HomeMeasures = {},
): string {
  const { startedAt, running, ready, cached, locked, counts } = metrics;
  const { version, memory, connections, spans } = measures;
  const all: (Metric | undefined)[] = [
    version === undefined ? undefined : info("openagents_build_info", "The release.", { version }),
    gauge(
      "openagents_start_time_seconds",
      "When the runtime began, in seconds since 1970.",
      startedAt && startedAt * MS,
    ),
    gauge("openagents_ticks_running", "Ticks under way.", running),
    gauge("openagents_agents_ready", "Agents that are due and wait for their turn.", ready),
    gauge("openagents_agents_cached", "Agents in memory.", cached),
    gauge(
      "openagents_keys_locked",
      "1 while what needs a key waits for it.",
      locked === undefined ? undefined : Number(locked),
    ),
    ...(counts === undefined ? [] : countsOf(counts)),
    gauge("process_resident_memory_bytes", "Memory of the process.", memory?.rss),
    gauge("openagents_heap_bytes", "Memory that its objects take.", memory?.heap),
    gauge("openagents_http_connections", "Clients that are connected.", connections),
    counter("openagents_spans_exported_total", "Spans that a collector took.", spans?.exported),
    counter("openagents_spans_dropped_total", "Spans that were lost.", spans?.dropped),
    gauge("openagents_spans_queued", "Spans that wait to be exported.", spans?.queued),
  ];
  return prometheusText(all.filter((metric) => metric !== undefined));
}

/** What is known of one agent, as Prometheus reads it. */
export function agentMetricsText(report: AgentReport): string {
  const { id, name, type, status, ticks, queued, alarms, parked, lastTick } = report;
  const labels = { agent: id, name, type };
  const one = (
    kind: "counter" | "gauge",
    [metric, help]: readonly [string, string],
    value: number,
  ): Metric => ({ name: metric, help, type: kind, samples: [{ labels, value }] });
  return prometheusText([
    info("openagents_agent_info", "The agent, and how it is.", { ...labels, status }),
    one("counter", ["openagents_agent_ticks_total", "Ticks on its record."], ticks),
    one("gauge", ["openagents_agent_queued", "Mail that waits in its inbox."], queued),
    one("gauge", ["openagents_agent_alarms", "Alarms that are set."], alarms.length),
    one("gauge", ["openagents_agent_parked", "Ticks that are parked."], parked.length),
    ...(lastTick === undefined
      ? []
      : [
          one(
            "gauge",
            ["openagents_agent_last_tick_seconds", "When its last tick began, since 1970."],
            lastTick.at * MS,
          ),
        ]),
  ]);
}

function countsOf(counts: RuntimeMetrics["counts"]): readonly Metric[] {
  const by = (label: string, numbers: Readonly<Record<string, number>>): readonly Sample[] =>
    Object.entries(numbers).map(([key, value]) => ({ labels: { [label]: key }, value }));
  return [
    {
      name: "openagents_ticks_total",
      help: "Durable ticks by how they ended.",
      type: "counter",
      samples: by("outcome", counts.outcomes),
    },
    {
      name: "openagents_envelopes_received_total",
      help: "Mail that was to be put into inboxes here, by what became of it.",
      type: "counter",
      samples: by("receipt", { accepted: 0, duplicate: 0, ...counts.received }),
    },
    {
      name: "openagents_outbox_total",
      help: "Mail that left the outbox: it arrived, or went back to its sender.",
      type: "counter",
      samples: by("result", { sent: counts.sent, returned: counts.returned }),
    },
    histogram("openagents_tick_duration_seconds", "How long ticks took.", counts.tickMs),
    histogram(
      "openagents_tick_lag_seconds",
      "How long after it was due a tick began.",
      counts.lagMs,
    ),
    histogram(
      "openagents_commit_sync_seconds",
      "How long it took from a commit until it was durable.",
      counts.syncMs,
    ),
  ];
}

function histogram(name: string, help: string, counts: HistogramCounts): Metric {
  return { name, help, type: "histogram", histogram: counts, unit: MS };
}

function gauge(name: string, help: string, value: number | undefined): Metric | undefined {
  return value === undefined ? undefined : { name, help, type: "gauge", samples: [{ value }] };
}

function counter(name: string, help: string, value: number | undefined): Metric | undefined {
  return value === undefined ? undefined : { name, help, type: "counter", samples: [{ value }] };
}

function info(name: string, help: string, labels: Labels): Metric {
  return { name, help, type: "gauge", samples: [{ labels, value: 1 }] };
}
