import type { AgentRecord, AgentStatus } from "../../core/agent.ts";
import type { ListQuery, Page } from "../../core/ports/index.ts";
import type { Announced, Cursors, Taken } from "../../drivers/nostr.ts";
import type { ObjectContext } from "./platform.ts";

/** What the object of the relays knows, in its own storage. */
export interface RelayNotes {
  readonly cursors: Cursors;
  readonly announced: Announced;
  readonly taken: Taken;
  readonly roster: Roster;
  /** Forgets events that no relay is asked for any more. */
  prune(now: number): void;
}

/** The agents of the Worker, as the object of the relays knows them. */
export interface Roster {
  /** An agent by its public key (hex), whatever its status. */
  get(publicKey: string): Promise<AgentRecord | undefined>;
  /** Those that take mail here, in the order in which they became known. */
  list(query: ListQuery): Promise<Page<AgentRecord>>;
  /** True when there is nobody. */
  readonly empty: boolean;
  /** Notes how an agent is; true when it is here and was not. */
  settle(agent: AgentRecord): boolean;
  /** Notes that nothing is read for an agent any more. */
  drop(publicKey: string): void;
  /** How far a shard of the directory was read; undefined for its beginning. */
  position(shard: number): string | undefined;
  reach(shard: number, position: string): void;
}

const SCHEMA = [
  "CREATE TABLE IF NOT EXISTS cursor (relay TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT",
  `CREATE TABLE IF NOT EXISTS announced (
    relay TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (relay, key)
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS taken (
    event TEXT PRIMARY KEY, at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS taken_at ON taken (at)",
  `CREATE TABLE IF NOT EXISTS agent (
    num INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, record TEXT NOT NULL, away INTEGER NOT NULL
  ) STRICT`,
  "CREATE TABLE IF NOT EXISTS shard (num INTEGER PRIMARY KEY, position TEXT NOT NULL) STRICT",
];

/** For how long events are remembered, ms: longer than senders date gift wraps back. */
const REMEMBERED = 3 * 86_400_000;
/** Statuses of agents that take no mail here. */
const AWAY: ReadonlySet<AgentStatus> = new Set<AgentStatus>(["terminated", "moved", "arriving"]);

/** Opens the notes, which are made when there are none. */
export function relayNotes(storage: ObjectContext["storage"]): RelayNotes {
  const all = (query: string, ...params: (string | number)[]): Record<string, unknown>[] =>
    storage.sql.exec(query, ...params).toArray();
  const one = (query: string, ...params: (string | number)[]): Record<string, unknown> =>
    all(query, ...params)[0] ?? {};
  for (const statement of SCHEMA) all(statement);

  const roster: Roster = {
    async get(publicKey) {
      return recordOf(one("SELECT record FROM agent WHERE key = ?", publicKey));
    },
    async list({ cursor = "0", limit }) {
      const rows = all(
        "SELECT num, record FROM agent WHERE num > ? AND away = 0 ORDER BY num LIMIT ?",
        Number(cursor),
        limit + 1,
      );
      const page = rows.slice(0, limit);
      const items = page.flatMap((row) => recordOf(row) ?? []);
      return rows.length > limit ? { items, cursor: String(page.at(-1)?.["num"]) } : { items };
    },
    get empty() {
      return all("SELECT 1 FROM agent WHERE away = 0 LIMIT 1").length === 0;
    },
    settle(agent) {
      const { move: _, ...rest } = agent;
      const [record, away] = [JSON.stringify(rest), AWAY.has(agent.status) ? 1 : 0];
      const known = one("SELECT record, away FROM agent WHERE key = ?", agent.publicKey);
      if (known["record"] === record && known["away"] === away) return false;
      all(
        `INSERT INTO agent (key, record, away) VALUES (?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET record = excluded.record, away = excluded.away`,
        agent.publicKey,
        record,
        away,
      );
      return away === 0 && known["away"] !== 0;
    },
    drop(publicKey) {
      all("UPDATE agent SET away = 1 WHERE key = ?", publicKey);
    },
    position(shard) {
      return one("SELECT position FROM shard WHERE num = ?", shard)["position"] as
        | string
        | undefined;
    },
    reach(shard, position) {
      all("INSERT OR REPLACE INTO shard VALUES (?, ?)", shard, position);
    },
  };
  return {
    roster,
    cursors: {
      async load(relay) {
        return one("SELECT at FROM cursor WHERE relay = ?", relay)["at"] as number | undefined;
      },
      async save(relay, at) {
        all("INSERT OR REPLACE INTO cursor VALUES (?, ?)", relay, at);
      },
    },
    announced: {
      async load(relay, key) {
        const query = "SELECT digest FROM announced WHERE relay = ? AND key = ?";
        return one(query, relay, key)["digest"] as string | undefined;
      },
      async save(relay, key, digest) {
        all("INSERT OR REPLACE INTO announced VALUES (?, ?, ?)", relay, key, digest);
      },
    },
    taken: {
      has: (event) => all("SELECT 1 FROM taken WHERE event = ?", event).length > 0,
      add(event) {
        all("INSERT OR IGNORE INTO taken VALUES (?, ?)", event, Date.now());
      },
    },
    prune(now) {
      all("DELETE FROM taken WHERE at < ?", now - REMEMBERED);
    },
  };
}

function recordOf({ record }: Record<string, unknown>): AgentRecord | undefined {
  return typeof record === "string" ? (JSON.parse(record) as AgentRecord) : undefined;
}
