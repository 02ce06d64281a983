import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as a collector has got it. */
export interface Received {
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  readonly links: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly ns: readonly [from: bigint, to: bigint];
}

/** A collector that takes OTLP over HTTP in its JSON form, and checks what it gets. */
export interface Collector {
  readonly url: string;
  readonly spans: readonly Received[];
  /** The headers of each request. */
  readonly requests: readonly NodeJS.Dict<string | string[]>[];
  /** What answers from now on: a status, or nothing at all. Default 200. */
  answer: number | "hang";
  /** Resolves once spans that fit are there. */
  until(fits: (spans: readonly Received[]) => boolean): Promise<readonly Received[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Value {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}
type Attributes = readonly { readonly key: string; readonly value: Value }[];

interface Body {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Attributes };
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string };
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly traceState?: string;
        readonly name: string;
        readonly kind: number;
        readonly startTimeUnixNano: string;
        readonly endTimeUnixNano: string;
        readonly attributes: Attributes;
        readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
        readonly status: Received["status"];
      }[];
    }[];
  }[];
}

export async function startCollector(): Promise<Collector> {
  const spans: Received[] = [];
  const requests: NodeJS.Dict<string | string[]>[] = [];
  const waiting = new Set<() => void>();
  const collector = { answer: 200 as number | "hang" };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      requests.push(request.headers);
      if (collector.answer === "hang") return;
      const right = request.method === "POST" && request.url === "/v1/traces";
      if (collector.answer === 200 && right) {
        spans.push(...spansOf(JSON.parse(Buffer.concat(chunks).toString("utf8")) as Body));
      }
      response.writeHead(right ? collector.answer : 404, { "content-type": "application/json" });
      response.end("{}");
      for (const look of waiting) look();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return Object.assign(collector, {
    url: `http://127.0.0.1:${port}`,
    spans,
    requests,
    until: (fits: (spans: readonly Received[]) => boolean): Promise<readonly Received[]> =>
      new Promise((resolve, reject) => {
        const names = (): string => spans.map(({ name }) => name).join(", ");
        const timer = setTimeout(() => reject(new Error(`The spans are: ${names()}`)), 30_000);
        const look = (): void => {
          if (!fits(spans)) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(spans);
        };
        waiting.add(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  });
}

function spansOf({ resourceSpans }: Body): Received[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        service: String(valuesOf(resource.attributes)["service.name"]),
        name: span.name,
        kind: span.kind,
        traceId: hex(span.traceId, 32),
        spanId: hex(span.spanId, 16),
        parentSpanId: span.parentSpanId ? hex(span.parentSpanId, 16) : undefined,
        traceState: span.traceState,
        links: (span.links ?? []).map((link) => hex(link.spanId, 16)),
        attributes: valuesOf(span.attributes),
        status: span.status,
        ns: [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)] as const,
      })),
    ),
  );
}

function valuesOf(attributes: Attributes): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? value.boolValue ?? Number(value.intValue ?? value.doubleValue),
    ]),
  );
}

function hex(text: string, length: number): string {
  if (text.length === length && /^[0-9a-f]+$/.test(text) && !/^0+$/.test(text)) return text;
  throw new Error(`"${text}" is no id of ${length} digits`);
}

/** The names of spans from the first one on down to this one, each the child of the one before. */
export function pathTo(spans: readonly Received[], last: Received): readonly string[] {
  const path = [last.name];
  let at = last;
  for (;;) {
    const parent = spans.find(({ spanId }) => spanId === at.parentSpanId);
    if (parent === undefined) return path;
    path.unshift(parent.name);
    at = parent;
  }
}
