import { act, unrecordable } from "./act.ts";
import type { Acted, ActInput } from "./act.ts";
import { TICKING } from "./agent.ts";
import type { AgentRecord } from "./agent.ts";
import { HELD } from "./key-waits.ts";
import type { Kernel, LoadedAgent } from "./kernel.ts";
import { loadAgent } from "./load.ts";
import { isFull } from "./parked.ts";
import { perceive } from "./perceive.ts";
import type { Occasion } from "./perceive.ts";
import type { Claim } from "./ports/index.ts";
import { remember } from "./remember.ts";
import type { Memory } from "./remember.ts";
import type { Session } from "./session.ts";
import { watchSuspect } from "./suspects.ts";
import { endTick, failureOf, tickSpan } from "./telemetry.ts";
import { isQuiet, think } from "./think.ts";
import { paths, timerOf } from "./tree.ts";
import type { TickOutput, TickRecord } from "./trajectory.ts";

/** A tick that is committed: applied, and durable once the store's next `sync()` resolves. */
export interface Ticked {
  readonly agent: AgentRecord;
  readonly record: TickRecord;
  readonly output: TickOutput;
  /** It put mail into the outbox. */
  readonly sent: boolean;
  /** When the agent is next due by time. */
  readonly wakeAt: number | null;
  /** How long after it was due it began, ms. */
  readonly lag: number;
  /** The id of its trace, where it has one. */
  readonly trace: string | undefined;
}

/** Nothing was due: when the agent is next due by time, and the same where the store had that wrong. */
export interface Idle {
  readonly idle: true;
  readonly next: number | null;
  readonly wakeAt?: number | null;
  /** Something is due, and waits for the keys or for a parked tick to end: what the store has stays, and `wakeAt` is what comes next. */
  readonly held?: true;
}

/**
 * One tick of one agent: the eight phases, each handing its result to the next. Nothing is changed
 * before the commit in SLEEP but the journal of finished steps; a throw on the way leaves everything
 * as it was.
 *
 * @param running is told the session of agent code, so that it can be cut off from outside
 */
export async function tick(
  kernel: Kernel,
  claim: Claim,
  running: (session: Session) => void,
): Promise<Ticked | Idle> {
  const at = kernel.clock.now();
  const live = kernel.followers.tickOf(claim.id);

  live.phase("wake");
  const record = await wake(kernel, claim);
  if (record === undefined) return { idle: true, next: null };
  live.phase("load");
  const agent = await load(kernel, record);
  live.phase("perceive");
  const waiting = await perceive(kernel, agent, at);
  if (waiting === undefined) return idle(kernel, agent, at);

  live.found((agent.head?.n ?? 0) + 1, waiting);
  try {
    const ticked = await kernel.keyWaits.attempt(record.id, waiting.source, () =>
      watchSuspect(kernel, { agent, claim, occasion: waiting }, (occasion) =>
        takeOn(kernel, { agent, claim, occasion, running, at, live }),
      ),
    );
    if (ticked !== HELD) {
      live.close("done");
      return ticked;
    }
  } finally {
    live.close("lost");
  }
  // What else is due may need no key.
  return tick(kernel, claim, running);
}

/** The phases from THINK on. */
export async function takeOn(
  kernel: Kernel,
  { at, ...given }: Omit<ActInput, "plan" | "span"> & { readonly at: number },
): Promise<Ticked> {
  const { agent, claim, occasion, live } = given;
  const span = kernel.tracer && tickSpan(kernel.tracer, agent.record, occasion);
  live?.phase("think");
  const plan = think(agent, occasion);
  let last: Session | undefined;
  const running = (session: Session): void => {
    last = session;
    given.running(session);
  };
  const input = { ...given, plan, span, running };
  const settle = async (acted: Acted): Promise<Ticked> => {
    last = acted.session;
    live?.phase("remember");
    const memory = await remember(kernel, { agent, occasion, acted, at, span });
    live?.phase("schedule");
    const wakeAt = await schedule(kernel, agent, memory);
    live?.phase("sleep");
    const lag = lagOf(occasion, at);
    return sleep(kernel, claim, { agent, acted, memory, wakeAt, lag, quiet: isQuiet(occasion) });
  };
  try {
    live?.phase("act");
    const acted = await act(kernel, input);
    const ticked = await settle(acted).catch((error: unknown) =>
      settle(unrecordable(kernel, { ...input, acted }, error)),
    );
    if (span !== undefined) endTick(span, ticked.record);
    return ticked;
  } catch (error) {
    span?.end(failureOf(error));
    // It leaves no trace, but what it spent is spent.
    kernel.owed.add(agent.record.id, last?.meter.loose);
    throw error;
  }
}

/** How long before `at` the trigger was due: since its mail came, or since its time, or that of its retry. */
function lagOf({ mail, timers }: Occasion, at: number): number {
  const due = mail === undefined ? (timers.at(-1)?.at ?? at) : Math.max(mail.at, mail.notBefore);
  return Math.max(0, at - due);
}

/** WAKE: who is it, and may it tick? */
async function wake(kernel: Kernel, claim: Claim): Promise<AgentRecord | undefined> {
  const record = kernel.cache.get(claim.id)?.record ?? (await kernel.store.get(claim.id));
  return record !== undefined && TICKING.has(record.status) ? record : undefined;
}

/** LOAD: the agent as of its last commit, from memory or from its files. */
async function load(kernel: Kernel, record: AgentRecord): Promise<LoadedAgent> {
  const known = kernel.cache.get(record.id);
  if (known !== undefined) return known;
  const agent = await loadAgent(kernel, record);
  kernel.cache.set(record.id, agent);
  return agent;
}

/** SCHEDULE: when the agent is next due by time, given the timers that the tick set and removed. */
async function schedule(
  kernel: Kernel,
  agent: LoadedAgent,
  { timersSet, timersRemoved }: Memory,
): Promise<number | null> {
  let earliest = agent.wakeAt;
  if (timersRemoved.some(({ at }) => at === earliest)) {
    const removed = new Set(timersRemoved.map(paths.timer));
    const rows = await kernel.store.files(agent.record.id, {
      prefix: paths.timers,
      limit: removed.size + 1,
    });
    const first = rows.find(({ path }) => !removed.has(path));
    earliest = first === undefined ? null : timerOf(first.path).at;
  }
  for (const { at } of timersSet) if (earliest === null || at < earliest) earliest = at;
  return earliest;
}

/** SLEEP: commits all of the tick at once and keeps in memory what the next one starts from. */
async function sleep(
  kernel: Kernel,
  claim: Claim,
  tick: {
    readonly agent: LoadedAgent;
    readonly acted: Acted;
    readonly memory: Memory;
    readonly wakeAt: number | null;
    /** No hook ran, nor `onWake`. */
    readonly quiet: boolean;
    readonly lag: number;
  },
): Promise<Ticked> {
  const { agent, acted, memory, wakeAt, lag } = tick;
  const { changes, record, output, failures } = memory;
  try {
    await kernel.store.commit(claim, wakeAt === agent.wakeAt ? changes : { ...changes, wakeAt });
  } catch (error) {
    kernel.signer.keepUses(agent.record, record.keys ?? []);
    throw error;
  }
  for (const [key, json] of acted.state?.put ?? []) agent.state.set(key, json);
  for (const key of acted.state?.removed ?? []) agent.state.delete(key);
  agent.head = { n: record.n, hash: changes.log.hash };
  agent.wakeAt = wakeAt;
  agent.version = acted.version;
  agent.failures = failures;
  if (agent.parked !== undefined) agent.parked += memory.parked;
  // What `onWake` did in a tick that was not done is not kept: the next one does it again.
  if (record.outcome === "done" && !tick.quiet) agent.cold = false;
  if (changes.status !== undefined) agent.record = { ...agent.record, status: changes.status };
  const sent = (changes.send?.length ?? 0) > 0;
  return { agent: agent.record, record, output, sent, wakeAt, lag, trace: memory.trace };
}

/** Nothing is due; a time that has passed all the same is put right. */
async function idle(kernel: Kernel, agent: LoadedAgent, now: number): Promise<Idle> {
  if (agent.wakeAt === null || agent.wakeAt > now) return { idle: true, next: agent.wakeAt };
  const after = paths.timer({ at: now, kind: "retry", id: "~" });
  const [row] = await kernel.store.files(agent.record.id, {
    prefix: paths.timers,
    after,
    limit: 1,
  });
  const wakeAt = row === undefined ? null : timerOf(row.path).at;
  if (kernel.keyWaits.holdsTimer(agent.record.id) || (await isFull(kernel, agent))) {
    return { idle: true, next: null, wakeAt, held: true };
  }
  agent.wakeAt = wakeAt;
  return { idle: true, next: wakeAt, wakeAt };
}
