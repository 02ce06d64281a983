import { BETWEEN, CLOSED } from "../../core/agent.ts";
import { URGENT_ROOM } from "../../core/envelope.ts";
import type { Letterbox, Mail, MailQuery, Receipt, SeenRow } from "../../core/ports/store.ts";
import { whole } from "./base.ts";
import type { Base, Direct, Known } from "./base.ts";
import { removeFile } from "./files.ts";
import { spillText, unspill } from "./large.ts";
import {
  bury,
  DEAD,
  enqueue,
  MAIL_COLUMNS,
  inboxChanged,
  prepare,
  stateOf,
  toEnvelope,
  toMailRow,
} from "./mail.ts";
import type { Prepared, StoredMail } from "./mail.ts";
import type { Sql } from "./sql.ts";

/** Whose outgoing mail is carried. */
const CARRIED = `agents.status NOT IN (${[...BETWEEN].map((status) => `'${status}'`).join(", ")})`;
/** Why mail is a dead letter when the inbox was full. */
const FULL = "The inbox was full";

const DEAD_LETTERS = `SELECT ${MAIL_COLUMNS} FROM mail
  WHERE agent = ? AND state = 2 AND pos > ? ORDER BY pos LIMIT ?`;

/** Of one priority, waiting mail is in the index by position: no more is read of it than is given. */
const WAITING = `SELECT ${MAIL_COLUMNS} FROM mail INDEXED BY mail_waiting
  WHERE agent = ? AND state = 0 AND priority = ? AND pos > ? ORDER BY pos LIMIT ?`;
const NEXT_PRIORITY = `SELECT priority FROM mail INDEXED BY mail_waiting
  WHERE agent = ? AND state = 0 AND priority < ? ORDER BY priority DESC LIMIT 1`;

const ONE = {
  inbox: `SELECT ${MAIL_COLUMNS} FROM mail WHERE agent = ? AND id = ? AND state = 0 AND pos > ? LIMIT ?`,
  deadletter: `SELECT ${MAIL_COLUMNS} FROM mail WHERE agent = ? AND id = ? AND state = 2 AND pos > ? LIMIT ?`,
} as const satisfies Record<MailQuery["box"], string>;

/** In the order of the index of ids. */
const SEEN_QUERY = `SELECT id, at FROM mail
  WHERE agent = ? AND id > ? AND state = 1 ORDER BY id LIMIT ?`;

/** The letterbox of a SQL store. */
export function letterbox(base: Base): Direct<Letterbox> {
  const { sql } = base;
  return {
    deliver(mail) {
      const prepared = mail.map((one) => {
        whole(one.at, "time");
        return prepare(one.envelope);
      });
      return sql.apply(() =>
        mail.map((one, i): Receipt => deliverOne(base, one, prepared[i] as Prepared)),
      );
    },

    mail(id, { box, after = 0, envelope, limit }) {
      const { num } = base.known(id);
      const rows =
        envelope !== undefined
          ? sql.all<StoredMail>(ONE[box], num, envelope, after, limit)
          : box === "inbox"
            ? waitingAfter(sql, num, { after, limit })
            : sql.all<StoredMail>(DEAD_LETTERS, num, after, limit);
      return rows.map((row) => toMailRow(sql, row));
    },

    seen: (id, { after = "", limit }) =>
      sql.all<SeenRow>(SEEN_QUERY, base.known(id).num, after, limit).map((row) => ({ ...row })),

    depth: (id) => base.known(id).depth,

    replay: (id, envelopeId) =>
      sql.apply(() => {
        const agent = base.known(id);
        const [dead] = sql.all<{ pos: number; envelope: string }>(
          "SELECT pos, envelope FROM mail WHERE agent = ? AND id = ? AND state = 2",
          agent.num,
          envelopeId,
        );
        if (dead === undefined) return false;
        if (toEnvelope(unspill(sql, dead.envelope)).to === id) {
          sql.run(
            "UPDATE mail SET state = 0, attempts = 0, not_before = 0, reason = NULL WHERE pos = ?",
            dead.pos,
          );
          inboxChanged(agent, 1);
        } else {
          sql.run(
            "UPDATE mail SET state = 1, envelope = '', reason = NULL WHERE pos = ?",
            dead.pos,
          );
          post(base, agent, unspill(sql, dead.envelope));
        }
        return true;
      }),

    discard: (id, envelopeId, files) =>
      sql.apply(() => {
        const agent = base.known(id);
        if (stateOf(base, agent, envelopeId) !== DEAD) return false;
        sql.run(
          "UPDATE mail SET state = 1, envelope = '', reason = NULL WHERE agent = ? AND id = ?",
          agent.num,
          envelopeId,
        );
        if (files !== undefined) removeFile(base, agent, files);
        return true;
      }),

    outbox: (after, limit, agent) =>
      sql
        .all<{ seq: number; agent: string; envelope: string }>(
          `SELECT outbox.seq, agents.id AS agent, outbox.envelope
           FROM outbox CROSS JOIN agents ON agents.num = outbox.agent
           WHERE outbox.seq > ? AND ${agent === undefined ? CARRIED : "agents.id = ?"}
           ORDER BY outbox.seq LIMIT ?`,
          after,
          ...(agent === undefined ? [] : [agent]),
          limit,
        )
        .map((row) => ({ ...row, envelope: toEnvelope(unspill(sql, row.envelope)) })),

    sent(rows) {
      if (rows.length === 0) return;
      const prepared = rows.map(({ row }) => prepare(row.envelope));
      sql.apply(() => {
        base.seqs.keep();
        for (const [i, { row, reason }] of rows.entries()) {
          const there = sql.run("DELETE FROM outbox WHERE seq = ?", row.seq);
          const sender = there && reason !== undefined ? base.find(row.agent) : undefined;
          if (sender === undefined || reason === undefined) continue;
          bury(base, sender, prepared[i] as Prepared, { attempts: 0, reason });
        }
      });
    },

    forget: (before, limit) =>
      sql.apply(() => {
        const old = sql.all<{ pos: number }>(
          "SELECT pos FROM mail WHERE state = 1 AND at < ? ORDER BY at, pos LIMIT ?",
          before,
          limit,
        );
        if (old.length > 0) base.positions.keep();
        for (const { pos } of old) sql.run("DELETE FROM mail WHERE pos = ?", pos);
        return old.length;
      }),
  };
}

/** Waiting mail by position: of each priority that some has, so much as may be among the first. */
function waitingAfter(
  sql: Sql,
  agent: number,
  { after, limit }: { readonly after: number; readonly limit: number },
): readonly StoredMail[] {
  const found: StoredMail[] = [];
  let below = Number.MAX_SAFE_INTEGER;
  for (;;) {
    const [next] = sql.all<{ priority: number }>(NEXT_PRIORITY, agent, below);
    if (next === undefined) break;
    below = next.priority;
    found.push(...sql.all<StoredMail>(WAITING, agent, below, after, limit));
  }
  return found.sort((a, b) => a.pos - b.pos).slice(0, limit);
}

/** Puts an envelope, as JSON, into the outbox. */
export function post(base: Base, agent: Known, envelope: string): void {
  base.sql.run(
    "INSERT INTO outbox (seq, agent, envelope) VALUES (?, ?, ?)",
    base.seqs.take(),
    agent.num,
    spillText(base, envelope),
  );
}

function deliverOne(base: Base, { inbox, at }: Mail, mail: Prepared): Receipt {
  const agent = base.find(mail.envelope.to);
  if (agent === undefined) return "unknown";
  const closed = CLOSED[agent.status];
  if (closed !== undefined) return closed;
  const room = inbox.depth + (mail.urgent === 1 ? URGENT_ROOM : 0);
  if (agent.depth < room) return enqueue(base, agent, mail, at) ? "accepted" : "duplicate";
  if (stateOf(base, agent, mail.envelope.id) !== undefined) return "duplicate";
  if (inbox.overflow === "reject-new") return "rejected";
  if (inbox.overflow === "dead-letter" || inbox.depth < 1) {
    bury(base, agent, mail, { attempts: 0, reason: FULL, at });
    return "dead-lettered";
  }
  const excess = agent.depth - room + 1;
  // Answers and commands stay, and so does what the holder of the claim may be working on.
  const shown = base.claims.get(mail.envelope.to)?.shown ?? new Set<number>();
  const dropped = base.sql
    .all<{ pos: number }>(
      `SELECT pos FROM mail WHERE agent = ? AND state = 0 AND urgent = 0
       ORDER BY +pos LIMIT ?`,
      agent.num,
      excess + shown.size,
    )
    .filter(({ pos }) => !shown.has(pos))
    .slice(0, excess);
  for (const { pos } of dropped) {
    base.sql.run("UPDATE mail SET state = 2, not_before = 0, reason = ? WHERE pos = ?", FULL, pos);
  }
  inboxChanged(agent, -dropped.length);
  enqueue(base, agent, mail, at);
  return "accepted";
}
