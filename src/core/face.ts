import { infoOf, reportOf } from "./agent-info.ts";
import type { AgentRecord } from "./agent.ts";
import { newAlarm } from "./alarms.ts";
import type { ContextIdentity } from "./context.ts";
import { toJson } from "./json.ts";
import type { Json } from "./json.ts";
import type { Kernel } from "./kernel.ts";
import { memoryOver } from "./memory.ts";
import type { AgentFace, FaceInTick, FaceOutside } from "./ports/agent-face.ts";
import type { AgentFiles, TickMemory } from "./ports/memory.ts";
import type { AgentReport } from "./runtime.ts";
import { publicEvent } from "./public-event.ts";
import { StateDraft } from "./state.ts";
import { readRow } from "./trajectory.ts";

/** Whose face it is, and what it shows. */
export interface FaceParts {
  readonly record: AgentRecord;
  readonly tree: AgentFiles;
  /** Over that tree. Default: a new one. */
  readonly memory?: TickMemory | undefined;
  /** Made when it is used. */
  readonly identity: () => ContextIdentity;
  readonly state: () => Promise<Readonly<Record<string, Json>>>;
  /** What it shows may be kept, as it is looked at for one request alone. */
  readonly once?: boolean | undefined;
  readonly tick?: FaceInTick;
  readonly operator?: FaceOutside;
}

/** An agent as its tree of files shows it. */
export function agentFace(kernel: Kernel, parts: FaceParts): AgentFace {
  const { record, tree, tick, operator } = parts;
  const { id, type } = record;
  const { store, clock, cache, limits, watchers, followers } = kernel;
  let memory: TickMemory | undefined;
  let identity: ContextIdentity | undefined;
  let changed: Promise<number> | undefined;
  const changedAt = async (): Promise<number> => {
    const head = await store.head(id);
    const [last] = head === undefined ? [] : await store.log(id, head.n - 1, 1);
    return last === undefined ? record.createdAt : readRow(last).record.at;
  };
  const report = async (): Promise<AgentReport> => ({
    ...infoOf(record, cache.has(id)),
    ...(await reportOf(store, record, clock.now())),
  });
  let reported: Promise<AgentReport> | undefined;
  let state: Promise<Readonly<Record<string, Json>>> | undefined;
  return {
    agent: record,
    definition: kernel.agents.get(type),
    tree,
    get memory() {
      return (memory ??= parts.memory ?? memoryOver(kernel, tree));
    },
    get identity() {
      return (identity ??= parts.identity());
    },
    relays: kernel.relays,
    limits,
    now: () => clock.now(),
    report: parts.once === true ? () => (reported ??= report()) : report,
    state: parts.once === true ? () => (state ??= parts.state()) : parts.state,
    mail: (query) => store.mail(id, query),
    outbox: (after, limit) => store.outbox(after, limit, id),
    head: () => store.head(id),
    log: (after, limit) => store.log(id, after, limit),
    changedAt: () => (changed ??= changedAt()),
    watch: (listener) => watchers.watch(id, listener),
    follow: (listener) => followers.follow(id, listener),
    ...(tick !== undefined && { tick }),
    ...(operator !== undefined && { operator }),
  };
}

/** A tick that does nothing, and refuses what a tick would refuse: to try a change before it is made. */
export function tickOnPaper(kernel: Kernel): FaceInTick {
  const { limits, clock } = kernel;
  return {
    setState(state) {
      const draft = new StateDraft(new Map());
      draft.replace({ ...state });
      draft.changes(limits.valueBytes);
    },
    setAlarm(id, when, payload) {
      newAlarm({ id, set: "", payload }, when, clock.now());
    },
    cancelAlarm: () => undefined,
    async send(_to, payload) {
      toJson(payload, "payload");
      return "";
    },
    async publish(event) {
      await publicEvent(kernel, event);
      return "";
    },
    log: () => undefined,
  };
}
