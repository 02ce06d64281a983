import type { DurableObjectStorage } from "../../stores/durable-object.ts";

// What is used of the Workers platform, by its own names and no more than that: its whole types
// would replace those of the web in every file of the project.

/** `ctx` of a Durable Object. */
export interface ObjectContext {
  readonly id: { toString(): string };
  readonly storage: DurableObjectStorage & {
    readonly kv: {
      get(key: string): unknown;
      put(key: string, value: unknown): void;
      delete(key: string): boolean;
    };
  };
  waitUntil(promise: Promise<unknown>): void;
  acceptWebSocket(socket: HibernatingSocket): void;
  getWebSockets(): readonly HibernatingSocket[];
  setWebSocketAutoResponse(pair: unknown): void;
}

/** The server's end of a WebSocket that stays open while its object is not in memory. */
export interface HibernatingSocket {
  send(text: string): void;
  close(code: number, reason: string): void;
  /** Keeps a value with it, of at most 16 KiB. */
  serializeAttachment(value: unknown): void;
  deserializeAttachment(): unknown;
}

/** A binding to a class of Durable Objects. */
export interface ObjectNamespace {
  idFromName(name: string): unknown;
  get(id: unknown): { fetch(request: Request): Promise<Response> };
}

/** `ctx` of a request to a Worker. */
export interface WorkerContext {
  waitUntil(promise: Promise<unknown>): void;
}

/** What an alarm is told. */
export interface AlarmInfo {
  readonly isRetry: boolean;
}

/** The bindings of the Worker: its classes and its secrets. */
export interface Env {
  readonly AGENTS: ObjectNamespace;
  readonly DIRECTORY: ObjectNamespace;
  /** The object that holds the relays. Without it there are none. */
  readonly RELAYS?: ObjectNamespace;
  /** The object that keeps what is no agent's. Without it there are no schedules, tokens, stored secrets, webhooks and keys of idempotency, and nothing stops all ticks. */
  readonly HOME?: ObjectNamespace;
  /** `1`: webhooks may go to private addresses, for development. */
  readonly OPENAGENTS_ALLOW_PRIVATE_WEBHOOKS?: string;
  /** The bearer token of the control API. */
  readonly OPENAGENTS_TOKEN?: string;
  /** Where traces go, before what the definition says: the standard variables of OpenTelemetry. */
  readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string;
  readonly OTEL_EXPORTER_OTLP_HEADERS?: string;
  readonly OTEL_SERVICE_NAME?: string;
  readonly OTEL_TRACES_SAMPLER_ARG?: string;
  /** What a binding of the kind `version_metadata` says of the deployment. */
  readonly CF_VERSION_METADATA?: { readonly id: string };
  /** The master mnemonic that agents' keys are derived from (BIP-39). */
  readonly OPENAGENTS_MNEMONIC?: string;
}
