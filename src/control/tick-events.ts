import type { LiveEvent } from "../core/followers.ts";
import type { LivePiece, RunningTick } from "../core/live-tick.ts";
import type { LogRow } from "../core/ports/index.ts";
import { readRow } from "../core/trajectory.ts";
import type { StepNote, TickRecord } from "../core/trajectory.ts";
import { lastSegment, paths } from "../core/tree.ts";
import { positionText } from "./stream-position.ts";

/** What an agent's stream tells, by name. `phase` and `delta` are told of running ticks alone. */
export const EVENT_NAMES = [
  "tick_start",
  "phase",
  "step",
  "tool_call",
  "tool_result",
  "delta",
  "log",
  "event",
  "reply",
  "message_sent",
  "state_change",
  "tick_end",
] as const;

export type EventName = (typeof EVENT_NAMES)[number];

/** What is told of a tick while it runs. */
export const LIVE_NAMES: ReadonlySet<EventName> = new Set<EventName>([
  "tick_start",
  "phase",
  "step",
  "tool_call",
  "tool_result",
  "delta",
]);

/** One event of an agent's stream. Every reader of the stream has the same object in its hands. */
export interface StreamEvent {
  /** Where to resume after it. */
  readonly id: string;
  readonly event: EventName;
  /** JSON: always with `n`, `envelope` (the id of the tick's trigger) and `at` (ms since 1970). */
  readonly data: string;
}

/** A durable tick as its stream has it. */
export interface RecordedTick {
  readonly n: number;
  /** Part i has the id `(n-1).i`, the last one, its `tick_end`, the id `n`. */
  readonly events: readonly StreamEvent[];
  /** The same without those that were told while it ran. */
  readonly rest: readonly StreamEvent[];
}

interface Draft {
  readonly event: EventName;
  readonly data: object;
}

/** What the record of a tick tells. */
export function recordedTick(row: LogRow): RecordedTick {
  const { record, output } = readRow(row);
  const { n, at, trigger, ms, outcome } = record;
  const moment = { n, envelope: trigger.id, at };
  const told: readonly Draft[] = [
    {
      event: "tick_start",
      data: { ...moment, trigger, attempt: record.attempt ?? 1 },
    },
    ...(record.steps ?? []).flatMap((note) => {
      const tool = toolOf(note.key);
      return tool === undefined
        ? [stepEnd(moment, note)]
        : [toolCall(moment, note.key, tool), toolResult(moment, note, tool)];
    }),
  ];
  const drafts: readonly Draft[] = [
    ...told,
    ...(output.logs ?? []).map((line): Draft => ({ event: "log", data: { ...moment, ...line } })),
    ...(output.events ?? []).map((of): Draft => ({ event: "event", data: { ...moment, ...of } })),
    ...(output.replies ?? []).map((of): Draft => ({ event: "reply", data: { ...moment, ...of } })),
    ...(record.sent ?? []).map((of): Draft => ({
      event: "message_sent",
      data: { ...moment, ...of },
    })),
    ...stateChange(moment, record),
    {
      event: "tick_end",
      data: { ...moment, at: at + ms, outcome, ms, hash: row.hash, record },
    },
  ];
  const events = drafts.map(({ event, data }, i): StreamEvent => ({
    id: i === drafts.length - 1 ? String(n) : `${n - 1}.${i + 1}`,
    event,
    data: JSON.stringify(data),
  }));
  return { n, events, rest: events.slice(told.length) };
}

/** What happened in a running tick from a place on, as it is told. */
export function liveEvents(
  { n, id }: RunningTick,
  pieces: readonly LivePiece[],
  from: number,
): readonly StreamEvent[] {
  return pieces.flatMap(({ end, event: live }) => {
    const { envelope, at } = live;
    const drafts = liveDrafts(live, { n, envelope, at });
    return drafts.flatMap(({ event, data }, i): readonly StreamEvent[] => {
      const place = end - (drafts.length - 1 - i);
      if (place <= from) return [];
      const position = { n: n - 1, parts: 0, live: { id, at: place } };
      return [{ id: positionText(position), event, data: JSON.stringify(data) }];
    });
  });
}

function liveDrafts(live: LiveEvent, moment: object): readonly Draft[] {
  if (live.event === "tick_start") {
    const { trigger, attempt } = live;
    return [{ event: "tick_start", data: { ...moment, trigger, attempt } }];
  }
  if (live.event === "phase") {
    return [{ event: "phase", data: { ...moment, phase: live.phase } }];
  }
  if (live.event === "delta") {
    const { key, kind, offset, text } = live;
    return [{ event: "delta", data: { ...moment, key, kind, offset, text } }];
  }
  const { key, ended } = live;
  const tool = toolOf(key);
  if (tool === undefined) {
    if (ended !== undefined) return [stepEnd(moment, ended)];
    return [{ event: "step", data: { ...moment, key, status: "begun" } }];
  }
  if (ended === undefined) return [toolCall(moment, key, tool)];
  const result = toolResult(moment, ended, tool);
  return ended.replayed === true ? [toolCall(moment, key, tool), result] : [result];
}

function stepEnd(moment: object, note: StepNote): Draft {
  return { event: "step", data: { ...moment, ...ending(note) } };
}

function toolCall(moment: object, key: string, tool: string): Draft {
  return { event: "tool_call", data: { ...moment, key, tool } };
}

function toolResult(moment: object, note: StepNote, tool: string): Draft {
  return { event: "tool_result", data: { ...moment, tool, ...ending(note) } };
}

function ending({ key, ...rest }: StepNote): object {
  return { key, status: rest.error === undefined ? "done" : "failed", ...rest };
}

/** The tool that a step called `tool:NAME` is a call of. */
function toolOf(key: string): string | undefined {
  return /^(?:\w+\/)?step:tool:(.*)#\d+$/s.exec(key)?.[1];
}

/** Which top-level keys of the state the tick changed, and the status that it led to. */
function stateChange(moment: object, { wrote, removed, status }: TickRecord): readonly Draft[] {
  const prefix = paths.state;
  const keysOf = (changed: readonly string[]): readonly string[] =>
    changed.filter((path) => path.startsWith(prefix)).map(lastSegment);
  const keys = keysOf(Object.keys(wrote ?? {}));
  const gone = keysOf(removed ?? []);
  if (keys.length === 0 && gone.length === 0 && status === undefined) return [];
  return [{ event: "state_change", data: { ...moment, keys, removed: gone, status } }];
}

/** How long the text of a tick is. */
export function lengthOf({ events }: RecordedTick): number {
  let length = 0;
  for (const { data } of events) length += data.length;
  return length;
}
