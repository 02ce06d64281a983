import { checkName, isNpub } from "./agent.ts";
import { budgetOf } from "./budget.ts";
import type { Budget, BudgetOptions } from "./budget.ts";
import { codeRevision } from "./code-revision.ts";
import type { Context } from "./context.ts";
import type { Duration } from "./duration.ts";
import type { ErrorInfo } from "./errors.ts";
import { checkHooks } from "./hooks.ts";
import type { HookDefinition, HookOptions } from "./hooks.ts";
import { toJson } from "./json.ts";
import type { Json } from "./json.ts";
import { checkMcpMounts, checkMcpServers, mcpMounts } from "./mcp-servers.ts";
import type { McpServerDefinitions, McpServerOptions } from "./mcp-servers.ts";
import { checkMounts } from "./mounts.ts";
import { OptionsCheck } from "./options.ts";
import { isCollector, isSample } from "./otlp-settings.ts";
import type { TelemetryOptions } from "./otlp-settings.ts";
import type { PlumberRules } from "./plumber-rules.ts";
import type { InboxPolicy, MountEntry, Store } from "./ports/index.ts";
import type {
  Instructions,
  ModelReference,
  Thinking,
  ThinkSettings,
  Tools,
} from "./ports/model.ts";
import type { StandardSchema } from "./standard-schema.ts";
import type { State } from "./state.ts";
import { checkThinking, THINK_KEYS } from "./thinking-options.ts";
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
  /**
   * Which code this is, 1 to 64 characters: steps are journaled with it, and a tick that was begun by
   * another one is gone on with only while the code asks for the same. Default: a hash of the sources of
   * the hooks and `migrate`, and of `version`; `agentd` adds the files that the configuration imports, and a
   * Worker its deployment. Elsewhere what they call is not in it: give the release or commit.
   */
  readonly revision?: string;
  /**
   * What becomes of a trigger whose journal is of another revision and does not fit this one: `fail`: it is
   * a dead letter at once, with its journal; `restart`: the journal is dropped, and the hook runs from its
   * start, its steps with the same idempotency keys. Default `"fail"`.
   */
  readonly onMismatch?: OnMismatch;
  /**
   * Whose mail its agents take over HTTP from whoever signs the request with a Nostr key (NIP-98): npubs,
   * or "anyone". Default: nobody's; operators' tokens are something else.
   */
  readonly senders?: "anyone" | readonly string[];
  /**
   * What its agents say of themselves in public, on Nostr relays (kind 0: `about`, `picture` …), beside
   * their name. Default: nothing, not even the name.
   */
  readonly profile?: Readonly<Record<string, Json>>;
  /**
   * What of outside stands in the trees of its agents, below `/fs/` or `/tools/`. Default: nothing.
   * Operators change it for one agent by its file `/mounts`.
   */
  readonly mounts?: readonly MountEntry[];
  /**
   * Its language model, one of the AI SDK or a name: `"openai/gpt-5"`. What it has no hook for it thinks about by
   * itself then: see `Context.think`.
   */
  readonly model?: ModelReference;
  /** Models that are asked in turn when the one before cannot answer. */
  readonly fallbacks?: readonly ModelReference[];
  /** The system prompt of its thinking, or what makes it. */
  readonly instructions?: Instructions<S>;
  /** What the model may do: functions with a schema, or tools of the AI SDK. */
  readonly tools?: Tools;
  /** How its thinking goes. */
  readonly think?: ThinkSettings;
  /** The most that it may spend. Default: no limit. */
  readonly budget?: BudgetOptions;
  /**
   * Servers of tools (MCP) by the name that `defineRuntime` has them by, each mounted read-write at
   * `/tools/NAME`. Default: none.
   */
  readonly mcp?: readonly string[];
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

/** What follows when the journal of a tick does not fit the code. */
export type OnMismatch = "fail" | "restart";

/** By npub, from whom mail is taken. */
export type Senders = "anyone" | ReadonlySet<string>;

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
  readonly revision: string;
  /** It is as the options have it, and not made of the code. */
  readonly revisionGiven: boolean;
  readonly onMismatch: OnMismatch;
  readonly profile: Readonly<Record<string, Json>> | undefined;
  readonly senders: Senders;
  /** By path. */
  readonly mounts: readonly MountEntry[];
  /** Undefined for one that has neither a model nor tools, and says nothing of how it thinks. */
  readonly thinking: Thinking | undefined;
  readonly budget: Budget | undefined;
  readonly hooks: Hooks<State>;
}

/** Defines a type of agent. @throws CONFIG when the options are wrong, saying which and how */
export function defineAgent<S extends State = State>(options: AgentOptions<S>): AgentDefinition {
  const given: unknown = (options as Partial<AgentOptions<S>> | undefined)?.name;
  const name = typeof given === "string" ? given : "";
  const check = new OptionsCheck(`agent "${name}"`);
  const { version = 1, timeout = "5m", state = {}, ...rest } = check.members(options, AGENT_KEYS);
  const { inbox: inboxOptions = {}, retry: retryOptions = {} } = rest;
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/i.test(name)) {
    check.refuse('"name" must be 1 to 63 letters, digits, ".", "_" or "-"');
  }
  check.whole("version", version, 1);
  check.callable("migrate", rest.migrate);
  if (version > 1 && rest.migrate === undefined) check.refuse('"version" above 1 needs "migrate"');
  for (const hook of HOOKS) check.callable(hook, options[hook]);
  check.schema("stateSchema", rest.stateSchema);
  check.schema("messageSchema", rest.messageSchema);
  const inbox: InboxPolicy = {
    ...DEFAULT_INBOX,
    ...check.members(inboxOptions, Object.keys(DEFAULT_INBOX), "inbox"),
  };
  check.whole("inbox.depth", inbox.depth, 1);
  check.word("inbox.overflow", inbox.overflow, ["reject-new", "drop-oldest", "dead-letter"]);
  const retry: RetryPolicy = {
    ...DEFAULT_RETRY,
    ...check.members(retryOptions, Object.keys(DEFAULT_RETRY), "retry"),
  };
  check.whole("retry.retries", retry.retries, 0);
  check.whole("retry.quarantineAfter", retry.quarantineAfter, 1);
  check.duration("retry.backoff", retry.backoff);
  check.duration("retry.maxBackoff", retry.maxBackoff);
  const { onMismatch = "fail", revision = defaultRevision(options) } = rest;
  check.word("onMismatch", onMismatch, ["fail", "restart"]);
  if (typeof revision !== "string" || revision === "" || revision.length > 64) {
    check.refuse('"revision" must be 1 to 64 characters');
  }
  checkObject(check, "state", state);
  const { profile } = rest;
  if (profile !== undefined) checkObject(check, "profile", profile);
  return {
    name,
    state,
    stateSchema: rest.stateSchema,
    messageSchema: rest.messageSchema,
    version,
    migrate: rest.migrate,
    timeout: check.duration("timeout", timeout, 1),
    inbox,
    retry,
    revision,
    revisionGiven: rest.revision !== undefined,
    onMismatch,
    profile,
    senders: sendersOf(check, rest.senders ?? []),
    thinking: thinkingOf(check, rest),
    budget: budgetOf(check, rest.budget),
    mounts: checkMounts(check, allMounts(check, rest)),
    // The one place where the type of the state is let go: the kernel stores it as JSON by key.
    hooks: options as unknown as Hooks<State>,
  };
}

/** A hash of whatever decides what the agent asks for in its ticks. */
function defaultRevision<S extends State>(options: AgentOptions<S>): string {
  const { version = 1, migrate, model, fallbacks, instructions, tools, think } = options;
  const hooks = HOOKS.map((hook) => options[hook]);
  const models = [model, ...(Array.isArray(fallbacks) ? fallbacks : [])].map(modelName);
  return codeRevision([hooks, migrate, version, models, instructions, tools, think]);
}

/** A model without what lets one in, as another key is the same code. */
function modelName(model: ModelReference | undefined): unknown {
  // Whether it is one is looked at later.
  const given: unknown = model;
  return typeof given === "object" && given !== null && "model" in given ? given.model : given;
}

/** The mounts that are given, and after them those that `mcp` is short for. */
function allMounts(
  check: OptionsCheck,
  { mounts = [], mcp = [] }: { readonly mounts?: unknown; readonly mcp?: unknown },
): unknown {
  return Array.isArray(mounts) ? [...(mounts as unknown[]), ...mcpMounts(check, mcp)] : mounts;
}

/** What is stored or published by its keys: no list and no plain text. */
function checkObject(check: OptionsCheck, where: string, value: unknown): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    check.refuse(`"${where}" must be an object`);
  }
  check.within(where, () => toJson(value, where));
}

function sendersOf(check: OptionsCheck, senders: unknown): Senders {
  if (senders === "anyone") return senders;
  if (Array.isArray(senders) && senders.every((one) => typeof one === "string" && isNpub(one))) {
    return new Set(senders as readonly string[]);
  }
  return check.refuse('"senders" must be "anyone" or a list of npubs');
}

/** What is said of the model; tools are checked by the thinker. */
function thinkingOf<S extends State>(
  check: OptionsCheck,
  { model, fallbacks, instructions, tools, think }: Partial<AgentOptions<S>>,
): Thinking | undefined {
  const settings = check.members(think ?? {}, THINK_KEYS, "think");
  if (model === undefined) {
    for (const [key, value] of Object.entries({ fallbacks, instructions })) {
      if (value !== undefined) check.refuse(`"${key}" needs "model"`);
    }
    if (tools === undefined && think === undefined) return undefined;
  }
  // The type of the state is let go, as that of the hooks is.
  const made = instructions as Instructions | undefined;
  const thinking = { ...settings, model, fallbacks, instructions: made, tools };
  checkThinking(check, thinking, "think.");
  return thinking;
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

const DEFAULT_INBOX: InboxPolicy = { depth: 1000, overflow: "dead-letter" };

const DEFAULT_RETRY: RetryPolicy = {
  retries: 3,
  backoff: "1s",
  maxBackoff: "5m",
  quarantineAfter: 5,
};

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
  "revision",
  "onMismatch",
  "profile",
  "senders",
  "mounts",
  "model",
  "fallbacks",
  "instructions",
  "tools",
  "think",
  "budget",
  "mcp",
] as const satisfies readonly (keyof AgentOptions)[];

/** What `defineRuntime` takes: the default export of `openagents.config.ts`. */
export interface RuntimeOptions {
  readonly agents: readonly AgentDefinition[];
  /** Default: the backend's own; SQLite in the data directory for the local one. */
  readonly store?: Store;
  /** Agents that exist from the first start on; one that is deleted is made anew at the next. */
  readonly ensure?: readonly { readonly name: string; readonly type: string }[];
  /** Nostr relays on which the agents read and write, as `wss://HOST`. Default: none. */
  readonly relays?: readonly string[];
  /**
   * Which agents get what comes in by hooks, webhooks and schedules: rules, or their text as YAML. They
   * are checked when the home starts. Default: whom it is addressed to.
   */
  readonly plumber?: PlumberRules | string;
  /** Senders of webhooks, by the name they have in `/hooks/AGENT/NAME`. Default: none. */
  readonly hooks?: Readonly<Record<string, HookOptions>>;
  /**
   * Servers of tools (Model Context Protocol) by name, which agents mount by `mcp` or by a mount of the kind
   * `mcp`. What is not named here cannot be mounted at run time either. Default: none.
   */
  readonly mcp?: Readonly<Record<string, McpServerOptions>>;
  readonly limits?: Partial<Limits>;
  /** Where traces are exported to. Default: nowhere, and none are made. */
  readonly telemetry?: TelemetryOptions;
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
  /** How deep below an agent that an operator made agents may be that agents made. Default 5. */
  readonly generations: number;
  /** Agents that one agent has made and that are not ended. Default 100. */
  readonly children: number;
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
  generations: 5,
  children: 100,
  dedup: "7d",
};

/** A runtime's configuration, checked. */
export interface RuntimeDefinition {
  readonly agents: ReadonlyMap<string, AgentDefinition>;
  readonly store: Store | undefined;
  readonly ensure: readonly { readonly name: string; readonly type: string }[];
  readonly relays: readonly string[];
  readonly plumber?: PlumberRules | string | undefined;
  readonly hooks: ReadonlyMap<string, HookDefinition>;
  readonly mcp: McpServerDefinitions;
  readonly limits: Limits;
  readonly telemetry?: TelemetryOptions | undefined;
}

/** Checks a runtime's configuration. @throws CONFIG saying what is wrong and where */
export function defineRuntime(options: RuntimeOptions): RuntimeDefinition {
  const check = new OptionsCheck("the runtime");
  const given = check.members(options, [
    "agents",
    "store",
    "ensure",
    "relays",
    "plumber",
    "hooks",
    "mcp",
    "limits",
    "telemetry",
  ]);
  const agents = agentsByName(check, given.agents);
  const { ensure = [], relays = [], hooks = {}, store, plumber } = given;
  const { limits: limitOptions = {} } = given;
  checkEnsure(check, ensure, agents);
  checkRelays(check, relays);
  if (store !== undefined) checkStore(check, store);
  if (plumber !== undefined && typeof plumber !== "string") {
    check.members(plumber, ["rules"], "plumber");
  }
  const limits = {
    ...DEFAULT_LIMITS,
    ...check.members(limitOptions, Object.keys(DEFAULT_LIMITS), "limits"),
  };
  for (const [key, value] of Object.entries(limits)) {
    if (key === "dedup") check.duration("limits.dedup", value);
    else check.whole(`limits.${key}`, value, 1);
  }
  const servers = checkMcpServers(check, given.mcp ?? {});
  checkMcpMounts(check, agents, servers);
  const checked = {
    agents,
    store,
    ensure,
    relays,
    plumber,
    hooks: checkHooks(check, hooks),
    mcp: servers,
    limits,
  };
  if (given.telemetry === undefined) return checked;
  return { ...checked, telemetry: checkTelemetry(check, given.telemetry) };
}

function agentsByName(check: OptionsCheck, list: unknown): Map<string, AgentDefinition> {
  if (!Array.isArray(list) || list.length === 0) {
    check.refuse('"agents" must list at least one agent made by defineAgent()');
  }
  const agents = new Map<string, AgentDefinition>();
  for (const [i, agent] of (list as readonly (AgentDefinition | null | undefined)[]).entries()) {
    if (typeof agent?.name !== "string" || typeof agent.hooks !== "object") {
      check.refuse(`"agents[${i}]" is not made by defineAgent()`);
    }
    if (agents.has(agent.name)) check.refuse(`"agents[${i}]": the name "${agent.name}" is taken`);
    agents.set(agent.name, agent);
  }
  return agents;
}

function checkEnsure(
  check: OptionsCheck,
  ensure: unknown,
  agents: ReadonlyMap<string, AgentDefinition>,
): void {
  if (!Array.isArray(ensure)) check.refuse('"ensure" must be a list of { name, type }');
  const names = new Set<string>();
  (ensure as readonly { readonly name: string; readonly type: string }[]).forEach((wanted, i) => {
    const where = `ensure[${i}]`;
    const { name, type } = check.members(wanted, ["name", "type"], where);
    check.within(`${where}.name`, () => checkName(name));
    if (names.has(name)) check.refuse(`"${where}": the name "${name}" is taken`);
    names.add(name);
    if (agents.has(type)) return;
    const types = [...agents.keys()].join(", ");
    check.refuse(`"${where}" ("${name}"): there is no agent type "${type}", there are: ${types}`);
  });
}

function checkRelays(check: OptionsCheck, relays: unknown): void {
  if (!Array.isArray(relays)) check.refuse('"relays" must be a list of addresses');
  (relays as readonly unknown[]).forEach((url, i) => {
    if (typeof url === "string" && /^wss?:\/\//i.test(url)) return;
    check.refuse(`"relays[${i}]" must be an address like "wss://HOST"`);
  });
}

function checkTelemetry(check: OptionsCheck, given: TelemetryOptions): TelemetryOptions {
  const telemetry = check.members(given, ["otlp", "sample", "service"], "telemetry");
  const { otlp, sample, service } = telemetry;
  if (otlp !== undefined && !isCollector(otlp)) {
    check.refuse('"telemetry.otlp" must be an address like "http://localhost:4318"');
  }
  if (sample !== undefined && !isSample(sample)) {
    check.refuse('"telemetry.sample" must be a number from 0 to 1');
  }
  if (service !== undefined && (typeof service !== "string" || service === "")) {
    check.refuse('"telemetry.service" must be text');
  }
  return telemetry;
}

/** By its shape: it may come from another copy of this package, or be somebody's own. */
function checkStore(check: OptionsCheck, store: unknown): void {
  for (const method of ["get", "deliver", "commit", "claim", "sync", "close"] as const) {
    if (typeof (store as Partial<Store> | null)?.[method] === "function") continue;
    check.refuse(`"store" must be a store, such as sqlite("agents.db"): it has no ${method}()`);
  }
}
