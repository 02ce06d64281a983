import type { Json } from "../core/json.ts";
import type { FileService, Page } from "../core/ports/index.ts";
import type { RemoteRuntime } from "../core/runtime.ts";
import type { ListSchedules, Schedule, Schedules } from "../drivers/scheduler.ts";
import type { CallOptions } from "./client.ts";
import type { ServerEvent } from "./events.ts";
import type { RuntimeStatus } from "./shapes/home.ts";
import type { TickView } from "./shapes/record.ts";
import type { LoggedLine } from "./shapes/work.ts";
import type { EventName } from "./tick-events.ts";
import type { SecretInfo } from "./secrets.ts";
import type { MadeToken, NewToken, TokenInfo } from "./tokens.ts";
import type { WebhookAdmin } from "./webhooks.ts";

/** All that the API of a home can do, and the agents that are in it. */
export interface RemoteHome extends RemoteRuntime {
  /** The same home, whose calls have these options in place of the ones before. */
  with(options: CallOptions): RemoteHome;
  /** Who may use the API. */
  readonly tokens: RemoteTokens;
  /** What models and tools are given by name, and nobody is shown. */
  readonly secrets: RemoteSecrets;
  /** What is sent to agents by time. */
  readonly schedules: RemoteSchedules;
  /** Events that go out to whoever subscribes to them. */
  readonly webhooks: WebhookAdmin;
  /** All of the home as a tree of files; `fs(ref)` is what of it is below `/agents/<ref>`. */
  readonly tree: FileService;

  /** Ticks with a number above `after`, as they stand in the record, parsed. */
  ticks(ref: string, after: number, limit: number): Promise<readonly TickView[]>;
  /** @throws NOT_FOUND when there is no such tick */
  tickAt(ref: string, n: number): Promise<TickView>;
  /** What an agent logged, by ticks: `after` and `limit` count these. */
  logs(ref: string, query?: LogQuery): Promise<Page<LoggedLine>>;
  /**
   * What an agent does, as it does it, over server-sent events; it ends with the connection. Events that
   * are durable have an id, from which one resumes. `agentSocket` is for who wants to stay connected.
   */
  stream(ref: string, options?: StreamOptions): AsyncIterable<ServerEvent>;

  /** What the home is, and what it does now. */
  runtimeStatus(): Promise<RuntimeStatus>;
  /** What the home counts, or what is known of one agent, as Prometheus reads it. */
  metricsText(ref?: string): Promise<string>;
  /** True when the server answers. */
  health(): Promise<boolean>;
  /** False while it starts or stops. */
  ready(): Promise<boolean>;
  /** The API's own OpenAPI document. */
  document(): Promise<Record<string, Json>>;
}

/** Which lines of an agent's log. */
export interface LogQuery {
  /** Those of ticks with a number above this. */
  readonly after?: number | undefined;
  readonly limit?: number | undefined;
  /** This level and above. Default: all. */
  readonly level?: LoggedLine["level"] | undefined;
}

/** Which events of an agent's stream, from where on. */
export interface StreamOptions {
  /** The id of the last event that was seen; `"0"` for all. Default: from now on. */
  readonly after?: string | undefined;
  readonly events?: readonly EventName[] | undefined;
}

export interface RemoteTokens {
  /** A token, whose text is shown this once. */
  create(wanted: NewToken): Promise<MadeToken>;
  list(query?: ListSchedules): Promise<Page<TokenInfo>>;
  /** It lets nobody in any more. @throws NOT_FOUND */
  revoke(id: string): Promise<void>;
}

export interface RemoteSecrets {
  /** Stores a secret, in place of one of that name. @throws INVALID for name or value; LOCKED */
  set(name: string, value: string): Promise<SecretInfo>;
  /** Their names: no value is ever shown. */
  list(query?: ListSchedules): Promise<Page<SecretInfo>>;
  /** It is given to nobody any more. @throws NOT_FOUND */
  remove(name: string): Promise<void>;
}

export interface RemoteSchedules extends Schedules {
  /** Has one fire no more until it is resumed. @throws NOT_FOUND */
  pause(id: string): Promise<Schedule>;
  /** Has one go on, from its first time from now on. @throws NOT_FOUND, INVALID when it is over */
  resume(id: string): Promise<Schedule>;
}
