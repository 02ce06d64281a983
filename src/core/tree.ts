/**
 * The paths of the kernel's own files in an agent's tree, in one place.
 *
 * ```
 * state/<key>                     a top-level key of the state, JSON
 * meta/version                    version of the state's shape
 * meta/failures                   dead-lettered triggers in a row
 * alarms/<id>                     an alarm, JSON
 * timers/<time>/<kind>/<id>       what is due when: sorts by time
 * parked/<trigger>                a tick that waits, JSON
 * waits/<request>                 the trigger whose tick waits for the answer to a request
 * journal/<trigger>/<step>        a finished step, JSON
 * crashes/<trigger>               how many processes died while they worked on it
 * memory/peers/<npub>             a peer that the agent knows, JSON
 * memory/strangers                how many of them it knows only because mail of theirs came
 * memory/files/<name>/…           what the agent keeps, each part of the path encoded
 * memory/files/…/%                says that there is a directory here: no name is empty
 * memory/kv/<key>                 a small file that the agent keeps
 * memory/conversations/<id>/<n>   a message, JSON; n has ten digits
 * memory/conversations/<id>/summary  the summary of a conversation's older messages, JSON
 * memory/talks/<id>               what there is of a conversation, JSON
 * memory/patterns/<id>            something learned, JSON
 * memory/read/<id>                a file elsewhere that the agent has read, JSON
 * goals/<id>                      a goal, JSON
 * children/<npub>                 an agent that this one made and that is not ended, JSON
 * meta/goals                      how many there are; meta/talks, meta/patterns, meta/read, meta/kv: the same
 * meta/parent                     who is told of the agent's end, where its parent is no more: an npub
 * meta/spent                      what the agent's steps cost, JSON
 * meta/budgets/<path>             what was written to a mount that has a budget, JSON
 * mounts/<path>                   a mount, JSON; null for one of the definition that is taken away
 * ```
 */
export const paths = {
  state: "state/",
  stateKey: (key: string): string => `state/${encode(key)}`,
  version: "meta/version",
  failures: "meta/failures",
  alarms: "alarms/",
  alarm: (id: string): string => `alarms/${encode(id)}`,
  timers: "timers/",
  timer: (timer: Timer): string =>
    `timers/${String(timer.at).padStart(15, "0")}/${timer.kind}/${encode(timer.id)}`,
  parkeds: "parked/",
  parked: (trigger: string): string => `parked/${encode(trigger)}`,
  wait: (request: string): string => `waits/${encode(request)}`,
  journals: "journal/",
  journal: (trigger: string): string => `journal/${encode(trigger)}/`,
  step: (trigger: string, key: string): string => `journal/${encode(trigger)}/${encode(key)}`,
  crashMarks: "crashes/",
  peers: "memory/peers/",
  strangers: "memory/strangers",
  memory: "memory/",
  files: "memory/files/",
  kv: "memory/kv/",
  kvCount: "meta/kv",
  conversations: "memory/conversations/",
  conversation: (id: string): string => `memory/conversations/${encode(id)}/`,
  /** Paths of messages begin with that of the conversation and a zero, and sort by number. */
  message: (id: string, n: number): string =>
    `memory/conversations/${encode(id)}/${String(n).padStart(10, "0")}`,
  summary: (id: string): string => `memory/conversations/${encode(id)}/summary`,
  talks: "memory/talks/",
  talk: (id: string): string => `memory/talks/${encode(id)}`,
  talkCount: "meta/talks",
  patterns: "memory/patterns/",
  pattern: (id: string): string => `memory/patterns/${encode(id)}`,
  patternCount: "meta/patterns",
  read: "memory/read/",
  readOne: (id: string): string => `memory/read/${encode(id)}`,
  readCount: "meta/read",
  mounts: "mounts/",
  mount: (path: string): string => `mounts/${encode(path)}`,
  parent: "meta/parent",
  spent: "meta/spent",
  budgets: "meta/budgets/",
  budget: (path: string): string => `meta/budgets/${encode(path)}`,
  goals: "goals/",
  goal: (id: string): string => `goals/${encode(id)}`,
  goalCount: "meta/goals",
  children: "children/",
  child: (id: string): string => `children/${id}`,
  crashes: (trigger: string): string => `crashes/${encode(trigger)}`,
} as const;

/** Something that is due at a time: an alarm, a parked tick, a mail that is to be tried again. */
export interface Timer {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly kind: "alarm" | "parked" | "retry";
  readonly id: string;
}

/** The timer that a path under `timers/` stands for. */
export function timerOf(path: string): Timer {
  const [, at, kind, id] = path.split("/") as [string, string, Timer["kind"], string];
  return { at: Number(at), kind, id: decode(id) };
}

/** The last segment of a path, as it was before it was encoded. */
export function lastSegment(path: string): string {
  return decode(path.slice(path.lastIndexOf("/") + 1));
}

/** The segments of a path, as they were before they were encoded. */
export function segmentsOf(path: string): readonly string[] {
  return path.split("/").map(decode);
}

/** Any text as one path segment: percent-encoded, never empty, never "." or "..". */
export function encode(segment: string): string {
  if (segment === "") return "%";
  if (segment === "." || segment === "..") return segment.replaceAll(".", "%2E");
  return PLAIN.test(segment) ? segment : encodeURIComponent(segment.toWellFormed());
}

const PLAIN = /^[\w.:-]+$/;

function decode(segment: string): string {
  return segment === "%" ? "" : decodeURIComponent(segment);
}
