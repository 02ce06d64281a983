import type { HistogramCounts } from "./histogram.ts";

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

/** Milliseconds in the unit of Prometheus. */
export const MS = 0.001;

/** A metric that says something in its labels. */
export function info(name: string, help: string, labels: Labels): Metric {
  return { name, help, type: "gauge", samples: [{ labels, value: 1 }] };
}
