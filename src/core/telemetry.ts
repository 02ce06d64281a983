import type { AgentRecord } from "./agent.ts";
import { PUBLIC } from "./envelope.ts";
import type { Envelope } from "./envelope.ts";
import { errorInfo } from "./errors.ts";
import type { Occasion } from "./perceive.ts";
import type { Receipt } from "./ports/index.ts";
import type { Span, SpanFailure, TraceContext, Tracer } from "./ports/tracer.ts";
import { traceHeaders, traceOf } from "./trace-context.ts";
import type { TickRecord } from "./trajectory.ts";

// All names of spans and attributes stand here. Where OpenTelemetry's semantic conventions have one
// (HTTP, messaging, and GenAI, which are still in development) it is theirs, else it is `openagents.*`.

/** The instrumentation scope of all spans. */
export const SCOPE = "@openagents/runtime";

/** Names of attributes. */
export const ATTRIBUTE = {
  operation: "gen_ai.operation.name",
  agentId: "gen_ai.agent.id",
  agentName: "gen_ai.agent.name",
  conversation: "gen_ai.conversation.id",
  provider: "gen_ai.provider.name",
  messagingSystem: "messaging.system",
  messagingOperation: "messaging.operation.name",
  messagingOperationType: "messaging.operation.type",
  messageId: "messaging.message.id",
  destination: "messaging.destination.name",
  errorType: "error.type",
  method: "http.request.method",
  methodOriginal: "http.request.method_original",
  route: "http.route",
  status: "http.response.status_code",
  path: "url.path",
  scheme: "url.scheme",
  requestId: "openagents.request.id",
  principal: "openagents.principal.id",
  agentType: "openagents.agent.type",
  envelopeType: "openagents.envelope.type",
  envelopeSource: "openagents.envelope.source",
  receipt: "openagents.envelope.receipt",
  tick: "openagents.tick.number",
  outcome: "openagents.tick.outcome",
  attempt: "openagents.tick.attempt",
  resumed: "openagents.tick.resumed",
  step: "openagents.step.name",
  stepKey: "openagents.step.key",
} as const;

/** The one system of messages and agents that these spans are about. */
const SYSTEM = "openagents";

const METHODS: ReadonlySet<string> = new Set(
  "GET HEAD POST PUT PATCH DELETE OPTIONS CONNECT TRACE QUERY".split(" "),
);

/** What is known of a request when it comes in. */
export interface RequestFacts {
  readonly method: string;
  readonly path: string;
  readonly scheme: string;
  /** The context that its sender gave. */
  readonly parent?: TraceContext | undefined;
}

/** What is known of a request when it is answered. */
export interface ResponseFacts {
  readonly status: number;
  /** The template of the route, as `/agents/{ref}`; undefined where there was none. */
  readonly route?: string | undefined;
  readonly id?: string | undefined;
  readonly principal?: string | undefined;
}

/** The server's span of an HTTP request. Its query is not on it, which may hold tokens. */
export function requestSpan(tracer: Tracer, request: RequestFacts): Span {
  const { method, path, scheme, parent } = request;
  const known = METHODS.has(method);
  return tracer.start(known ? method : "HTTP", {
    kind: "server",
    parent,
    attributes: {
      [ATTRIBUTE.method]: known ? method : "_OTHER",
      [ATTRIBUTE.methodOriginal]: known ? undefined : method,
      [ATTRIBUTE.path]: path,
      [ATTRIBUTE.scheme]: scheme,
    },
  });
}

/** Ends the span of a request, and names it by the route that it took. */
export function endRequest(
  span: Span,
  { method }: Pick<RequestFacts, "method">,
  response: ResponseFacts,
): void {
  const { status, route, id, principal } = response;
  if (route !== undefined) span.rename(`${METHODS.has(method) ? method : "HTTP"} ${route}`);
  span.set({
    [ATTRIBUTE.status]: status,
    [ATTRIBUTE.route]: route,
    [ATTRIBUTE.requestId]: id,
    [ATTRIBUTE.principal]: principal,
  });
  span.end(status >= 500 ? { type: String(status), message: "" } : undefined);
}

/**
 * Begins the span of mail that is put into an inbox: the envelope, which carries it from then on, and
 * the span, to be ended with what became of it. What caused it is what it carried, or `parent`.
 */
export function sendSpan(
  tracer: Tracer,
  envelope: Envelope,
  parent: TraceContext | undefined = traceOf(envelope),
): { readonly envelope: Envelope; readonly span: Span } {
  const { id, type, source, to, toName } = envelope;
  const span = tracer.start(`send ${type}`, {
    kind: "producer",
    parent,
    attributes: {
      [ATTRIBUTE.messagingSystem]: SYSTEM,
      [ATTRIBUTE.messagingOperation]: "send",
      [ATTRIBUTE.messagingOperationType]: "send",
      [ATTRIBUTE.messageId]: id,
      [ATTRIBUTE.destination]: toName ?? to,
      [ATTRIBUTE.conversation]: conversationOf(envelope),
      [ATTRIBUTE.envelopeType]: type,
      [ATTRIBUTE.envelopeSource]: source,
    },
  });
  return { envelope: withTrace(envelope, span.context), span };
}

/** Ends the span of mail with what became of it. */
export function endSend(span: Span, receipt: Receipt | undefined): void {
  span.set({ [ATTRIBUTE.receipt]: receipt });
  span.end();
}

/**
 * Mail that a tick sends: it carries a span of its own in the tick's, or where nobody traces what the
 * tick itself came with. Nothing is added when that is nothing.
 */
export function outgoing(
  tracer: Tracer | undefined,
  trace: TraceContext | undefined,
  mail: Envelope,
): Envelope {
  if (trace === undefined || mail.to === PUBLIC) return mail;
  if (tracer === undefined) return withTrace(mail, trace);
  const { envelope, span } = sendSpan(tracer, mail, trace);
  span.end();
  return envelope;
}

/**
 * Begins the span of a tick: a child of the mail that caused it, also where it goes on after it was
 * parked, and then linked to the answer that it goes on with.
 */
export function tickSpan(tracer: Tracer, agent: AgentRecord, occasion: Occasion): Span {
  const { envelope, parked, mail, attempt } = occasion;
  const answer = parked === undefined ? undefined : mail?.envelope;
  return tracer.start(`invoke_agent ${agent.name}`, {
    kind: "consumer",
    parent: traceOf(envelope),
    link: answer && traceOf(answer),
    attributes: {
      [ATTRIBUTE.operation]: "invoke_agent",
      [ATTRIBUTE.provider]: SYSTEM,
      [ATTRIBUTE.agentId]: agent.id,
      [ATTRIBUTE.agentName]: agent.name,
      [ATTRIBUTE.agentType]: agent.type,
      [ATTRIBUTE.conversation]: conversationOf(envelope),
      [ATTRIBUTE.messagingSystem]: SYSTEM,
      [ATTRIBUTE.messagingOperation]: "process",
      [ATTRIBUTE.messagingOperationType]: "process",
      [ATTRIBUTE.messageId]: envelope.id,
      [ATTRIBUTE.envelopeType]: envelope.type,
      [ATTRIBUTE.envelopeSource]: envelope.source,
      [ATTRIBUTE.attempt]: attempt,
      [ATTRIBUTE.resumed]: parked === undefined ? undefined : true,
    },
  });
}

/** Ends the span of a tick that is committed. */
export function endTick(span: Span, { n, outcome, error }: TickRecord): void {
  span.set({ [ATTRIBUTE.tick]: n, [ATTRIBUTE.outcome]: outcome });
  span.end(error && { type: error.code, message: error.message });
}

/** Begins the span of a step that is done, and not only replayed. */
export function stepSpan(tracer: Tracer, parent: TraceContext, key: string): Span {
  const name = key.slice(key.indexOf(":") + 1, key.lastIndexOf("#"));
  return tracer.start(`step ${name}`, {
    kind: "internal",
    parent,
    attributes: { [ATTRIBUTE.step]: name, [ATTRIBUTE.stepKey]: key },
  });
}

/** The failure that an error is, as a span has it. */
export function failureOf(error: unknown): SpanFailure {
  const { code, message } = errorInfo(error);
  return { type: code, message };
}

/** All mail that one mail led to is one conversation: `traceId`, which whoever began it may choose. */
function conversationOf({ traceId, id }: Envelope): string {
  return traceId ?? id;
}

function withTrace(envelope: Envelope, trace: TraceContext): Envelope {
  return { ...envelope, headers: traceHeaders(trace, envelope.headers) };
}
