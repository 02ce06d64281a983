import { OpenAgentsError } from "../../core/errors.ts";
import { byteLength } from "../../core/byte-length.ts";
import type { Json } from "../../core/json.ts";
import type { TickOutput, TickRecord } from "../../core/trajectory.ts";

/** A committed tick of an agent, as webhooks see it. */
export interface NotedTick {
  readonly agent: {
    /** Its npub. */
    readonly id: string;
    readonly name: string;
    readonly type: string;
    readonly labels?: readonly string[] | undefined;
  };
  readonly record: TickRecord;
  readonly output: TickOutput;
}

/** The types of events, without `dev.openagents.`, and when each comes; `*` stands for more. */
export const EVENT_TYPES = {
  "agent.tick.done": "A tick has done its work",
  "agent.tick.parked": "A tick waits: for an answer, or for a time",
  "agent.tick.retry": "A tick has failed and is tried again",
  "agent.tick.failed": "A tick has failed for the last time",
  "agent.tick.expired": "A trigger was too old to be acted on",
  "agent.deadletter": "A trigger went to the dead letters: with its tick.failed or tick.expired",
  "agent.event.*": "An agent has broadcast an event: its name stands in place of the *",
  "agent.reply": "An agent has replied to a sender outside",
  "agent.state_change": "A tick has changed the state: which of its keys",
  "agent.status.*": "A tick has changed the agent's status: the new one stands in place of the *",
  "webhook.ping": "Somebody asks whether the receiver is there",
} as const;

/** What stands before each type, as CloudEvents wants the name of a domain there. */
const DOMAIN = "dev.openagents.";

/** Bytes of an event; data that would make it larger is left out, and `dataref` says where it is. */
export const EVENT_BYTES = 262_144;

/** An event of CloudEvents 1.0, in the JSON format. */
export interface CloudEvent {
  readonly specversion: "1.0";
  /** `AGENT:N:PART` for what comes from a tick: the same whenever it is made of the same record. */
  readonly id: string;
  /** `/agents/NPUB`. */
  readonly source: string;
  readonly type: string;
  /** The agent's name. */
  readonly subject?: string;
  /** RFC 3339. */
  readonly time: string;
  readonly datacontenttype?: "application/json";
  readonly data?: Json;
  /** Where the data is that was too large to be sent, below the address of the API. */
  readonly dataref?: string;
}

/** The events that a tick stands for, in their order; only those whose type is wanted are made. */
export function eventsOf(
  tick: NotedTick,
  wanted: (type: string) => boolean,
): readonly CloudEvent[] {
  const { agent, record } = tick;
  const source = `/agents/${agent.id}`;
  const time = new Date(record.at + record.ms).toISOString();
  const events: CloudEvent[] = [];
  for (const [part, type, data] of partsOf(tick)) {
    if (!wanted(type)) continue;
    const event: CloudEvent = {
      specversion: "1.0",
      id: `${agent.id}:${record.n}:${part}`,
      source,
      type: DOMAIN + type,
      subject: agent.name,
      time,
    };
    const facts: Json = { n: record.n, agent: agent.name, type: agent.type, ...data };
    const fits = byteLength(JSON.stringify(facts)) <= EVENT_BYTES;
    events.push(
      fits
        ? { ...event, datacontenttype: "application/json", data: facts }
        : { ...event, dataref: `${source}/ticks/${record.n}` },
    );
  }
  return events;
}

/** The event by which a receiver is tried. */
export function pingOf(webhook: string, { id, now }: { id: string; now: number }): CloudEvent {
  return {
    specversion: "1.0",
    id,
    source: `/webhooks/${webhook}`,
    type: `${DOMAIN}webhook.ping`,
    time: new Date(now).toISOString(),
    datacontenttype: "application/json",
    data: { webhook },
  };
}

type Part = readonly [part: string, type: string, data: Readonly<Record<string, Json>>];

function* partsOf({ record, output }: NotedTick): Generator<Part> {
  const { outcome, trigger, error, attempt, ms, status, wrote = {}, removed = [] } = record;
  const about = { trigger: { ...trigger }, ...(error !== undefined && { error: { ...error } }) };
  for (const [i, { name, data }] of (output.events ?? []).entries()) {
    yield [`event-${i}`, `agent.event.${name}`, { name, data }];
  }
  for (const [i, { to, replyTo, payload }] of (output.replies ?? []).entries()) {
    yield [`reply-${i}`, "agent.reply", { to, replyTo, payload }];
  }
  const keysOf = (paths: readonly string[]): string[] =>
    paths.filter((path) => path.startsWith(STATE)).map((path) => path.slice(STATE.length));
  const [changed, gone] = [keysOf(Object.keys(wrote)), keysOf(removed)];
  if (changed.length + gone.length > 0) {
    yield ["state", "agent.state_change", { changed, removed: gone }];
  }
  if (status !== undefined) yield ["status", `agent.status.${status}`, { status }];
  if (outcome === "failed" || outcome === "expired")
    yield ["deadletter", "agent.deadletter", about];
  const tries = attempt === undefined ? {} : { attempt };
  yield ["tick", `agent.tick.${outcome}`, { outcome, ms, ...tries, ...about }];
}

const STATE = "state/";

/** True when one of the patterns means the type: itself, `*`, or what it begins with and `.*`. */
export function isWanted(patterns: readonly string[], type: string): boolean {
  return patterns.some(
    (pattern) =>
      pattern === type ||
      pattern === "*" ||
      (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1))),
  );
}

/** Checks patterns of types; gives them without `dev.openagents.`. @throws INVALID */
export function checkPatterns(patterns: readonly string[]): readonly string[] {
  if (patterns.length === 0 || patterns.length > 50) {
    throw refused('give 1 to 50 "events", like "agent.tick.failed" or "agent.*"');
  }
  return patterns.map((text) => {
    const pattern = text.startsWith(DOMAIN) ? text.slice(DOMAIN.length) : text;
    const known = Object.keys(EVENT_TYPES);
    if (pattern.length <= 200 && known.some((type) => meet(pattern, type))) return pattern;
    throw refused(`there is no event "${text.slice(0, 200)}", there are: ${known.join(", ")}`);
  });
}

/** True when something may be meant by both. */
function meet(pattern: string, type: string): boolean {
  if (pattern === "*") return true;
  // eslint-disable-next-line no-control-regex
  if (/\*(?!$)|[^.]\*$|[\u0000-\u001f]/.test(pattern)) return false;
  const [mine, theirs] = [pattern, type].map((one) => one.replace(/\*$/, "")) as [string, string];
  if (pattern.endsWith("*") && theirs.startsWith(mine)) return true;
  return type.endsWith("*") ? mine.startsWith(theirs) && mine !== theirs : pattern === type;
}

function refused(why: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot make webhook: ${why}`);
}
