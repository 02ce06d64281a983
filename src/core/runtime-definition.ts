import { checkName } from "./agent.ts";
import type { Duration } from "./duration.ts";
import { checkHooks } from "./hooks.ts";
import type { HookDefinition, HookOptions } from "./hooks.ts";
import { checkMcpMounts, checkMcpServers } from "./mcp-servers.ts";
import type { McpServerDefinitions, McpServerOptions } from "./mcp-servers.ts";
import { OptionsCheck } from "./options.ts";
import { isCollector, isSample } from "./otlp-settings.ts";
import type { TelemetryOptions } from "./otlp-settings.ts";
import type { PlumberRules } from "./plumber-rules.ts";
import type { Store } from "./ports/index.ts";
import type { AgentDefinition } from "./definition.ts";

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
