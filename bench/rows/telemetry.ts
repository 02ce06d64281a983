import { join } from "node:path";
import * as api from "@opentelemetry/api";
import { BatchSpanProcessor, InMemorySpanExporter, TracerProvider } from "@opentelemetry/sdk-trace";
import { tracerOver } from "../../src/backends/local/otel.ts";
import type { Tracer } from "../../src/core/ports/index.ts";
import { sqlite } from "../../src/stores/sqlite.ts";
import type { Bench, Figures } from "../bench.ts";
import { createAgents, startRuntime, tell } from "../in-process.ts";
import { flight, median, round, tails } from "../measure.ts";

/**
 * Durable ticks a second with every trace recorded by OpenTelemetry's SDK, which keeps the spans in
 * memory; beside the same runtime without a tracer, by turns.
 */
export async function telemetryOverhead(bench: Bench): Promise<Figures> {
  const { agents, inFlight, many, rounds } = bench.sizes;
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: 1_000_000 })],
  });
  const race = async (tracer?: Tracer): Promise<() => Promise<readonly number[]>> => {
    const store = sqlite(join(bench.directory(), "telemetry.db"));
    const runtime = await startRuntime(store, undefined, tracer);
    const ids = await createAgents(runtime, { type: "counter", count: agents });
    stops.push(() => runtime.stop());
    return () => flight({ count: many, inFlight }, (i) => tell(runtime, ids[i % agents]!));
  };
  const stops: (() => Promise<void>)[] = [];
  const on = await race(tracerOver(api, provider.getTracer("bench")));
  const off = await race();
  const took: number[] = [];
  const times: { readonly on: number; readonly off: number }[] = [];
  for (let i = 0; i <= rounds; i += 1) {
    const begun = performance.now();
    await off();
    const between = performance.now();
    const each = await on();
    const end = performance.now();
    await provider.forceFlush();
    const spans = exporter.getFinishedSpans().length;
    exporter.reset();
    if (i === 0) continue;
    // Each message has its span, and its tick.
    if (spans < 2 * many) throw new Error(`There are ${spans} spans of ${many} messages`);
    times.push({ on: end - between, off: between - begun });
    took.push(...each);
  }
  for (const stop of stops) await stop();
  await provider.shutdown();
  const rate = (ms: number): number => round((many / ms) * 1000);
  return {
    value: rate(median(times.map((time) => time.on))),
    unit: "ticks/s",
    ...tails(took),
    ratio: round(median(times.map((time) => time.off / time.on))),
    against: `${rate(median(times.map((time) => time.off)))} ticks/s: without a tracer`,
  };
}
