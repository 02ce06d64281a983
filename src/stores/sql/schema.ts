import { OpenAgentsError } from "../../core/errors.ts";
import type { Sql } from "./sql.ts";

/**
 * What each schema version adds, from version 1 on. A released entry is never edited.
 *
 * Mail that is done stays, with no envelope, as the dedup window. `alias` is the name while it is
 * taken: a terminated agent has none. The partial indexes hold only what waits, is dead, may be
 * forgotten or is due, so that the rest costs nothing; that of what waits has the sender, "" for commands, so
 * that mail of some senders is passed over without being read. The log keeps its rowid: records of many
 * agents that are written together are then put side by side, which halves what a commit writes.
 * What is too large for a row is in `parts`.
 *
 * `agents.labels` has an agent's labels with spaces between, which none has in it; `labels` finds agents by
 * one of them.
 *
 * Version 3 adds no table: those of the index of words are made when they are needed (`search.ts`). An older
 * program, which would not keep the index, must not open a database that may have one.
 */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
    `CREATE TABLE agents (
      num INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      public_key TEXT NOT NULL UNIQUE,
      name TEXT NOT NULL,
      alias TEXT UNIQUE,
      type TEXT NOT NULL,
      status TEXT NOT NULL,
      account INTEGER,
      key TEXT,
      created_at INTEGER NOT NULL,
      wake_at INTEGER,
      move TEXT
    ) STRICT`,
    `CREATE INDEX agents_by_status ON agents (status)`,
    `CREATE INDEX agents_by_type ON agents (type)`,
    `CREATE INDEX agents_due ON agents (wake_at)
      WHERE wake_at IS NOT NULL AND status IN ('creating', 'live')`,
    `CREATE TABLE mail (
      pos INTEGER PRIMARY KEY,
      agent INTEGER NOT NULL,
      id TEXT NOT NULL,
      state INTEGER NOT NULL,
      sender TEXT NOT NULL,
      urgent INTEGER NOT NULL,
      priority INTEGER NOT NULL,
      at INTEGER NOT NULL,
      attempts INTEGER NOT NULL,
      not_before INTEGER NOT NULL,
      envelope TEXT NOT NULL,
      reason TEXT
    ) STRICT`,
    `CREATE UNIQUE INDEX mail_ids ON mail (agent, id)`,
    `CREATE INDEX mail_waiting ON mail (agent, priority DESC, pos, sender, urgent)
      WHERE state = 0`,
    `CREATE INDEX mail_done ON mail (at) WHERE state = 1`,
    `CREATE INDEX mail_dead ON mail (agent, pos) WHERE state = 2`,
    `CREATE TABLE outbox (
      seq INTEGER PRIMARY KEY,
      agent INTEGER NOT NULL,
      envelope TEXT NOT NULL
    ) STRICT`,
    `CREATE TABLE tree (
      agent INTEGER NOT NULL,
      path TEXT NOT NULL,
      value ANY NOT NULL,
      PRIMARY KEY (agent, path)
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE log (
      agent INTEGER NOT NULL,
      n INTEGER NOT NULL,
      hash TEXT NOT NULL,
      record TEXT NOT NULL,
      output TEXT,
      PRIMARY KEY (agent, n)
    ) STRICT`,
    `CREATE TABLE parts (
      owner INTEGER NOT NULL,
      part INTEGER NOT NULL,
      data ANY NOT NULL,
      PRIMARY KEY (owner, part)
    ) STRICT`,
    ...["mail.envelope", "outbox.envelope", "tree.value", "log.record", "log.output"].flatMap(
      triggersOf,
    ),
  ],
  [
    `ALTER TABLE agents ADD COLUMN labels TEXT NOT NULL DEFAULT ''`,
    `CREATE TABLE labels (
      label TEXT NOT NULL,
      agent INTEGER NOT NULL,
      PRIMARY KEY (label, agent)
    ) STRICT, WITHOUT ROWID`,
  ],
  [],
  [
    `ALTER TABLE agents ADD COLUMN parent TEXT`,
    `ALTER TABLE agents ADD COLUMN generation INTEGER`,
    `ALTER TABLE agents ADD COLUMN budget TEXT`,
    `CREATE INDEX agents_by_parent ON agents (parent) WHERE parent IS NOT NULL`,
  ],
];

/** Removes the parts of a large value with it: `large.ts` has the mark that is looked for. */
function triggersOf(place: string): string[] {
  const [table, column] = place.split(".");
  const old = `OLD.${column}`;
  return [`DELETE ON ${table}`, `UPDATE OF ${column} ON ${table}`].map(
    (event, i) => `CREATE TRIGGER ${table}_${column}_${i === 0 ? "gone" : "changed"} AFTER ${event}
      WHEN ${old} >= char(1) AND ${old} < char(2)
      BEGIN DELETE FROM parts WHERE owner = CAST(substr(${old}, 2) AS INTEGER); END`,
  );
}

/** One kind of database of this package. */
export interface Schema {
  /** The table that tells such a database; no other kind has it. */
  readonly table: string;
  /** What each version adds, from version 1 on. A released entry is never edited. */
  readonly migrations: readonly (readonly string[])[];
}

/** The database of a store. */
export const STORE_SCHEMA: Schema = { table: "openagents_migrations", migrations: MIGRATIONS };

/** The database of what a home keeps beside its agents. */
export const HOME_SCHEMA: Schema = {
  table: "openagents_home",
  migrations: [
    [`CREATE TABLE files (path TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID`],
  ],
};

/** True for a table that only a database of this package has. */
export function isOurTable(name: unknown): boolean {
  return name === STORE_SCHEMA.table || name === HOME_SCHEMA.table;
}

/**
 * Brings the database to the newest schema; one that has it is only read.
 * @throws VERSION when it is newer than this code
 * @throws CORRUPT when it holds the tables of something else
 */
export function migrate(sql: Sql, schema: Schema = STORE_SCHEMA): void {
  const { table, migrations } = schema;
  const version = versionOf(sql, table);
  if (version > migrations.length) {
    throw new OpenAgentsError(
      "VERSION",
      `Cannot open store: its schema version is ${version} and this program knows ${migrations.length}: use a newer program`,
    );
  }
  if (version === migrations.length) return;
  sql.apply(() => {
    if (version === 0) sql.run(`CREATE TABLE ${table} (version INTEGER PRIMARY KEY) STRICT`);
    for (const [i, statements] of migrations.entries()) {
      if (i < version) continue;
      for (const statement of statements) sql.run(statement);
      sql.run(`INSERT INTO ${table} (version) VALUES (?)`, i + 1);
    }
  });
}

function versionOf(sql: Sql, table: string): number {
  // SQLite and Durable Objects have tables of their own.
  const tables = sql.all<{ name: string }>(
    `SELECT name FROM sqlite_schema
     WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*'`,
  );
  if (tables.length === 0) return 0;
  if (!tables.some(({ name }) => name === table)) {
    const other = tables.find(({ name }) => isOurTable(name));
    throw new OpenAgentsError(
      "CORRUPT",
      other === undefined
        ? `Cannot open store: the database is of another program, it has a table "${tables[0]?.name}"`
        : `Cannot open store: the database is another one of this program, it has a table "${other.name}": use another file`,
    );
  }
  const [row] = sql.all<{ version: number | null }>(`SELECT max(version) AS version FROM ${table}`);
  return row?.version ?? 0;
}
