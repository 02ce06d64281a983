import { bytesToHex } from "@noble/hashes/utils.js";
import type {
  Random,
  Span,
  SpanAttributes,
  SpanFailure,
  SpanKind,
  SpanStart,
  TraceContext,
  Tracer,
} from "./ports/index.ts";

/** A span that has ended. */
export interface EndedSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly context: TraceContext;
  readonly parent: TraceContext | undefined;
  readonly link: TraceContext | undefined;
  readonly attributes: SpanAttributes;
  /** Ms since 1970. */
  readonly from: number;
  readonly to: number;
  readonly failure: SpanFailure | undefined;
}

export interface RecordingOptions {
  readonly random: Random;
  readonly now: () => number;
  /** Which part of the traces that begin here are recorded, from 0 to 1. Default 1. */
  readonly sample?: number;
  /** Is given each span of a recorded trace when it ends. */
  readonly ended: (span: EndedSpan) => void;
}

/**
 * A tracer over web APIs alone. Whether a trace is recorded is decided where it begins, by its id, and
 * held to from there on, in this process and others.
 */
export function recordingTracer(options: RecordingOptions): Tracer {
  const { random, now, sample = 1, ended } = options;
  const begins = (traceId: string): boolean =>
    Number.parseInt(traceId.slice(-8), 16) / 0x1_0000_0000 < sample;

  return {
    start(name, { kind, attributes, parent, link }: SpanStart): Span {
      const traceId = parent?.traceId ?? newId(random, 16);
      const sampled = parent?.sampled ?? begins(traceId);
      const context: TraceContext = {
        traceId,
        spanId: newId(random, 8),
        sampled,
        ...(parent?.state !== undefined && { state: parent.state }),
      };
      if (!sampled) return { context, rename: nothing, set: nothing, end: nothing };
      const from = now();
      let called = name;
      let facts = attributes;
      let open = true;
      return {
        context,
        rename(next) {
          called = next;
        },
        set(more) {
          facts = { ...facts, ...more };
        },
        end(failure) {
          if (!open) return;
          open = false;
          const to = now();
          ended({
            name: called,
            kind,
            context,
            parent,
            link,
            attributes: facts,
            from,
            to,
            failure,
          });
        },
      };
    },
  };
}

function nothing(): void {}

/** So many random bytes as hex, not all of them 0. */
function newId(random: Random, length: number): string {
  for (;;) {
    const bytes = random.bytes(length);
    if (bytes.some((byte) => byte !== 0)) return bytesToHex(bytes);
  }
}
