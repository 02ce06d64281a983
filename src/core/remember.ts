import type { Acted } from "./act.ts";
import { isNpub } from "./agent.ts";
import type { AgentStatus } from "./agent.ts";
import { endNotes } from "./births.ts";
import { bornAs, childrenIn } from "./children.ts";
import { firingsOf } from "./alarms.ts";
import type { AlarmFile } from "./alarms.ts";
import { errorInfo, MismatchError } from "./errors.ts";
import type { Envelope } from "./envelope.ts";
import { newId } from "./kernel.ts";
import type { Kernel, LoadedAgent } from "./kernel.ts";
import { allFiles } from "./load.ts";
import { memoryOver } from "./memory.ts";
import type { Parked } from "./parked.ts";
import type { Occasion } from "./perceive.ts";
import type { Changes, Span } from "./ports/index.ts";
import { CommitDraft } from "./commit-draft.ts";
import { commandOf } from "./think.ts";
import { requestsTo } from "./requests.ts";
import { sealMail } from "./seal.ts";
import { outgoing } from "./telemetry.ts";
import { traceOf } from "./trace-context.ts";
import { paths } from "./tree.ts";
import type { Timer } from "./tree.ts";
import { sealRecord } from "./trajectory.ts";
import type { TickFacts, TickOutput, TickRecord } from "./trajectory.ts";

/** What is remembered of a tick: the one change that is to be committed, and what it leads to. */
export interface Memory {
  readonly changes: Omit<Changes, "wakeAt">;
  readonly record: TickRecord;
  readonly output: TickOutput;
  readonly timersSet: readonly Timer[];
  readonly timersRemoved: readonly Timer[];
  readonly failures: number;
  /** How many more ticks are parked now; below 0 for fewer. */
  readonly parked: number;
  /** The id of the trace that the tick belongs to, where it belongs to one. */
  readonly trace: string | undefined;
}

/** What REMEMBER makes a memory of. */
export interface RememberInput {
  readonly agent: LoadedAgent;
  readonly occasion: Occasion;
  readonly acted: Acted;
  /** When the tick began. */
  readonly at: number;
  /** The tick's, where ticks are traced: what it sends is in it. */
  readonly span: Span | undefined;
}

/** Turns what a tick did into the one change that will be committed, with its record. */
export async function remember(kernel: Kernel, input: RememberInput): Promise<Memory> {
  const { agent, occasion, acted, at } = input;
  const draft = new CommitDraft();
  const outcome = outcomeOf(acted, occasion);
  if (acted.failure?.next !== "stop") takeAway(draft, occasion);
  for (const [path, content] of acted.session.spent()) draft.write(path, content);
  // A journal that is tried with again has time to be counted.
  if (acted.failure?.next !== "retry" && outcome !== "parked") countRest(kernel, input);
  const spent = await acted.session.meter.file();
  if (spent !== undefined) draft.write(paths.spent, spent);
  if (outcome !== "done" && acted.failure?.next !== "restart") keepCounted(draft, occasion);
  // However it went, the process lives.
  if (occasion.suspect) draft.erase(paths.crashes(occasion.envelope.id));
  if (outcome === "done") {
    await keepEffects(kernel, draft, input);
    finish(draft, occasion);
    if (!acted.session.replied) answer(kernel, draft, input, null);
    if (agent.failures > 0) draft.erase(paths.failures);
  } else if (outcome === "parked") {
    draft.send.push(...acted.session.births.letters, ...acted.session.requests);
  } else if (acted.failure?.next === "retry") {
    retry(draft, input);
  } else if (acted.failure?.next === "restart") {
    restart(draft, input);
  } else if (acted.failure?.next === "dead-letter") {
    if (acted.state !== undefined) await keepEffects(kernel, draft, input);
    deadLetter(kernel, draft, input);
  }
  if (statusAfter(agent, occasion, acted) === "terminated") {
    const waiting = await requestsTo(kernel.store, agent.record.id);
    for (const { envelope } of waiting) draft.send.push(refusal(kernel, agent, envelope));
    const { files, meter } = acted.session;
    const estate = {
      spent: await meter.spent(),
      children: await childrenIn(files),
      parent: await files.read(paths.parent),
    };
    draft.send.push(...endNotes(kernel, agent.record, estate));
  }
  const trace = input.span?.context ?? traceOf(occasion.envelope);
  draft.send = await Promise.all(
    draft.send.map((mail) => sealMail(kernel, agent.record, outgoing(kernel.tracer, trace, mail))),
  );
  if (outcome === "parked") park(draft, input);
  const keys = kernel.signer.takeUses(agent.record);
  const status = statusAfter(agent, occasion, acted);
  const { session } = acted;
  const output = session.output(acted.state !== undefined);
  const facts: TickFacts = {
    agent: agent.record.id,
    code: `${agent.definition.name}@${agent.definition.version}`,
    at,
    ms: kernel.clock.now() - at,
    trigger: {
      type: session.trigger.type,
      id: occasion.envelope.id,
      from: occasion.envelope.from,
      source: occasion.envelope.source,
    },
    outcome,
    attempt: occasion.attempt > 1 ? occasion.attempt : undefined,
    resumed: occasion.parked === undefined ? undefined : true,
    error: acted.failure === undefined ? undefined : errorInfo(acted.failure.error),
    steps: someOf(session.steps),
    waits: acted.ending.kind === "parked" ? acted.ending.waits.map(({ key }) => key) : undefined,
    sent: someOf(draft.send.map(({ id, to, type }) => ({ id, to, type }))),
    keys: someOf(keys),
    journal:
      occasion.journal.found.size > 0 ? Object.fromEntries(occasion.journal.found) : undefined,
    wrote: draft.digests(outcome === "done" ? [] : journaled(occasion)),
    removed: someOf([...draft.remove]),
    status,
  };
  const sealed = sealRecord(agent.head, facts, output);
  return {
    changes: {
      log: sealed.row,
      put: draft.rows(),
      remove: [...draft.remove],
      ack: draft.ack,
      retry: draft.retry,
      bury: draft.bury,
      send: draft.send,
      ...(status !== undefined && { status }),
    },
    record: sealed.record,
    output,
    timersSet: draft.timersSet,
    timersRemoved: draft.timersRemoved,
    parked:
      draft.more(paths.parked(occasion.envelope.id), occasion.parked !== undefined) -
      draft.parkedDropped,
    trace: trace?.traceId,
    failures: outcome === "done" ? 0 : agent.failures + (acted.failure?.blame === true ? 1 : 0),
  };
}

/** SHA-256 by path of the steps that ended in this tick. */
function journaled({ envelope, journal }: Occasion): (readonly [string, string])[] {
  return [...journal.written].map(([key, digest]) => [paths.step(envelope.id, key), digest]);
}

function outcomeOf(acted: Acted, { refusal }: Occasion): TickRecord["outcome"] {
  if (acted.ending.kind !== "failed") return acted.ending.kind;
  if (acted.failure?.next !== "dead-letter") return "retry";
  return refusal?.outcome ?? "failed";
}

/** Counts what earlier tries have journaled and this one never asked for: nobody comes to ask for it any more. */
function countRest(kernel: Kernel, { agent, acted, occasion }: RememberInput): void {
  const { session } = acted;
  const { envelope, journal } = occasion;
  for (const [key, used] of journal.uncounted()) {
    const step = `${envelope.id}/${key}`;
    if (!kernel.owed.covers(agent.record.id, step)) {
      session.meter.count(step, used);
      session.meter.journaled(step, used);
    }
    journal.count(key);
    session.steps.push({ key, ms: 0, replayed: true, used });
  }
}

/** Steps that outlive the tick say that what they cost is counted. */
function keepCounted(draft: CommitDraft, { envelope, journal }: Occasion): void {
  for (const [key, entry] of journal.counted()) {
    draft.write(paths.step(envelope.id, key), JSON.stringify(entry));
  }
}

/** What the occasion itself uses up, however the tick went: timers and the alarm. */
function takeAway(draft: CommitDraft, occasion: Occasion): void {
  for (const timer of occasion.timers) draft.removeTimer(timer);
  const { alarm } = occasion;
  if (alarm !== undefined) {
    if (alarm.next === undefined) draft.erase(paths.alarm(alarm.id));
    else draft.moveAlarm(alarm.id, undefined, alarm.next);
  }
}

/** State, mail and alarms of a hook that came to its end. */
async function keepEffects(
  kernel: Kernel,
  draft: CommitDraft,
  input: RememberInput,
): Promise<void> {
  const { agent, occasion, acted } = input;
  const { session, state, version } = acted;
  for (const [key, json] of state?.put ?? []) draft.write(paths.stateKey(key), json);
  for (const key of state?.removed ?? []) draft.erase(paths.stateKey(key));
  if (version !== agent.version) draft.write(paths.version, String(version));
  // They go first, so that what is sent to them finds them.
  draft.send.push(...session.births.letters, ...session.mail, ...session.requests);
  const { from } = occasion.envelope;
  if (isNpub(from) && kernel.memory !== undefined) {
    await memoryOver(kernel, session.files).met(from);
  }
  for (const [path, content] of session.files.changes) {
    if (content === undefined) draft.erase(path);
    else draft.write(path, content);
  }
  for (const id of session.takenBack) await dropRetries(kernel, draft, { input, alarm: id });
  if (session.alarms.size === 0) return;
  const ids = [...session.alarms.keys()];
  const files = await kernel.store.read(
    agent.record.id,
    ids.map((id) => paths.alarm(id)),
  );
  ids.forEach((id, i) => {
    const text = files[i] as string | undefined;
    const stored = text === undefined ? undefined : (JSON.parse(text) as AlarmFile);
    const before = occasion.alarm?.id === id ? occasion.alarm.next : stored;
    draft.moveAlarm(id, before, session.alarms.get(id));
  });
}

/** An alarm that is cancelled is not tried again either, where it failed before. */
async function dropRetries(
  kernel: Kernel,
  draft: CommitDraft,
  { input, alarm }: { readonly input: RememberInput; readonly alarm: string },
): Promise<void> {
  const { agent, occasion } = input;
  const prefix = paths.parked(firingsOf(alarm));
  for await (const { value } of allFiles(kernel.store, agent.record.id, prefix)) {
    const parked = JSON.parse(value as string) as Parked;
    // The tick itself may be one of them: what becomes of it is its own end.
    if (parked.failed && parked.envelope.id !== occasion.envelope.id) draft.dropParked(parked);
  }
}

/** The trigger is dealt with: nothing of it stays but its id in the dedup window. */
function finish(draft: CommitDraft, occasion: Occasion): void {
  if (occasion.journal.used) draft.erase(paths.journal(occasion.envelope.id));
  putAway(draft, occasion);
}

/** The trigger waits for nothing any more. */
function putAway(draft: CommitDraft, { envelope, mail, parked }: Occasion): void {
  if (mail !== undefined) draft.ack.push(mail.position);
  if (parked === undefined) return;
  draft.erase(paths.parked(envelope.id));
  for (const { request } of parked.waits) {
    if (request !== undefined) draft.erase(paths.wait(request));
  }
}

/** Puts the tick down until an answer or a time comes. Of what the hook did, only requests leave. */
function park(draft: CommitDraft, { agent, occasion, acted }: RememberInput): void {
  const { envelope, letter, mail } = occasion;
  const asked = new Map(
    draft.send.map(({ id, to, toName }) => [
      id,
      { asked: isNpub(to) ? to : undefined, ...(toName !== undefined && { name: toName }) },
    ]),
  );
  const waits = (acted.ending.kind === "parked" ? acted.ending.waits : []).map((wait) => ({
    ...wait,
    ...asked.get(wait.request ?? ""),
  }));
  if (mail !== undefined) draft.ack.push(mail.position);
  for (const id of asked.keys()) draft.write(paths.wait(id), envelope.id);
  keepSettled(draft, agent, occasion);
  for (const entry of occasion.journal.takeFailed()) {
    agent.journaled = true;
    keep(draft, envelope, entry);
  }
  const at = Math.min(...waits.map(({ until }) => until));
  const { births, files } = acted.session;
  for (const id of births.ids) draft.write(paths.child(id), files.changes.get(paths.child(id))!);
  const spawned = someOf([...(occasion.parked?.spawned ?? []), ...births.ids]);
  putDown(draft, { envelope: letter, waits, at, attempts: occasion.attempt - 1, spawned });
}

/** Mail waits in the inbox to be tried again; what came from elsewhere waits as a parked tick. */
function retry(draft: CommitDraft, { agent, occasion, acted }: RememberInput): void {
  const { letter, mail, parked } = occasion;
  const { retryAt, attempts, error } = acted.failure!;
  // What agent code could not do with is asked for anew.
  askAnew(draft, occasion, acted.session.keysOf(error));
  if (mail !== undefined && parked === undefined) {
    draft.retry.push({ position: mail.position, notBefore: retryAt, attempts });
    draft.setTimer({ at: retryAt, kind: "retry", id: String(mail.position) });
    return;
  }
  if (mail !== undefined) draft.ack.push(mail.position);
  const settled = new Set(keepSettled(draft, agent, occasion));
  const waits = (parked?.waits ?? []).filter(({ key }) => !settled.has(key));
  const again = { waits, at: retryAt, attempts, failed: true } as const;
  putDown(draft, { envelope: letter, ...again, spawned: parked?.spawned });
}

/** Removes results from the journal; where others came after them it keeps that they were asked for. */
function askAnew(
  draft: CommitDraft,
  { envelope, journal }: Occasion,
  removed: readonly string[],
): void {
  for (const key of removed) {
    draft.erase(paths.step(envelope.id, key));
    keep(draft, envelope, journal.redo(key));
  }
}

function keep(
  draft: CommitDraft,
  { id }: Envelope,
  entry: readonly [key: string, text: string] | undefined,
): void {
  if (entry !== undefined) draft.write(paths.step(id, entry[0]), entry[1]);
}

/** Nothing of what was done is kept, and the trigger is taken again at once: no try is counted. */
function restart(draft: CommitDraft, { occasion, acted }: RememberInput): void {
  const { envelope, letter, mail, parked } = occasion;
  const { retryAt: at, attempts } = acted.failure!;
  draft.erase(paths.journal(envelope.id));
  if (mail !== undefined && parked === undefined) {
    draft.retry.push({ position: mail.position, notBefore: at, attempts });
    draft.setTimer({ at, kind: "retry", id: String(mail.position) });
    return;
  }
  if (mail !== undefined) draft.ack.push(mail.position);
  for (const { request } of parked?.waits ?? []) {
    if (request !== undefined) draft.erase(paths.wait(request));
  }
  putDown(draft, { envelope: letter, waits: [], at, attempts, failed: true });
}

function putDown(draft: CommitDraft, parked: Parked): void {
  const { id } = parked.envelope;
  draft.write(paths.parked(id), JSON.stringify(parked));
  draft.setTimer({ at: parked.at, kind: "parked", id });
}

/** Journals what arrived for a parked tick; the keys. */
function keepSettled(draft: CommitDraft, agent: LoadedAgent, occasion: Occasion): string[] {
  const { envelope, settled, parked } = occasion;
  if (settled.length > 0) agent.journaled = true;
  for (const [key, entry] of settled) {
    draft.write(paths.step(envelope.id, key), JSON.stringify(entry));
    const request = parked?.waits.find((wait) => wait.key === key)?.request;
    if (request !== undefined) draft.erase(paths.wait(request));
  }
  return settled.map(([key]) => key);
}

function deadLetter(kernel: Kernel, draft: CommitDraft, input: RememberInput): void {
  const { agent, occasion, acted } = input;
  const { letter, mail, parked, attempt } = occasion;
  const { message } = errorInfo(acted.failure!.error);
  // What is finished stays beside the dead letter: to replay that is not to do it again.
  keepSettled(draft, agent, occasion);
  const mismatch = acted.failure!.error instanceof MismatchError;
  askAnew(draft, occasion, occasion.journal.passing(mismatch));
  keepBorn(draft, occasion);
  putAway(draft, occasion);
  // A mail that is itself the dead letter is moved there; only the answer to a parked tick is done.
  if (mail !== undefined && parked === undefined) draft.ack.length = 0;
  draft.bury.push({ envelope: letter, attempts: attempt, reason: message });
  if (acted.failure!.blame) draft.write(paths.failures, String(agent.failures + 1));
  if (acted.state === undefined || !acted.session.replied) answer(kernel, draft, input, message);
}

/** A child that was made with an earlier commit of the tick is made no second time when the dead letter is replayed. */
function keepBorn(draft: CommitDraft, { envelope, journal, parked }: Occasion): void {
  const spawned = parked?.spawned ?? [];
  if (spawned.length === 0) return;
  for (const [key, entry] of journal.entries) {
    const born = bornAs(key, entry, spawned);
    if (born !== undefined) draft.write(paths.step(envelope.id, key), JSON.stringify(born));
  }
}

/** Answers another agent's request in the agent's place: done, or an error. */
function answer(
  kernel: Kernel,
  draft: CommitDraft,
  { agent, occasion: { envelope, refusal } }: RememberInput,
  error: string | null,
): void {
  // Whoever asked from outside sees in the record what became of it.
  if (envelope.type !== "request" || !isNpub(envelope.from) || refusal?.unsigned) return;
  draft.send.push({
    id: newId(kernel),
    sentAt: kernel.clock.now(),
    source: "agent",
    from: agent.record.id,
    to: envelope.from,
    type: "response",
    payload: error,
    replyTo: envelope.id,
    traceId: envelope.traceId ?? envelope.id,
    ...(error !== null && { headers: { error: "REMOTE" } }),
  });
}

/** The answer to whoever asked an agent that is no more. */
function refusal(kernel: Kernel, { record }: LoadedAgent, request: Envelope): Envelope {
  return {
    id: newId(kernel),
    sentAt: kernel.clock.now(),
    source: "agent",
    from: record.id,
    to: request.from,
    type: "response",
    payload: `"${record.name}" is terminated`,
    replyTo: request.id,
    headers: { error: "TERMINATED" },
  };
}

function statusAfter(
  { record }: LoadedAgent,
  occasion: Occasion,
  { ending, failure }: Acted,
): AgentStatus | undefined {
  if (failure?.next === "stop") return "failed";
  const over = ending.kind === "done" || failure?.next === "dead-letter";
  if (over && commandOf(occasion) === "terminate") return "terminated";
  const creating = record.status === "creating" && occasion.envelope.type === "initialize";
  if (creating && ending.kind === "done") return "live";
  if (failure?.next !== "dead-letter") return undefined;
  if (creating) return "failed";
  return failure.quarantine ? "quarantined" : undefined;
}

function someOf<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length > 0 ? list : undefined;
}
