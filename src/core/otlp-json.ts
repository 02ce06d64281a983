import { SCOPE } from "./telemetry.ts";
import type { EndedSpan } from "./recording-tracer.ts";
import type { SpanAttributes, SpanKind } from "./ports/index.ts";

/** Whose spans they are. */
export interface OtlpResource {
  readonly service: string;
  readonly version: string;
}

/** The numbers that OTLP has for the kinds of spans. */
const KINDS: Readonly<Record<SpanKind, number>> = {
  internal: 1,
  server: 2,
  client: 3,
  producer: 4,
  consumer: 5,
};
const ERROR = 2;

/**
 * The body of an OTLP/HTTP request (`ExportTraceServiceRequest`) in its JSON form. `redact` takes secrets
 * out of the names of spans, their texts and their failures.
 */
export function otlpJson(
  spans: readonly EndedSpan[],
  { service, version }: OtlpResource,
  redact: (text: string) => string = (text) => text,
): string {
  const resource = { "service.name": service, "service.version": version };
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [
          { scope: { name: SCOPE, version }, spans: spans.map((span) => otlpSpan(span, redact)) },
        ],
      },
    ],
  });
}

function otlpSpan(span: EndedSpan, redact: (text: string) => string): object {
  const { name, kind, context, parent, link, from, to, failure } = span;
  const error = failure && { "error.type": failure.type };
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    ...(context.state !== undefined && { traceState: context.state }),
    ...(parent !== undefined && { parentSpanId: parent.spanId }),
    name: redact(name),
    kind: KINDS[kind],
    startTimeUnixNano: nanoseconds(from),
    endTimeUnixNano: nanoseconds(to),
    attributes: attributesOf({ ...span.attributes, ...error }, redact),
    ...(link !== undefined && { links: [{ traceId: link.traceId, spanId: link.spanId }] }),
    status: failure === undefined ? {} : { code: ERROR, message: redact(failure.message) },
  };
}

function attributesOf(
  attributes: SpanAttributes,
  redact: (text: string) => string = (text) => text,
): readonly object[] {
  return Object.entries(attributes).flatMap(([key, value]): readonly object[] => {
    if (value === undefined) return [];
    if (typeof value === "string") return [{ key, value: { stringValue: redact(value) } }];
    if (typeof value === "boolean") return [{ key, value: { boolValue: value } }];
    const whole = Number.isSafeInteger(value);
    return [{ key, value: whole ? { intValue: String(value) } : { doubleValue: value } }];
  });
}

/** Of so large a number JSON has no figures enough: it is text, as OTLP wants. */
function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms * 1000)) * 1000n);
}
