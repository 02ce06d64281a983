import { isUrgent } from "../../core/envelope.ts";
import type { Envelope } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { MailRow } from "../../core/ports/store.ts";
import { whole } from "./base.ts";
import type { Base, Known } from "./base.ts";
import { isLarge, spillText, unspill } from "./large.ts";
import type { Sql } from "./sql.ts";

/** States of mail, as numbers in the database. Queries that use a partial index spell them out. */
export const WAITING = 0;
export const DONE = 1;
export const DEAD = 2;

/** Envelopes above this many characters are not remembered between delivery and tick. */
const LONE_MAX = 2048;

/** The columns of `StoredMail`. */
export const MAIL_COLUMNS = "pos, at, attempts, not_before AS notBefore, envelope, reason";

export interface StoredMail {
  readonly pos: number;
  readonly at: number;
  readonly attempts: number;
  readonly notBefore: number;
  readonly envelope: string;
  readonly reason: string | null;
}

export function toMailRow(sql: Sql, row: StoredMail): MailRow {
  const mail = {
    position: row.pos,
    envelope: toEnvelope(unspill(sql, row.envelope)),
    at: row.at,
    attempts: row.attempts,
    notBefore: row.notBefore,
  };
  return row.reason === null ? mail : { ...mail, reason: row.reason };
}

/** @throws CORRUPT when the text is not what a store wrote */
export function toEnvelope(text: string): Envelope {
  try {
    return JSON.parse(text) as Envelope;
  } catch (cause) {
    throw new OpenAgentsError("CORRUPT", "Cannot read envelope: it is damaged", { cause });
  }
}

/** An envelope with all that could fail about it done, so that writing it cannot. */
export interface Prepared {
  readonly envelope: Envelope;
  readonly text: string;
  readonly priority: number;
  /** Empty for a command: no sender is passed over by that. */
  readonly sender: string;
  readonly urgent: 0 | 1;
}

export function prepare(envelope: Envelope): Prepared {
  const priority = envelope.priority ?? 0;
  whole(priority, "priority");
  whole(envelope.sentAt, "time");
  const sender = envelope.source === "control" ? "" : envelope.from;
  const urgent = isUrgent(envelope) ? 1 : 0;
  return { envelope, text: JSON.stringify(envelope), priority, sender, urgent };
}

/** Notes that the mail that waits has changed, and that there is `more` of it or, below 0, less. */
export function inboxChanged(agent: Known, more: number): void {
  agent.depth += more;
  agent.lone = undefined;
}

/** Puts an envelope into an inbox. False when its id is known there already. */
export function enqueue(base: Base, agent: Known, mail: Prepared, at: number): boolean {
  if (isLarge(mail.text) && stateOf(base, agent, mail.envelope.id) !== undefined) return false;
  const text = spillText(base, mail.text);
  const pos = base.positions.peek();
  const changed = base.sql.run(
    `INSERT INTO mail
       (pos, agent, id, state, sender, urgent, priority, at, attempts, not_before, envelope)
     VALUES (?, ?, ?, 0, ?, ?, ?, ?, 0, 0, ?) ON CONFLICT (agent, id) DO NOTHING`,
    pos,
    agent.num,
    mail.envelope.id,
    mail.sender,
    mail.urgent,
    mail.priority,
    at,
    text,
  );
  if (!changed) return false;
  base.positions.take();
  inboxChanged(agent, 1);
  if (agent.depth === 1 && mail.text.length <= LONE_MAX) {
    agent.lone = { pos, at, attempts: 0, notBefore: 0, envelope: mail.text, reason: null };
  }
  return true;
}

/** Puts an envelope with the dead letters, wherever it was before. */
export function bury(
  base: Base,
  agent: Known,
  mail: Prepared,
  death: { readonly attempts: number; readonly reason: string; readonly at?: number },
): void {
  const state = stateOf(base, agent, mail.envelope.id);
  if (state === WAITING) inboxChanged(agent, -1);
  base.sql.run(
    `INSERT INTO mail (pos, agent, id, state, sender, urgent, priority, at, attempts, not_before,
       envelope, reason)
     VALUES (?, ?, ?, 2, ?, ?, ?, ?, ?, 0, ?, ?)
     ON CONFLICT (agent, id) DO UPDATE SET state = 2, attempts = excluded.attempts,
       sender = excluded.sender, urgent = excluded.urgent, not_before = 0, priority = excluded.priority, envelope = excluded.envelope,
       reason = excluded.reason`,
    state === undefined ? base.positions.take() : base.positions.peek(),
    agent.num,
    mail.envelope.id,
    mail.sender,
    mail.urgent,
    mail.priority,
    death.at ?? mail.envelope.sentAt,
    death.attempts,
    spillText(base, mail.text),
    death.reason,
  );
}

/** Where the mail with this id is; undefined when the agent does not know the id. */
export function stateOf(base: Base, agent: Known, envelopeId: string): number | undefined {
  const [row] = base.sql.all<{ state: number }>(
    "SELECT state FROM mail WHERE agent = ? AND id = ?",
    agent.num,
    envelopeId,
  );
  return row?.state;
}

/** Adds a row of mail at the next position; its id must not be known. */
export function insert(
  base: Base,
  agent: Known,
  row: Omit<StoredMail, "pos"> & {
    readonly id: string;
    readonly state: number;
  } & Pick<Prepared, "sender" | "urgent" | "priority">,
): void {
  base.sql.run(
    `INSERT INTO mail (pos, agent, id, state, sender, urgent, priority, at, attempts, not_before,
       envelope, reason)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    base.positions.take(),
    agent.num,
    row.id,
    row.state,
    row.sender,
    row.urgent,
    row.priority,
    row.at,
    row.attempts,
    row.notBefore,
    spillText(base, row.envelope),
    row.reason,
  );
}
