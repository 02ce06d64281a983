import type { Context, Env, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { TraceContext, Tracer } from "../core/ports/index.ts";
import { endRequest, requestSpan } from "../core/telemetry.ts";
import type { RequestFacts, ResponseFacts } from "../core/telemetry.ts";
import { parseTrace, traceHeaders, TRACEPARENT, TRACESTATE } from "../core/trace-context.ts";
import type { MailInput } from "../core/runtime.ts";

export type { RequestFacts, ResponseFacts } from "../core/telemetry.ts";

/** Is told of each request of an API. Knows no framework, and no call of it throws or waits. */
export interface RequestObserver {
  /** A request came in. */
  start(request: RequestFacts): ObservedRequest;
}

/** One request that is under way. */
export interface ObservedRequest {
  /** Where the request itself stands in its trace: what it causes follows from there. */
  readonly trace?: TraceContext | undefined;
  /** It is answered; of a stream, its head is. */
  end(response: ResponseFacts): void;
}

/** Notes each request as a span. */
export function tracingRequests(tracer: Tracer): RequestObserver {
  return {
    start(request) {
      const span = requestSpan(tracer, request);
      return { trace: span.context, end: (response) => endRequest(span, request, response) };
    },
  };
}

/** Tells several observers; the trace is that of the first one that has one. */
export function observers(all: readonly RequestObserver[]): RequestObserver {
  return {
    start(request) {
      const each = all.map((one) => one.start(request));
      return {
        trace: each.find(({ trace }) => trace !== undefined)?.trace,
        end(response) {
          for (const one of each) one.end(response);
        },
      };
    },
  };
}

/** What a handler finds in its context: `c.get("trace")`. */
export interface TraceVariables {
  /** The context that what a request causes follows from; undefined where nobody traces. */
  readonly trace?: TraceContext | undefined;
}

/** What an API knows of a request beside what HTTP says. */
export type RequestNames = (c: Context) => Pick<ResponseFacts, "id" | "principal">;

/**
 * Middleware that goes before all others: tells the observer, and sets `trace` to the context of the
 * request's span, or where nobody traces to the one that its sender gave.
 */
export function observing<E extends Env>(
  observer?: RequestObserver,
  names: RequestNames = () => ({}),
): MiddlewareHandler<E> {
  return async (c, next) => {
    const parent = parseTrace(c.req.header(TRACEPARENT), c.req.header(TRACESTATE));
    const set = (trace: TraceContext): void => (c as unknown as Context).set("trace", trace);
    if (observer === undefined) {
      if (parent !== undefined) set(parent);
      return next();
    }
    const { protocol, pathname } = new URL(c.req.url);
    const observed = observer.start({
      method: c.req.method,
      path: pathname,
      scheme: protocol.slice(0, -1),
      parent,
    });
    const trace = observed.trace ?? parent;
    if (trace !== undefined) set(trace);
    try {
      await next();
    } finally {
      observed.end({ status: c.res.status, route: routeOf(c), ...names(c) });
    }
  };
}

/** The template of the route that a request took, as `/agents/{ref}`; undefined for none. */
export function routeOf(c: Context): string | undefined {
  // What goes before all routes is registered for every path.
  const path = matchedRoutes(c).find(({ path: route }) => !/^\/?\*$/.test(route))?.path;
  return path?.replace(/:(\w+)(?:\{[^}]*\})?\??/g, "{$1}");
}

/** Mail with the context of the request that it came by, unless it brought one along. */
export function mailInTrace<T extends Pick<MailInput, "headers">>(
  mail: T,
  trace: TraceContext | undefined,
): T {
  const own = parseTrace(mail.headers?.[TRACEPARENT]);
  if (trace === undefined || own !== undefined) return mail;
  return { ...mail, headers: traceHeaders(trace, mail.headers) };
}

/** The context that a request says of itself; undefined for none. */
export function traceOfRequest({ headers }: Pick<Request, "headers">): TraceContext | undefined {
  return parseTrace(headers.get(TRACEPARENT), headers.get(TRACESTATE));
}

/** The same request, as whoever it is passed on to is to see it: in this trace. */
export function requestInTrace(request: Request, trace: TraceContext | undefined): Request {
  if (trace === undefined) return request;
  const headers = new Headers(request.headers);
  headers.delete(TRACESTATE);
  for (const [name, value] of Object.entries(traceHeaders(trace))) headers.set(name, value);
  return new Request(request, { headers });
}
