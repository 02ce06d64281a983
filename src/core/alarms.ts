import type { When } from "./context.ts";
import { toMs } from "./duration.ts";
import type { Envelope } from "./envelope.ts";
import { OpenAgentsError } from "./errors.ts";
import type { Json } from "./json.ts";
import { timeAfter } from "./recurrence.ts";

/** An alarm as it is stored in `alarms/<id>`. */
export interface AlarmFile {
  readonly id: string;
  /** Which setting of this id it is: one that is set anew for the same time is another alarm. */
  readonly set: string;
  /** When it fires next, ms since 1970. */
  readonly at: number;
  readonly repeat?: Repeat | undefined;
  readonly payload: Json;
}

export type Repeat =
  | { readonly every: number }
  | { readonly cron: string; readonly timeZone: string };

/** The alarm that `ctx.schedule` asks for. @throws INVALID when it can never fire */
export function newAlarm(
  alarm: Pick<AlarmFile, "id" | "set" | "payload">,
  when: When,
  now: number,
): AlarmFile {
  const { id } = alarm;
  if ("in" in when) return { ...alarm, at: now + toMs(when.in) };
  if ("at" in when) {
    const at = when.at instanceof Date ? when.at.getTime() : new Date(when.at).getTime();
    if (Number.isNaN(at)) throw refused(id, `"${String(when.at)}" is not a time`);
    return { ...alarm, at: Math.max(0, at) };
  }
  if ("every" in when) {
    const every = toMs(when.every);
    if (every < 1) throw refused(id, "the interval must be above 0");
    return { ...alarm, at: now + every, repeat: { every } };
  }
  const repeat = { cron: when.cron, timeZone: when.timeZone ?? "UTC" };
  const at = next(repeat, now, now, id);
  if (at === undefined) throw refused(id, `the cron expression "${when.cron}" never comes`);
  return { ...alarm, at, repeat };
}

/**
 * The alarm after it has fired at `now`, undefined when that was the last time. Times that passed
 * while nothing ran are made up for by one firing, not by one each.
 */
export function afterFiring(alarm: AlarmFile, now: number): AlarmFile | undefined {
  if (alarm.repeat === undefined) return undefined;
  const at = next(alarm.repeat, alarm.at, now, alarm.id);
  return at === undefined ? undefined : { ...alarm, at };
}

/** What the ids of the envelopes of all firings of an alarm begin with, and no others. */
export function firingsOf(alarmId: string): string {
  return `alarm:${encodeURIComponent(alarmId)}:`;
}

/** The envelope of one firing; its id is the same however often it is made. */
export function alarmEnvelope(alarm: AlarmFile, agent: string): Envelope {
  return {
    id: `${firingsOf(alarm.id)}${alarm.at}:${alarm.set}`,
    sentAt: alarm.at,
    source: "clock",
    from: agent,
    to: agent,
    type: "alarm",
    payload: alarm.payload,
    headers: { alarm: alarm.id },
  };
}

function next(repeat: Repeat, last: number, now: number, id: string): number | undefined {
  if ("every" in repeat) return timeAfter({ ...repeat, start: last }, Math.max(last, now));
  try {
    return timeAfter(repeat, now);
  } catch (error) {
    throw refused(id, `${(error as Error).message} ("${repeat.cron}", ${repeat.timeZone})`);
  }
}

function refused(id: string, problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot schedule alarm "${id}": ${problem}`);
}
