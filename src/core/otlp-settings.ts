import { OpenAgentsError } from "./errors.ts";

/** What `telemetry` of a runtime's configuration takes. */
export interface TelemetryOptions {
  /** The address of a collector that takes OTLP over HTTP, as `http://localhost:4318`. Default: none. */
  readonly otlp?: string;
  /** Which part of the traces that begin here are recorded, from 0 to 1. Default 1. */
  readonly sample?: number;
  /** What the service is called there. Default `"openagents"`. */
  readonly service?: string;
}

/** Where traces go. */
export interface OtlpSettings {
  /** The whole address, with its path. */
  readonly url: string;
  readonly service: string;
  readonly sample: number;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Where traces go by the configuration and the standard variables of OpenTelemetry, which go before it;
 * undefined where no collector is named, or `OTEL_SDK_DISABLED` is `true`.
 * @throws CONFIG for a value that is none, naming it
 */
export function otlpSettings(
  options: TelemetryOptions = {},
  env: Readonly<Record<string, unknown>> = {},
): OtlpSettings | undefined {
  const text = (name: string): string | undefined => {
    const value = env[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  if (text("OTEL_SDK_DISABLED")?.toLowerCase() === "true") return undefined;
  const whole = text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const base = text("OTEL_EXPORTER_OTLP_ENDPOINT") ?? options.otlp;
  if (whole === undefined && base === undefined) return undefined;
  const ratio = text("OTEL_TRACES_SAMPLER_ARG");
  return {
    url:
      whole === undefined ? `${collector(base!).replace(/\/+$/, "")}/v1/traces` : collector(whole),
    service: text("OTEL_SERVICE_NAME") ?? options.service ?? "openagents",
    sample: ratio === undefined ? (options.sample ?? 1) : sampleOf(ratio),
    headers: {
      ...headersOf(text("OTEL_EXPORTER_OTLP_HEADERS")),
      ...headersOf(text("OTEL_EXPORTER_OTLP_TRACES_HEADERS")),
    },
  };
}

/** True for the address of a collector. */
export function isCollector(url: unknown): boolean {
  return typeof url === "string" && /^https?:\/\//i.test(url) && URL.canParse(url);
}

/** True for a part of a whole. */
export function isSample(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1;
}

function collector(url: string): string {
  if (isCollector(url)) return url;
  throw refused(`"${url}" is no address of a collector: use one like "http://localhost:4318"`);
}

function sampleOf(text: string): number {
  const value = Number(text);
  if (isSample(value)) return value;
  throw refused(`OTEL_TRACES_SAMPLER_ARG is "${text}": use a number from 0 to 1`);
}

/** `name=value` with commas between them, the values percent-encoded. */
function headersOf(list = ""): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const pair of list.split(",")) {
    const at = pair.indexOf("=");
    if (at <= 0) continue;
    headers[pair.slice(0, at).trim()] = decoded(pair.slice(at + 1).trim());
  }
  return headers;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function refused(problem: string): OpenAgentsError {
  return new OpenAgentsError("CONFIG", `Cannot export traces: ${problem}`);
}
