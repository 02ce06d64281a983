import type { HistogramCounts } from "../core/histogram.ts";
import { info, MS, prometheusText } from "../core/prometheus.ts";
import type { Metric, Sample } from "../core/prometheus.ts";
import type { RuntimeMetrics } from "../core/runtime.ts";
import type { SpanCounts } from "../core/span-queue.ts";

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
      name: "openagents_mismatches_total",
      help: "Ticks begun by other code that does not fit the present one, by what became of them.",
      type: "counter",
      samples: by("end", { ...counts.mismatches }),
    },
    {
      name: "openagents_model_tokens_total",
      help: "Tokens that steps used.",
      type: "counter",
      samples: [{ value: counts.used.tokens }],
    },
    {
      name: "openagents_cost_micro_usd_total",
      help: "What steps cost in millionths of a dollar, where their price is known.",
      type: "counter",
      samples: [{ value: counts.used.usd }],
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
