import type { DueClock } from "../../core/ports/store.ts";
import { whole } from "./base.ts";
import type { Base, Direct, Known } from "./base.ts";

/** The statuses in which agents tick, spelled as the partial index `agents_due` has them. */
const TICKING = "status IN ('creating', 'live')";

/** What `due` asks. Left to itself SQLite would walk all live agents by their status. */
const DUE_QUERIES = {
  time: `SELECT id FROM agents INDEXED BY agents_due
    WHERE wake_at <= ? AND ${TICKING} ORDER BY wake_at, num LIMIT ?`,
  mail: `SELECT agents.num, agents.id FROM mail CROSS JOIN agents ON agents.num = mail.agent
    WHERE mail.state = 0 AND mail.agent > ? AND mail.not_before <= ? AND ${TICKING}
    GROUP BY mail.agent LIMIT ?`,
  next: `SELECT min(wake_at) AS next FROM agents INDEXED BY agents_due
    WHERE wake_at > ? AND ${TICKING}`,
} as const;

/** The clock of a SQL store. */
export function dueClock(base: Base): Direct<DueClock> {
  const { sql, claims } = base;
  return {
    due({ now, limit, mail, cursor }) {
      // Those that are held are passed over, so as many more are asked for.
      const most = limit + claims.size;
      const timed = sql
        .all<{ id: string }>(DUE_QUERIES.time, now, most)
        .filter(({ id }) => (claims.get(id)?.until ?? 0) <= now)
        .slice(0, limit);
      const after = cursor === undefined ? 0 : Number(cursor);
      const mailed = mail
        ? sql.all<{ num: number; id: string }>(DUE_QUERIES.mail, after, now, limit)
        : [];
      const [row] = sql.all<{ next: number | null }>(DUE_QUERIES.next, now);
      const more = timed.length === limit || mailed.length === limit;
      const last = mailed.length === limit ? mailed.at(-1)?.num : Number.MAX_SAFE_INTEGER;
      return {
        agents: [...new Set([...timed, ...mailed].map(({ id }) => id))],
        next: row?.next ?? undefined,
        ...(more && { cursor: String(last) }),
      };
    },

    claim(id, now, until) {
      base.known(id);
      const held = claims.get(id);
      if (held !== undefined && held.until > now) return undefined;
      const fence = base.nextFence();
      claims.set(id, { fence, until, shown: new Set() });
      return { id, fence };
    },

    renew(claim, until) {
      const held = claims.get(claim.id);
      if (held?.fence !== claim.fence) return false;
      held.until = until;
      return true;
    },

    release(claim, wakeAt) {
      if (claims.get(claim.id)?.fence !== claim.fence) return;
      if (wakeAt !== undefined) {
        sql.apply(() => writeWakeAt(base, base.known(claim.id), wakeAt));
      }
      claims.delete(claim.id);
    },
  };
}

/** Writes when an agent is next due by time, when that differs from what is written. */
export function writeWakeAt(base: Base, agent: Known, wakeAt: number | null): void {
  if (agent.wakeAt === wakeAt) return;
  const value = wakeAt === null ? null : whole(wakeAt, "time");
  base.sql.run("UPDATE agents SET wake_at = ? WHERE num = ?", value, agent.num);
  agent.wakeAt = wakeAt;
}
