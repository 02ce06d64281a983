import { addressOf } from "./address.ts";
import { afterFiring, alarmEnvelope } from "./alarms.ts";
import type { AlarmFile } from "./alarms.ts";
import { BOUNCE_CODES, errorInfo, OpenAgentsError } from "./errors.ts";
import type { ErrorCode, ErrorInfo } from "./errors.ts";
import { textOf } from "./envelope.ts";
import type { Envelope } from "./envelope.ts";
import { Journal } from "./journal.ts";
import type { Entry } from "./journal.ts";
import { allFiles, readText } from "./load.ts";
import { HELD, mailSource, timerSource } from "./key-waits.ts";
import type { Kernel, LoadedAgent } from "./kernel.ts";
import { lockedError } from "./locked.ts";
import { isFull } from "./parked.ts";
import type { Parked, Wait } from "./parked.ts";
import type { MailRow } from "./ports/index.ts";
import type { Stamp } from "./replay.ts";
import { openMail } from "./seal.ts";
import { lastSegment, paths, timerOf } from "./tree.ts";
import type { Timer } from "./tree.ts";

/** What a tick is about to act on: one trigger, and where it came from. */
export interface Occasion {
  /** The trigger as `KeyWaits` knows it. */
  readonly source: string;
  /** What caused the tick; for one that goes on, what caused it in the beginning. Opened. */
  readonly envelope: Envelope;
  /** The same as it was delivered, sealed where it comes from an agent: as it is to be kept. */
  readonly letter: Envelope;
  /** The mail that this tick takes out of the inbox: the cause, or the answer to a parked tick. */
  readonly mail?: MailRow | undefined;
  /** Timers that have gone off and are to be removed. */
  readonly timers: readonly Timer[];
  /** The alarm that caused the tick as it is to be stored now; undefined when it is over. */
  readonly alarm?: { readonly id: string; readonly next: AlarmFile | undefined } | undefined;
  /** Set when the tick goes on after it was parked. */
  readonly parked?: Parked | undefined;
  /** What arrived for the parked tick, by key of the journal. */
  readonly settled: readonly (readonly [key: string, entry: Entry])[];
  readonly journal: Journal;
  /** Which try this is, from 1. */
  readonly attempt: number;
  /** It was there before this process began, so it may be what ended the one before. */
  readonly suspect: boolean;
  /** Why the trigger is not to be acted on, when it is not. */
  readonly refusal?: Refusal | undefined;
}

export interface Refusal {
  readonly outcome: "expired" | "failed";
  readonly error: ErrorInfo;
  /** Who sent it is not known, so nobody is told. */
  readonly unsigned?: true;
}

/** Finds what an agent is to act on next: undefined when nothing is due. */
export async function perceive(
  kernel: Kernel,
  agent: LoadedAgent,
  now: number,
): Promise<Occasion | undefined> {
  const when = { now, full: await isFull(kernel, agent) };
  const due = await dueTimers(kernel, agent, when);
  const mail = await nextMail(kernel, agent, when);
  const gone = due.filter(({ kind }) => kind === "retry");
  const timer = due.find(({ kind }) => kind !== "retry");
  const take = (source: string, found: () => Promise<Found | undefined>) =>
    kernel.keyWaits.attempt(agent.record.id, source, async () => {
      const occasion = await found();
      return occasion && { ...occasion, source };
    });
  if (timer !== undefined && (mail === undefined || timer.at <= mail.at)) {
    gone.push(timer);
    const occasion = await take(timerSource(paths.timer(timer)), () =>
      timer.kind === "alarm"
        ? fromAlarm(kernel, agent, { timer, timers: gone, now })
        : fromParked(kernel, agent, { trigger: timer.id, timers: gone, now }),
    );
    // What else is due may need no key.
    if (occasion === HELD) return perceive(kernel, agent, now);
    if (occasion !== undefined) return occasion;
  }
  if (mail === undefined) return undefined;
  const source = mailSource(mail.envelope.id);
  const occasion = await take(source, () => fromMail(kernel, agent, { mail, timers: gone, now }));
  return occasion === HELD ? perceive(kernel, agent, now) : occasion;
}

/** An occasion as it is found at a place that knows where it looks. */
type Found = Omit<Occasion, "source">;

/** True for the little that an agent takes before its first tick has come to an end. */
function mayComeFirst({ type, payload }: Envelope): boolean {
  return (
    type === "initialize" || type === "response" || (type === "control" && payload === "terminate")
  );
}

/** When an agent looks for what is due, and whether only what it waits for may be taken. */
interface Moment {
  readonly now: number;
  readonly full: boolean;
}

/** Timers that have gone off, the earliest first, up to and with the first that causes a tick. */
async function dueTimers(
  kernel: Kernel,
  agent: LoadedAgent,
  { now, full }: Moment,
): Promise<Timer[]> {
  const due: Timer[] = [];
  if (agent.wakeAt === null || agent.wakeAt > now) return due;
  for await (const { path } of allFiles(kernel.store, agent.record.id, paths.timers)) {
    const timer = timerOf(path);
    if (timer.at > now) break;
    if (full && timer.kind === "alarm") continue;
    if (kernel.keyWaits.holds(agent.record.id, timerSource(path))) continue;
    due.push(timer);
    // A retry only lets its mail be taken again, and leaves its timer behind if that is gone.
    if (timer.kind !== "retry") break;
  }
  return due;
}

/**
 * The mail to take next: by priority, then by position, but none of a sender whose earlier mail is
 * waiting to be tried again, or for the keys. While no more ticks may be parked only what is urgent,
 * past mail that is not: it may be the answer that lets one of them end.
 */
async function nextMail(
  kernel: Kernel,
  agent: LoadedAgent,
  { now, full }: Moment,
): Promise<MailRow | undefined> {
  const blocked = new Set<string>();
  let limit = 1;
  let after: MailRow | undefined;
  for (;;) {
    // The first page asks for no more than what a store knows by heart.
    const except = after && [...blocked].slice(0, EXCEPT);
    const rows = await kernel.store.waiting(agent.record.id, {
      limit,
      after,
      except,
      urgent: full,
    });
    for (const row of rows) {
      const { from, source } = row.envelope;
      if (agent.record.status === "creating" && !mayComeFirst(row.envelope)) continue;
      if (blocked.has(from) && source !== "control") continue;
      if (row.notBefore <= now && !waitsForKey(kernel, agent, row)) return row;
      blocked.add(from);
    }
    if (rows.length < limit) return undefined;
    after = rows.at(-1);
    limit = 32;
  }
}

/** How many blocked senders the store is told of; mail of more of them is read and passed over. */
const EXCEPT = 256;

function waitsForKey(
  { keyWaits }: Kernel,
  { record }: LoadedAgent,
  { envelope }: MailRow,
): boolean {
  return keyWaits.seals(envelope) || keyWaits.holds(record.id, mailSource(envelope.id));
}

async function fromMail(
  kernel: Kernel,
  agent: LoadedAgent,
  input: { readonly mail: MailRow; readonly timers: readonly Timer[]; readonly now: number },
): Promise<Found> {
  const { mail, timers, now } = input;
  const letter = mail.envelope;
  const late = letter.expiresAt !== undefined && letter.expiresAt <= now;
  const { envelope, refusal } =
    late && letter.type !== "response"
      ? { envelope: letter, refusal: expired("The envelope expired before it was taken") }
      : await open(kernel, agent, letter);
  const occasion: Found = {
    envelope,
    letter,
    mail,
    timers,
    settled: [],
    journal: new Journal({ revision: agent.definition.revision }),
    attempt: mail.attempts + 1,
    suspect: mail.at <= kernel.startedAt,
  };
  if (refusal !== undefined) return { ...occasion, refusal };
  if (envelope.type === "response" && envelope.replyTo !== undefined) {
    const answer = { ...mail, envelope };
    const trigger = await readText(kernel.store, agent.record.id, paths.wait(envelope.replyTo));
    const resumed = trigger && (await fromParked(kernel, agent, { trigger, timers, now, answer }));
    return resumed || { ...occasion, refusal: expired("Nobody waits for this reply any more") };
  }
  return { ...occasion, journal: await readJournal(kernel, agent, envelope.id) };
}

async function fromAlarm(
  kernel: Kernel,
  agent: LoadedAgent,
  input: { readonly timer: Timer; readonly timers: readonly Timer[]; readonly now: number },
): Promise<Found | undefined> {
  const { timer, timers, now } = input;
  const text = await readText(kernel.store, agent.record.id, paths.alarm(timer.id));
  const file = text && (JSON.parse(text) as AlarmFile);
  if (!file || file.at !== timer.at) return undefined;
  const envelope = alarmEnvelope(file, agent.record.id);
  return {
    envelope,
    letter: envelope,
    timers,
    alarm: { id: file.id, next: afterFiring(file, now) },
    settled: [],
    journal: await readJournal(kernel, agent, envelope.id),
    attempt: 1,
    suspect: timer.at <= kernel.startedAt,
  };
}

/** A parked tick that goes on: its answer came, or a time that it waited for. */
async function fromParked(
  kernel: Kernel,
  agent: LoadedAgent,
  input: {
    readonly trigger: string;
    readonly timers: readonly Timer[];
    readonly now: number;
    /** Opened. */
    readonly answer?: MailRow;
  },
): Promise<Found | undefined> {
  const { trigger, now, answer } = input;
  const text = await readText(kernel.store, agent.record.id, paths.parked(trigger));
  if (text === undefined) return undefined;
  const parked = JSON.parse(text) as Parked;
  if (answer === undefined && (await hasSealedAnswer(kernel, agent, parked))) throw lockedError();
  // The answer must be that of the one who was asked.
  const answered = answer && (await answeredBy(kernel, parked.waits, answer.envelope));
  if (answer !== undefined && answered === undefined) return undefined;
  const settled = parked.waits.flatMap((wait) => {
    const entry = settle(wait, now, wait === answered ? answer?.envelope : undefined);
    return entry === undefined ? [] : [[wait.key, { ...entry, ...stampOf(wait) }] as const];
  });
  const journal = await readJournal(kernel, agent, trigger, parked.waits);
  for (const [key, entry] of settled) journal.set(key, entry);
  const own: Timer = { at: parked.at, kind: "parked", id: trigger };
  // What is not sealed was let in when it came.
  const letter = parked.envelope;
  return {
    ...(letter.sealed === undefined ? { envelope: letter } : await open(kernel, agent, letter)),
    letter,
    mail: answer,
    timers: [...input.timers.filter((timer) => !isSame(timer, own)), own],
    parked,
    settled,
    journal,
    attempt: parked.attempts + 1,
    suspect: (answer?.at ?? parked.at) <= kernel.startedAt,
  };
}

/** True when an answer that a tick waits for is here, in time, and cannot be opened before the keys are. */
async function hasSealedAnswer(
  { store, keyWaits }: Kernel,
  { record }: LoadedAgent,
  { waits, at }: Parked,
): Promise<boolean> {
  if (!keyWaits.locked || waits.every(({ request }) => request === undefined)) return false;
  const limit = 32;
  let after: MailRow | undefined;
  for (;;) {
    const rows = await store.waiting(record.id, { limit, after, urgent: true });
    const found = rows.some(
      (row) =>
        row.at <= at && row.envelope.sealed && waits.some((wait) => mayAnswer(wait, row.envelope)),
    );
    if (found || rows.length < limit) return found;
    after = rows.at(-1);
  }
}

/** Where a wait was asked for; nothing for one of an older release. */
function stampOf({ at, code }: Wait): Partial<Stamp> {
  return at === undefined || code === undefined ? {} : { at, code };
}

/** How a wait ends now, undefined when it does not. */
function settle(wait: Wait, now: number, answer: Envelope | undefined): Entry | undefined {
  if (answer !== undefined) return answerEntry(answer);
  if (wait.until > now) return undefined;
  if (wait.request === undefined) return {};
  const error = new OpenAgentsError("TIMEOUT", `No answer to request "${wait.request}" in time`);
  return { error: errorInfo(error) };
}

function isSame(a: Timer, b: Timer): boolean {
  return a.kind === b.kind && a.id === b.id && a.at === b.at;
}

/** The wait that an answer ends, when it comes from the one who was asked. */
async function answeredBy(
  kernel: Kernel,
  waits: readonly Wait[],
  answer: Envelope,
): Promise<Wait | undefined> {
  const wait = waits.find((one) => mayAnswer(one, answer));
  const { asked, name } = wait ?? {};
  const { from, source } = answer;
  // Where nobody was known by the name, the answer is sealed for this request alone.
  if (asked === undefined || from === asked || source === "courier") return wait;
  // The courier took it to whoever had the name by then.
  const now = await addressOf(kernel, name!, true).catch(() => undefined);
  return now?.id === from ? wait : undefined;
}

function mayAnswer({ request, asked, name }: Wait, { replyTo, from, source }: Envelope): boolean {
  if (request === undefined || request !== replyTo) return false;
  return asked === undefined || name !== undefined || from === asked || source === "courier";
}

function answerEntry({ headers, payload }: Envelope): Entry {
  const code = headers?.["error"];
  if (code === undefined) return { value: payload };
  const message = textOf(payload);
  return { error: { code: BOUNCE_CODES.has(code) ? (code as ErrorCode) : "REMOTE", message } };
}

/** Opens mail; what cannot be opened is refused. @throws LOCKED while the signer is */
async function open(
  kernel: Kernel,
  { record }: LoadedAgent,
  letter: Envelope,
): Promise<{ readonly envelope: Envelope; readonly refusal?: Refusal }> {
  try {
    return { envelope: await openMail(kernel, record, letter) };
  } catch (error) {
    const info = errorInfo(error);
    if (!UNREADABLE.has(info.code)) throw error;
    return { envelope: letter, refusal: { outcome: "failed", error: info, unsigned: true } };
  }
}

const UNREADABLE: ReadonlySet<string> = new Set<ErrorCode>(["DENIED", "INVALID", "VERSION"]);

/** The finished steps of a trigger. Costs no read for an agent that never journaled anything. */
export async function readJournal(
  kernel: Kernel,
  agent: LoadedAgent,
  trigger: string,
  waits: readonly Wait[] = [],
): Promise<Journal> {
  const { revision } = agent.definition;
  if (!agent.journaled) return new Journal({ waits, revision });
  const stored: (readonly [string, string])[] = [];
  for await (const { path, value } of allFiles(
    kernel.store,
    agent.record.id,
    paths.journal(trigger),
  )) {
    stored.push([lastSegment(path), value as string]);
  }
  return new Journal({ stored, waits, revision });
}

function expired(message: string): Refusal {
  return { outcome: "expired", error: { code: "TIMEOUT", message } };
}
