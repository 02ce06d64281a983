/** Where in which trace something happens: what W3C Trace Context carries from one place to the next. */
export interface TraceContext {
  /** 32 lower-case hex digits, not all of them 0. */
  readonly traceId: string;
  /** 16 lower-case hex digits, not all of them 0. */
  readonly spanId: string;
  /** Whoever began the trace has it recorded. */
  readonly sampled: boolean;
  /** What vendors carry along, as `tracestate`: passed on and not read. */
  readonly state?: string | undefined;
}

/** Which side of what a span is, as OpenTelemetry has it. */
export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

/** Facts of a span by name; one that is undefined is left out. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanStart {
  readonly kind: SpanKind;
  readonly attributes: SpanAttributes;
  /** What caused it. Default: it begins a trace. */
  readonly parent?: TraceContext | undefined;
  /** What else has to do with it. */
  readonly link?: TraceContext | undefined;
}

/** Why what a span stands for failed. */
export interface SpanFailure {
  /** Of few that there are, such as an `ErrorCode`. */
  readonly type: string;
  readonly message: string;
}

/** A piece of work under way. */
export interface Span {
  readonly context: TraceContext;
  rename(name: string): void;
  set(attributes: SpanAttributes): void;
  /** Ends it, as failed where a failure is given. Once; a later call does nothing. */
  end(failure?: SpanFailure): void;
}

/** Notes spans for whoever looks at traces. No call of it throws, waits or is slow: what it cannot take is dropped. */
export interface Tracer {
  start(name: string, span: SpanStart): Span;
}
