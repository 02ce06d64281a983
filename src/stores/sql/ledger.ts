import { RECORDING } from "../../core/agent.ts";
import type { Changes, Ledger, LogRow, TreeRow, Value, MailRow } from "../../core/ports/store.ts";
import { afterPrefix, comparePaths } from "../../core/path-order.ts";
import { stale, whole } from "./base.ts";
import type { Base, Direct, Known } from "./base.ts";
import { writeWakeAt } from "./clock.ts";
import { checkStatus, writeStatus } from "./directory.ts";
import { putFile, removeFile } from "./files.ts";
import { spillText, unspill } from "./large.ts";
import { post } from "./letterbox.ts";
import { bury, inboxChanged, MAIL_COLUMNS, prepare, toMailRow } from "./mail.ts";
import type { StoredMail } from "./mail.ts";

/** The first page, which is all that most ticks need. */
const FIRST_QUERY = `SELECT ${MAIL_COLUMNS} FROM mail WHERE agent = ? AND state = 0
  ORDER BY priority DESC, pos LIMIT ?`;

/** The same past a place, in the index up to the rows that are given: within its priority, and below. */
const AFTER_QUERIES = ["priority = ? AND pos > ?", "priority < ? AND ? IS NOT NULL"].map(
  (place) => `SELECT ${MAIL_COLUMNS} FROM mail INDEXED BY mail_waiting
    WHERE agent = ? AND state = 0 AND urgent >= ? AND ${place}
      AND sender NOT IN (SELECT value FROM json_each(?))
    ORDER BY priority DESC, pos LIMIT ?`,
);

/** The ledger of a SQL store. */
export function ledger(base: Base): Direct<Omit<Ledger, "search">> {
  const { sql } = base;
  return {
    read(id, paths) {
      const { num } = base.known(id);
      return paths.map((path) => {
        const [row] = sql.all<{ value: Value }>(
          "SELECT value FROM tree WHERE agent = ? AND path = ?",
          num,
          path,
        );
        return row && unspill(sql, row.value);
      });
    },

    files(id, { prefix, after, limit }) {
      const { num } = base.known(id);
      // One lower bound, the higher of the two, so that a page costs what it holds.
      const paged = after !== undefined && comparePaths(after, prefix) >= 0;
      const end = afterPrefix(prefix);
      const rows = sql.all<TreeRow>(
        `SELECT path, value FROM tree WHERE agent = ? AND path ${paged ? ">" : ">="} ?
         ${end === undefined ? "" : "AND path < ?"} ORDER BY path LIMIT ?`,
        num,
        paged ? after : prefix,
        ...(end === undefined ? [] : [end]),
        limit,
      );
      return rows.map((row) => ({ path: row.path, value: unspill(sql, row.value) }));
    },

    head: (id) => base.known(id).head,

    log: (id, after, limit) =>
      sql
        .all<{ n: number; hash: string; record: string; output: string | null }>(
          "SELECT n, hash, record, output FROM log WHERE agent = ? AND n > ? ORDER BY n LIMIT ?",
          base.known(id).num,
          after,
          limit,
        )
        .map((row): LogRow => ({
          n: row.n,
          hash: row.hash,
          record: unspill(sql, row.record),
          output: row.output === null ? undefined : unspill(sql, row.output),
        })),

    waiting(id, { limit, after, except = [], urgent = false }) {
      const { num, depth, lone } = base.known(id);
      if (depth === 0) return [];
      const show = (rows: readonly StoredMail[]): MailRow[] => {
        const held = base.claims.get(id);
        if (held !== undefined) {
          const before = after === undefined && !urgent ? [] : held.shown;
          held.shown = new Set([...before, ...rows.map(({ pos }) => pos)]);
        }
        return rows.map((row) => toMailRow(sql, row));
      };
      if (after === undefined && except.length === 0 && !urgent) {
        if (lone !== undefined && limit > 0) return show([lone]);
        return show(sql.all<StoredMail>(FIRST_QUERY, num, limit));
      }
      const priority =
        after === undefined ? Number.MAX_SAFE_INTEGER : (after.envelope.priority ?? 0);
      const rows: StoredMail[] = [];
      for (const query of AFTER_QUERIES) {
        const left = limit - rows.length;
        if (left <= 0) break;
        const place = [priority, after?.position ?? 0];
        const passed = JSON.stringify(except);
        rows.push(...sql.all<StoredMail>(query, num, Number(urgent), ...place, passed, left));
      }
      return show(rows);
    },

    journal(claim, files) {
      sql.apply(() => {
        const agent = base.claimed(claim);
        for (const file of files) putFile(base, agent, file);
      });
    },

    commit(claim, changes) {
      const { log, status, wakeAt } = changes;
      const buried = changes.bury?.map((row) => ({ row, mail: prepare(row.envelope) }));
      const sent = changes.send?.map((envelope) => JSON.stringify(envelope));
      if (typeof wakeAt === "number") whole(wakeAt, "time");
      for (const row of changes.retry ?? []) whole(row.notBefore + row.attempts, "retry");
      sql.apply(() => {
        const agent = base.claimed(claim);
        if (!RECORDING.has(agent.status)) throw stale(claim.id, `it is ${agent.status}`);
        const next = (agent.head?.n ?? 0) + 1;
        if (log.n !== next) throw stale(claim.id, `its next record is ${next}, not ${log.n}`);
        if (status !== undefined) checkStatus(base, claim.id, agent, status);
        settle(base, claim.id, agent, changes);
        for (const path of changes.remove ?? []) removeFile(base, agent, path);
        for (const file of changes.put ?? []) putFile(base, agent, file);
        for (const { row, mail } of buried ?? []) bury(base, agent, mail, row);
        for (const envelope of sent ?? []) post(base, agent, envelope);
        if (wakeAt !== undefined) writeWakeAt(base, agent, wakeAt);
        if (status !== undefined) writeStatus(base, agent, status);
        addRow(base, agent, log);
      });
    },
  };
}

/** Acknowledges and puts off mail. The first write of a commit, for it may find it stale. */
function settle(base: Base, id: string, agent: Known, { ack = [], retry = [] }: Changes): void {
  const { sql } = base;
  // A lone acknowledgement is its own check: it changes a row or nothing was written yet.
  if (ack.length + retry.length > 1) {
    const positions = new Set<number>();
    for (const position of [...ack, ...retry.map((row) => row.position)]) {
      const rows = positions.has(position)
        ? []
        : sql.all(
            "SELECT 1 FROM mail WHERE pos = ? AND agent = ? AND state = 0",
            position,
            agent.num,
          );
      if (rows.length === 0) throw notWaiting(id, position);
      positions.add(position);
    }
  }
  for (const position of ack) {
    const changed = sql.run(
      "UPDATE mail SET state = 1, envelope = '' WHERE pos = ? AND agent = ? AND state = 0",
      position,
      agent.num,
    );
    if (!changed) throw notWaiting(id, position);
    inboxChanged(agent, -1);
  }
  for (const { position, notBefore, attempts } of retry) {
    const changed = sql.run(
      "UPDATE mail SET not_before = ?, attempts = ? WHERE pos = ? AND agent = ? AND state = 0",
      notBefore,
      attempts,
      position,
      agent.num,
    );
    if (!changed) throw notWaiting(id, position);
    inboxChanged(agent, 0);
  }
}

function notWaiting(id: string, position: number): Error {
  return stale(id, `no mail waits at position ${position}`);
}

/** Adds the next row of the trajectory. */
export function addRow(base: Base, agent: Known, log: LogRow): void {
  base.sql.run(
    "INSERT INTO log (agent, n, hash, record, output) VALUES (?, ?, ?, ?, ?)",
    agent.num,
    log.n,
    log.hash,
    spillText(base, log.record),
    log.output === undefined ? null : spillText(base, log.output),
  );
  agent.head = { n: log.n, hash: log.hash };
}
