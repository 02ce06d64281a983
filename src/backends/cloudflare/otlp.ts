import { otlpJson } from "../../core/otlp-json.ts";
import type { OtlpSettings } from "../../core/otlp-settings.ts";
import type { Tracer } from "../../core/ports/index.ts";
import { recordingTracer } from "../../core/recording-tracer.ts";
import type { EndedSpan } from "../../core/recording-tracer.ts";
import { SpanQueue } from "../../core/span-queue.ts";
import type { SpanCounts } from "../../core/span-queue.ts";
import { systemRandom } from "../../core/system.ts";

/** A tracer of a Worker's isolate. */
export interface WorkerTracer {
  readonly tracer: Tracer;
  counts(): SpanCounts;
  /**
   * Exports what waits by a request of the caller's own, as the platform ties I/O to whoever began it:
   * to be called when the work of a request or an alarm is done, and given to `waitUntil`. Never rejects.
   */
  flush(): Promise<void>;
}

/** How long a collector may take, ms. */
const PATIENCE = 5000;

export interface OtlpOptions extends OtlpSettings {
  readonly version: string;
  /** What takes secrets out of names, texts and failures. */
  readonly redact: (text: string) => string;
}

/**
 * Spans as OTLP/HTTP in its JSON form, over fetch. The SDK of OpenTelemetry exports by timers and
 * promises that all of a process share, which in an isolate of many objects belong to nobody.
 */
export function otlpTracer(options: OtlpOptions): WorkerTracer {
  const { url, headers, sample, redact } = options;
  const queue = new SpanQueue<EndedSpan>();
  const post = async (spans: EndedSpan[]): Promise<void> => {
    const response = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: otlpJson(spans, options, redact),
      signal: AbortSignal.timeout(PATIENCE),
      redirect: "manual",
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`The collector answered ${response.status}`);
  };
  return {
    tracer: recordingTracer({
      random: systemRandom,
      now: () => Date.now(),
      sample,
      ended: (span) => queue.push(span),
    }),
    counts: () => queue.counts,
    flush: () => queue.drain(post),
  };
}
