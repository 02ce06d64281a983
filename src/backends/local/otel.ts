import type * as Api from "@opentelemetry/api";
import type * as Exporter from "@opentelemetry/exporter-trace-otlp-http";
import type * as Resources from "@opentelemetry/resources";
import type * as Sdk from "@opentelemetry/sdk-trace";
import { OpenAgentsError } from "../../core/errors.ts";
import type { OtlpSettings } from "../../core/otlp-settings.ts";
import type {
  Span,
  SpanAttributes,
  SpanKind,
  TraceContext,
  Tracer,
} from "../../core/ports/index.ts";
import { SpanQueue } from "../../core/span-queue.ts";
import type { SpanCounts } from "../../core/span-queue.ts";
import { ATTRIBUTE, SCOPE } from "../../core/telemetry.ts";

/** A tracer that exports, and what became of its spans. */
export interface ExportingTracer {
  readonly tracer: Tracer;
  counts(): SpanCounts;
  /** Exports what waits, for at most `grace` ms, and then no more. Never rejects. */
  stop(grace: number): Promise<void>;
}

export interface OtelOptions extends OtlpSettings {
  readonly version: string;
  /** What takes secrets out of names, texts and failures when they are exported. Default: they stay as they are. */
  readonly redact?: (text: string) => string;
  /** How often what waits is exported, ms. Default 1000. */
  readonly every?: number;
}

type Exported = Sdk.ReadableSpan;

/**
 * A tracer over the SDK of OpenTelemetry, which exports by OTLP over HTTP. Its packages are optional
 * peers, loaded by this call. Spans wait in a queue of 2048 and are exported one batch at a time, outside
 * of what is traced: a collector that is slow or gone costs spans, which are counted, and nothing else.
 * @throws CONFIG naming the packages to install
 */
export async function otelTracer(options: OtelOptions): Promise<ExportingTracer> {
  const { api, sdk, resources, exporter } = await load(options.url);
  const { url, service, sample, headers, version, redact, every = 1000 } = options;
  // It is given one batch after the other; its own limit counts one for a moment longer than it takes.
  const out = new exporter.OTLPTraceExporter({
    url,
    headers: { ...headers },
    timeoutMillis: 5000,
  });
  const queue = new SpanQueue<Exported>();
  const provider = new sdk.TracerProvider({
    resource: resources
      .defaultResource()
      .merge(
        resources.resourceFromAttributes({ "service.name": service, "service.version": version }),
      ),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(sample) }),
    spanProcessors: [intoQueue(queue)],
  });
  const send = (spans: Exported[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const clean = redact === undefined ? spans : spans.map((span) => cleanSpan(span, redact));
      out.export(clean, ({ code, error }) => {
        const failed: number = code;
        if (failed === 0) resolve();
        else reject(error ?? new Error("Nobody took the spans"));
      });
    });
  let draining: Promise<void> | undefined;
  const drain = (): Promise<void> => {
    draining ??= queue.drain(send).finally(() => {
      draining = undefined;
    });
    return draining;
  };
  const timer = setInterval(() => void drain(), every);
  timer.unref();
  return {
    tracer: tracerOver(api, provider.getTracer(SCOPE, version)),
    counts: () => queue.counts,
    async stop(grace) {
      clearInterval(timer);
      const late = Promise.withResolvers<void>();
      const limit = setTimeout(late.resolve, grace);
      await Promise.race([drain().then(drain), late.promise]);
      clearTimeout(limit);
      // It waits for what is under way, which may be long.
      void out.shutdown().catch(() => undefined);
    },
  };
}

/** The port over a tracer of OpenTelemetry's, which needs no more of the SDK than that. */
export function tracerOver(api: typeof Api, tracer: Api.Tracer): Tracer {
  const { trace, ROOT_CONTEXT, SpanStatusCode } = api;
  const kinds: Readonly<Record<SpanKind, Api.SpanKind>> = {
    internal: api.SpanKind.INTERNAL,
    server: api.SpanKind.SERVER,
    client: api.SpanKind.CLIENT,
    producer: api.SpanKind.PRODUCER,
    consumer: api.SpanKind.CONSUMER,
  };
  const theirs = ({ traceId, spanId, sampled, state }: TraceContext): Api.SpanContext => ({
    traceId,
    spanId,
    traceFlags: sampled ? 1 : 0,
    isRemote: true,
    ...(state !== undefined && { traceState: api.createTraceState(state) }),
  });
  return {
    start(name, { kind, attributes, parent, link }) {
      const context =
        parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, theirs(parent));
      const span = tracer.startSpan(
        name,
        {
          kind: kinds[kind],
          attributes,
          ...(link !== undefined && { links: [{ context: theirs(link) }] }),
        },
        context,
      );
      return spanOver(span, (failure) => {
        span.setAttribute(ATTRIBUTE.errorType, failure.type);
        span.setStatus({ code: SpanStatusCode.ERROR, message: failure.message });
      });
    },
  };
}

function spanOver(
  span: Api.Span,
  fail: (failure: { readonly type: string; readonly message: string }) => void,
): Span {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const state = traceState?.serialize();
  const sampled = (traceFlags & 1) === 1;
  return {
    context: { traceId, spanId, sampled, ...(state && { state }) },
    rename: (name) => void span.updateName(name),
    set(attributes: SpanAttributes) {
      for (const [name, value] of Object.entries(attributes)) {
        if (value !== undefined) span.setAttribute(name, value);
      }
    },
    end(failure) {
      if (!span.isRecording()) return;
      if (failure !== undefined) fail(failure);
      span.end();
    },
  };
}

/** A span as a collector may see it. The SDK's own has its facts behind getters, and is no plain object. */
function cleanSpan(span: Exported, redact: (text: string) => string): Exported {
  const { status } = span;
  const attributes = Object.entries(span.attributes).map(([name, value]) => [
    name,
    typeof value === "string" ? redact(value) : value,
  ]);
  return {
    name: redact(span.name),
    kind: span.kind,
    spanContext: () => span.spanContext(),
    ...(span.parentSpanContext !== undefined && { parentSpanContext: span.parentSpanContext }),
    startTime: span.startTime,
    endTime: span.endTime,
    status: status.message === undefined ? status : { ...status, message: redact(status.message) },
    attributes: Object.fromEntries(attributes) as Exported["attributes"],
    links: span.links,
    events: span.events,
    duration: span.duration,
    ended: span.ended,
    resource: span.resource,
    instrumentationScope: span.instrumentationScope,
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
  };
}

function intoQueue(queue: SpanQueue<Exported>): Sdk.SpanProcessor {
  return {
    onStart() {},
    onEnd: (span) => queue.push(span),
    forceFlush: async () => {},
    shutdown: async () => {},
  };
}

const PACKAGES = [
  "@opentelemetry/api",
  "@opentelemetry/sdk-trace",
  "@opentelemetry/resources",
  "@opentelemetry/exporter-trace-otlp-http",
].join(" ");

async function load(url: string): Promise<{
  readonly api: typeof Api;
  readonly sdk: typeof Sdk;
  readonly resources: typeof Resources;
  readonly exporter: typeof Exporter;
}> {
  try {
    const [api, sdk, resources, exporter] = await Promise.all([
      import("@opentelemetry/api"),
      import("@opentelemetry/sdk-trace"),
      import("@opentelemetry/resources"),
      import("@opentelemetry/exporter-trace-otlp-http"),
    ]);
    return { api, sdk, resources, exporter };
  } catch (cause) {
    throw new OpenAgentsError(
      "CONFIG",
      `Cannot export traces to "${url}": ${(cause as Error).message}: install what it takes with "npm install ${PACKAGES}", or switch telemetry off`,
      { cause },
    );
  }
}
