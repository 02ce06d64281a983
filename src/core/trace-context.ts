import type { Envelope } from "./envelope.ts";
import type { TraceContext } from "./ports/tracer.ts";

/** The headers of W3C Trace Context, in an HTTP request as in an envelope. */
export const TRACEPARENT = "traceparent";
export const TRACESTATE = "tracestate";

/** `version-traceid-spanid-flags`; later versions may have more behind that. */
const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\u0020-\u007e]*)?$/;
const LONGEST_PARENT = 512;
const ZEROS = /^0+$/;

/** `key=value` of a tracestate; spaces around each are let be. */
const MEMBER =
  /^[ \t]*(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[\u0020-\u002b\u002d-\u003c\u003e-\u007e]{0,256}[ \t]*$/;
const MEMBERS = 32;
const LONGEST_STATE = 512;

/**
 * The context that `traceparent` and `tracestate` (W3C Trace Context) say; undefined when the first is
 * none, as its sender is a stranger. A state that is none, or is longer than 512 characters, is dropped
 * alone.
 */
export function parseTrace(
  parent: string | null | undefined,
  state?: string | null,
): TraceContext | undefined {
  if (typeof parent !== "string" || parent.length > LONGEST_PARENT) return undefined;
  const [, version, traceId, spanId, flags, more] = PARENT.exec(parent) ?? [];
  if (version === undefined || version === "ff") return undefined;
  if (version === "00" && more !== undefined) return undefined;
  if (ZEROS.test(traceId!) || ZEROS.test(spanId!)) return undefined;
  const sampled = (Number.parseInt(flags!, 16) & 1) === 1;
  const known = { traceId: traceId!, spanId: spanId!, sampled };
  return typeof state === "string" && isState(state) ? { ...known, state } : known;
}

/** The `traceparent` of a context, version 00. */
export function formatTrace({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

/** The context that an envelope carries; undefined when it carries none that is one. */
export function traceOf({ headers }: Pick<Envelope, "headers">): TraceContext | undefined {
  const parent = headers?.[TRACEPARENT];
  return parent === undefined ? undefined : parseTrace(parent, headers![TRACESTATE]);
}

/** Headers that carry this context in place of the one that they had. */
export function traceHeaders(
  trace: TraceContext,
  headers: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const { [TRACESTATE]: _before, ...others } = headers;
  const { state } = trace;
  const parent = { ...others, [TRACEPARENT]: formatTrace(trace) };
  return state === undefined ? parent : { ...parent, [TRACESTATE]: state };
}

function isState(text: string): boolean {
  if (text.length === 0 || text.length > LONGEST_STATE) return false;
  const members = text.split(",");
  return members.length <= MEMBERS && members.every((member) => MEMBER.test(member));
}
