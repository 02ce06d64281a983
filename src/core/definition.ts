import type { Context } from "./context.ts";
import type { Duration } from "./duration.ts";
import { toMs } from "./duration.ts";
import { OpenAgentsError } from "./errors.ts";
import type { ErrorInfo } from "./errors.ts";
import { toJson } from "./json.ts";
import type { InboxPolicy, Store } from "./ports/index.ts";
import type { StandardSchema } from "./standard-schema.ts";
import type { State } from "./state.ts";
import type { Trigger } from "./envelope.ts";

/** A message as `onMessage` gets it. */
export interface Message extends Trigger {
  readonly type: "message";
}

/** An alarm as `onAlarm` gets it; `payload` is what was given to `ctx.schedule`. */
export interface Alarm extends Trigger {
  readonly type: "alarm";
  readonly alarmId: string;
  /** The time it was due, ms since 1970. */
  readonly dueAt: number;
}

type Hook<S extends State, T> = (ctx: Context<S>, trigger: T) => unknown;

/** What an agent does. A hook that is absent does nothing, except where its line says otherwise. */
export interface Hooks<S extends State> {
  /** In its first tick. */
  readonly onCreate?: Hook<S, Trigger>;
  /** In the first tick after it was dormant, before the trigger's own hook. */
  readonly onWake?: Hook<S, Trigger>;
  /** Without it (and `onTrigger`), messages go to the dead letters. */
  readonly onMessage?: Hook<S, Message>;
  /** Without it (and `onTrigger`), alarms go to the dead letters. */
  readonly onAlarm?: Hook<S, Alarm>;
  /** For events and mentions. Without it (and `onTrigger`), they go to the dead letters. */
  readonly onEvent?: Hook<S, Trigger>;
  /** When an operator asks for a tick. */
  readonly onManual?: Hook<S, Trigger>;
  /** In place of each of the hooks above that is absent, but `onCreate` and `onWake`. */
  readonly onTrigger?: Hook<S, Trigger>;
  /** In the tick in which it is told to hibernate. */
  readonly onSleep?: Hook<S, Trigger>;
  /** When a trigger has failed for the last time; what it does is committed with the dead letter. */
  readonly onError?: Hook<S, ErrorInfo & { readonly trigger: Trigger }>;
  /** In its last tick. */
  readonly onTerminate?: Hook<S, Trigger>;
}

/** What `defineAgent` takes. */
export interface AgentOptions<S extends State = State> extends Hooks<S> {
  /** The type's name: 1 to 63 letters, digits, ".", "_", "-". */
  readonly name: string;
  /** The state of a new agent. Default `{}`. */
  readonly state?: S;
  /** Checked before the commit of each tick that changed state; its output is what is stored. */
  readonly stateSchema?: StandardSchema<S>;
  /** Checked against each message's payload; a message that does not fit goes to the dead letters. */
  readonly messageSchema?: StandardSchema;
  /** Version of the shape of the state. Default 1. */
  readonly version?: number;
  /** Turns state of an older version into the present one. Needed once `version` is above 1. */
  readonly migrate?: (state: State, from: number) => S | Promise<S>;
  /** Longest a tick may run before it is cut off and counted as failed. Default `"5m"`. */
  readonly timeout?: Duration;
  readonly inbox?: Partial<InboxPolicy>;
  readonly retry?: Partial<RetryPolicy>;
}

/** What follows a failed tick. */
export interface RetryPolicy {
  /** Ticks after the first one before the trigger goes to the dead letters. Default 3. */
  readonly retries: number;
  /** Wait before the first retry; it doubles each time. Default `"1s"`. */
  readonly backoff: Duration;
  /** Longest wait. Default `"5m"`. */
  readonly maxBackoff: Duration;
  /** The agent is quarantined after this many dead-lettered triggers in a row. Default 5. */
  readonly quarantineAfter: number;
}

/** An agent type, checked and with its defaults filled in. */
export interface AgentDefinition {
  readonly name: string;
  readonly state: State;
  readonly stateSchema: StandardSchema<State> | undefined;
  readonly messageSchema: StandardSchema | undefined;
  readonly version: number;
  readonly migrate: ((state: State, from: number) => State | Promise<State>) | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  readonly inbox: InboxPolicy;
  readonly retry: RetryPolicy;
  readonly hooks: Hooks<State>;
}

/** Defines a type of agent. @throws CONFIG when the options are wrong */
export function defineAgent<S extends State = State>(options: AgentOptions<S>): AgentDefinition {
  const name = typeof options.name === "string" ? options.name : "";
  const refuse = (problem: string): never => {
    throw new OpenAgentsError("CONFIG", `Cannot define agent "${name}": ${problem}`);
  };
  refuseUnknown(options, AGENT_KEYS, refuse);
  refuseUnknown(options.inbox ?? {}, ["depth", "overflow"], refuse, "inbox.");
  refuseUnknown(options.retry ?? {}, RETRY_KEYS, refuse, "retry.");
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/i.test(name)) {
    refuse('"name" must be 1 to 63 letters, digits, ".", "_" or "-"');
  }
  const version = options.version ?? 1;
  if (!Number.isInteger(version) || version < 1) refuse('"version" must be a whole number above 0');
  if (version > 1 && options.migrate === undefined) refuse('"version" above 1 needs "migrate"');
  const inbox: InboxPolicy = { depth: 1000, overflow: "dead-letter", ...options.inbox };
  if (!Number.isInteger(inbox.depth) || inbox.depth < 1) refuse('"inbox.depth" must be above 0');
  if (!["reject-new", "drop-oldest", "dead-letter"].includes(inbox.overflow)) {
    refuse('"inbox.overflow" must be reject-new, drop-oldest or dead-letter');
  }
  const retry: RetryPolicy = {
    retries: 3,
    backoff: "1s",
    maxBackoff: "5m",
    quarantineAfter: 5,
    ...options.retry,
  };
  if (!Number.isInteger(retry.retries) || retry.retries < 0)
    refuse('"retry.retries" must be 0 or more');
  for (const hook of HOOKS) {
    const value: unknown = options[hook];
    if (value !== undefined && typeof value !== "function") refuse(`"${hook}" must be a function`);
  }
  const { timeout = "5m", state = {} } = options;
  const durations = {
    timeout,
    "retry.backoff": retry.backoff,
    "retry.maxBackoff": retry.maxBackoff,
  };
  for (const [key, duration] of Object.entries(durations)) {
    try {
      toMs(duration);
    } catch (error) {
      refuse(`"${key}": ${(error as Error).message}`);
    }
  }
  try {
    toJson(state, "state");
  } catch (error) {
    refuse(`"state": ${(error as Error).message}`);
  }
  return {
    name,
    state,
    stateSchema: options.stateSchema,
    messageSchema: options.messageSchema,
    version,
    migrate: options.migrate,
    timeout: toMs(timeout),
    inbox,
    retry,
    // The one place where the type of the state is let go: the kernel stores it as JSON by key.
    hooks: options as unknown as Hooks<State>,
  };
}

/** The names of the hooks. */
export const HOOKS: readonly (keyof Hooks<State>)[] = [
  "onCreate",
  "onWake",
  "onMessage",
  "onAlarm",
  "onEvent",
  "onManual",
  "onTrigger",
  "onSleep",
  "onError",
  "onTerminate",
];

const RETRY_KEYS = ["retries", "backoff", "maxBackoff", "quarantineAfter"] as const;

const AGENT_KEYS = [
  ...HOOKS,
  "name",
  "state",
  "stateSchema",
  "messageSchema",
  "version",
  "migrate",
  "timeout",
  "inbox",
  "retry",
] as const satisfies readonly (keyof AgentOptions)[];

/** A misspelt member would be ignored without a word: Node runs a configuration without its types. */
function refuseUnknown(
  options: object,
  known: readonly string[],
  refuse: (problem: string) => never,
  prefix = "",
): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      refuse(`there is no "${prefix}${key}", there are: ${known.join(", ")}`);
    }
  }
}

/** What `defineRuntime` takes: the default export of `openagents.config.ts`. */
export interface RuntimeOptions {
  readonly agents: readonly AgentDefinition[];
  /** Default: the backend's own; SQLite in the data directory for the local one. */
  readonly store?: Store;
  /** Agents that exist from the first start on; one that is deleted is made anew at the next. */
  readonly ensure?: readonly { readonly name: string; readonly type: string }[];
  readonly limits?: Partial<Limits>;
}

/** Limits of the whole runtime. Reaching one is an error that names it. */
export interface Limits {
  /** Ticks at once. Default 1000. */
  readonly concurrency: number;
  /** Bytes of one envelope's payload as JSON, and of a request body. Default 1 MiB. */
  readonly envelopeBytes: number;
  /** Bytes of one top-level key of state, and of a step's result, as JSON. Default 16 MiB. */
  readonly valueBytes: number;
  /**
   * Ticks of one agent that may be parked; while so many are, its other mail and alarms wait. Default
   * 1000.
   */
  readonly parked: number;
  /** Bytes of what one tick gives out: replies to outside, events and log lines. Default 1 MiB. */
  readonly outputBytes: number;
  /** How long a chain of mail may be in which each caused the next. Default 1000. */
  readonly hops: number;
  /** Agents kept in memory after their tick. Default 10,000. */
  readonly cached: number;
  /** How long the ids of processed envelopes are remembered. Default `"7d"`. */
  readonly dedup: Duration;
}

export const DEFAULT_LIMITS: Limits = {
  concurrency: 1000,
  envelopeBytes: 1_048_576,
  valueBytes: 16_777_216,
  parked: 1000,
  hops: 1000,
  outputBytes: 1_048_576,
  cached: 10_000,
  dedup: "7d",
};

/** A runtime's configuration, checked. */
export interface RuntimeDefinition {
  readonly agents: ReadonlyMap<string, AgentDefinition>;
  readonly store: Store | undefined;
  readonly ensure: readonly { readonly name: string; readonly type: string }[];
  readonly limits: Limits;
}

/** Checks a runtime's configuration. @throws CONFIG saying what is wrong and where */
export function defineRuntime(options: RuntimeOptions): RuntimeDefinition {
  const refuse = (problem: string): never => {
    throw new OpenAgentsError("CONFIG", `Cannot define the runtime: ${problem}`);
  };
  refuseUnknown(options, ["agents", "store", "ensure", "limits"], refuse);
  refuseUnknown(options.limits ?? {}, Object.keys(DEFAULT_LIMITS), refuse, "limits.");
  if (!Array.isArray(options.agents) || options.agents.length === 0) {
    refuse('"agents" must list at least one agent made by defineAgent()');
  }
  const agents = new Map<string, AgentDefinition>();
  options.agents.forEach((agent, i) => {
    if (typeof agent?.name !== "string" || typeof agent.hooks !== "object") {
      refuse(`"agents[${i}]" is not made by defineAgent()`);
    }
    if (agents.has(agent.name)) refuse(`"agents[${i}]": the name "${agent.name}" is taken`);
    agents.set(agent.name, agent);
  });
  const ensure = options.ensure ?? [];
  ensure.forEach(({ name, type }, i) => {
    if (!agents.has(type)) refuse(`"ensure[${i}]" ("${name}"): there is no agent type "${type}"`);
  });
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  for (const [key, value] of Object.entries(limits)) {
    if (key === "dedup") toMs(value);
    else if (!Number.isInteger(value) || Number(value) < 1) {
      refuse(`"limits.${key}" must be a whole number above 0`);
    }
  }
  return { agents, store: options.store, ensure, limits };
}
