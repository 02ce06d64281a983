import type { AgentRecord } from "../../core/agent.ts";
import { isUrgent } from "../../core/envelope.ts";
import type { Envelope } from "../../core/envelope.ts";
import type { LogRow, MailRow, Value } from "../../core/ports/store.ts";
import type { Undo } from "./undo.ts";

/** All that the memory store holds of one agent. Rows are replaced, never changed. */
export interface Agent {
  /** Rises in order of creation. */
  readonly num: number;
  record: AgentRecord;
  wakeAt: number | null;
  readonly waiting: Map<number, Mailed>;
  readonly dead: Map<number, Mailed>;
  /** Mail that is done with, by position: the dedup window. */
  readonly done: Map<number, { readonly id: string; readonly at: number }>;
  /** The position of every envelope id that is known. */
  readonly positions: Map<string, number>;
  readonly files: Map<string, Value>;
  /** When each of the files that are searched was written last: a number that rises. */
  readonly searched: Map<string, number>;
  written: number;
  readonly log: Map<number, LogRow>;
  head: LogRow | undefined;
}

/** A row of mail with its envelope as JSON, so that nobody can change it. */
export interface Mailed extends Omit<MailRow, "envelope"> {
  readonly id: string;
  readonly priority: number;
  readonly urgent: boolean;
  readonly envelope: string;
}

export function newAgent(num: number, record: AgentRecord): Agent {
  return {
    num,
    record,
    wakeAt: null,
    waiting: new Map(),
    dead: new Map(),
    done: new Map(),
    positions: new Map(),
    files: new Map(),
    searched: new Map(),
    written: 0,
    log: new Map(),
    head: undefined,
  };
}

export function newMail(position: number, envelope: Envelope, at: number): Mailed {
  return {
    position,
    id: envelope.id,
    priority: envelope.priority ?? 0,
    urgent: isUrgent(envelope),
    envelope: JSON.stringify(envelope),
    at,
    attempts: 0,
    notBefore: 0,
  };
}

export function toMailRow(mail: Mailed): MailRow {
  const { position, envelope, at, attempts, notBefore, reason } = mail;
  const row = { position, envelope: JSON.parse(envelope) as Envelope, at, attempts, notBefore };
  return reason === undefined ? row : { ...row, reason };
}

/** What mail is ordered by. */
type Place = Pick<Mailed, "position" | "priority">;

export function byPosition(a: Place, b: Place): number {
  return a.position - b.position;
}

export function byPriority(a: Place, b: Place): number {
  return b.priority - a.priority || byPosition(a, b);
}

/** Puts mail into the inbox, from wherever it was. */
export function place(undo: Undo, agent: Agent, mail: Mailed): void {
  undo.delete(agent.dead, mail.position);
  undo.set(agent.waiting, mail.position, mail);
  undo.set(agent.positions, mail.id, mail.position);
}

/** Puts mail with the dead letters, from wherever it was. */
export function kill(undo: Undo, agent: Agent, mail: Mailed, reason: string): void {
  undo.delete(agent.waiting, mail.position);
  undo.delete(agent.done, mail.position);
  undo.set(agent.dead, mail.position, { ...mail, notBefore: 0, reason });
  undo.set(agent.positions, mail.id, mail.position);
}

/** Keeps no more of a mail than its id. */
export function finish(undo: Undo, agent: Agent, position: number): void {
  const mail = agent.waiting.get(position) ?? agent.dead.get(position);
  if (mail === undefined) return;
  undo.delete(agent.waiting, position);
  undo.delete(agent.dead, position);
  undo.set(agent.done, position, { id: mail.id, at: mail.at });
}

/** Puts an envelope with the dead letters, where its own row is when there is one. */
export function bury(
  undo: Undo,
  agent: Agent,
  envelope: Envelope,
  death: { readonly attempts: number; readonly reason: string; readonly position: () => number },
): void {
  const known = agent.positions.get(envelope.id);
  const before =
    known === undefined
      ? undefined
      : (agent.waiting.get(known) ?? agent.dead.get(known) ?? agent.done.get(known));
  const mail = newMail(known ?? death.position(), envelope, before?.at ?? envelope.sentAt);
  kill(undo, agent, { ...mail, attempts: death.attempts }, death.reason);
}
