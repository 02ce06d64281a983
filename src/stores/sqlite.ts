import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import { OpenAgentsError } from "../core/errors.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { HomeFiles } from "../core/ports/home-files.ts";
import type { Store } from "../core/ports/store.ts";
import { sqlHomeFiles } from "./sql/home-files.ts";
import { isOurTable } from "./sql/schema.ts";
import type { Sql, SqlValue } from "./sql/sql.ts";
import { sqlStore } from "./sql/store.ts";

export interface SqliteOptions {
  /** Memory for the page cache, in MiB; 64 when not given. */
  readonly cacheMiB?: number;
  /** The file may not grow beyond this; a write that needs more fails with `STORE`. */
  readonly maxMiB?: number;
}

/**
 * A store in a SQLite file, which is made, with its directory, when it is not there; `":memory:"`
 * keeps it in memory. Nothing is opened before the first call. One process has the file at a time.
 *
 * Changes of one turn of the event loop, and of the turns right after it while there are more, share
 * a transaction and an fsync (WAL, `synchronous=FULL`). A change that cannot be written costs all of
 * its group: each later write in that turn fails and each `sync()` rejects; the next turn begins anew.
 *
 * Calls reject with `BUSY` when another process has the file, `CORRUPT` when it is damaged or of
 * another program, `VERSION` when a newer program wrote it, `STORE` when the disk refuses.
 */
export function sqlite(path: string, options: SqliteOptions = {}): Store {
  return sqlStore(new SqliteFile(path, options));
}

/** Memory for the page cache of a home's files, in MiB: what is due is all that is read often. */
const HOME_CACHE = 8;

/**
 * What a home keeps beside its agents, in a SQLite file of its own, with the promises and the errors
 * of `sqlite`. A write resolves once it is on disk; those of one turn share an fsync.
 */
export function sqliteHomeFiles(path: string): HomeFiles {
  return sqlHomeFiles(new SqliteFile(path, { cacheMiB: HOME_CACHE }));
}

/** The changes that share a transaction. */
interface Group {
  /** When it began, by `performance.now()`. */
  readonly begun: number;
  /** How many changes it has, and how many it had when the turn before was over. */
  size: number;
  before: number;
  timer: NodeJS.Immediate;
  /** What `sync` waits for; made when somebody waits. */
  done: PromiseWithResolvers<void> | undefined;
  /** Set once the transaction is rolled back. */
  failed: OpenAgentsError | undefined;
}

/** How long a group takes in more changes while every turn of the event loop brings some, ms. */
const WINDOW = 2;
/** Pages of WAL after which it is copied back into the file: 16 MiB. */
const CHECKPOINT_PAGES = 4096;

/** node:sqlite as the SQL stores want it, with group commit. Opened by the first use. */
export class SqliteFile implements Sql {
  readonly #path: string;
  readonly #options: SqliteOptions;
  readonly #statements = new Map<string, StatementSync>();
  readonly #listeners: (() => void)[] = [];
  #db: DatabaseSync | undefined;
  #crashed = false;
  #group: Group | undefined;
  /** Rows written so far. */
  #written = 0;
  /** Why a group was lost, for as long as somebody may not know that it was: to the next turn. */
  #lost: OpenAgentsError | undefined;

  constructor(path: string, options: SqliteOptions = {}) {
    this.#path = path;
    this.#options = options;
  }

  all<R extends object>(query: string, ...params: SqlValue[]): R[] {
    try {
      return this.#prepare(query).all(...params) as R[];
    } catch (error) {
      throw this.#refused(error);
    }
  }

  run(query: string, ...params: SqlValue[]): boolean {
    try {
      const changed = Number(this.#prepare(query).run(...params).changes);
      this.#written += changed;
      return changed > 0;
    } catch (error) {
      throw this.#refused(error);
    }
  }

  apply<T>(write: () => T): T {
    this.#join();
    const before = this.#written;
    try {
      return write();
    } catch (error) {
      if (this.#written !== before) this.#failed(error);
      throw error;
    }
  }

  sync(): Promise<void> {
    const group = this.#group;
    if (group === undefined) {
      // Whoever applied changes in the lost group and asks only now must not hear that all is well.
      return this.#lost === undefined ? Promise.resolve() : Promise.reject(this.#lost);
    }
    group.done ??= Promise.withResolvers();
    return group.done.promise;
  }

  close(): void {
    this.#finish();
    const lost = this.#lost;
    this.#lost = undefined;
    this.#statements.clear();
    this.#db?.close();
    this.#db = undefined;
    if (lost !== undefined) throw lost;
  }

  crashed(): boolean {
    return this.#crashed;
  }

  onLost(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Makes the next change part of a group. @throws STORE when the group of this turn is lost */
  #join(): void {
    if (this.#group?.failed !== undefined) throw this.#group.failed;
    if (this.#group === undefined) {
      try {
        this.#prepare("BEGIN IMMEDIATE").run();
      } catch (error) {
        throw this.#failed(error);
      }
      const timer = setImmediate(() => this.#endTurn());
      const begun = performance.now();
      this.#group = { begun, size: 0, before: 0, timer, done: undefined, failed: undefined };
    }
    this.#group.size += 1;
  }

  /** Ends the group with the first turn that brought nothing new, or once it is old enough. */
  #endTurn(): void {
    const group = this.#group!;
    const grows = group.size > group.before && group.failed === undefined;
    if (!grows || performance.now() - group.begun >= WINDOW) {
      this.#finish();
      return;
    }
    group.before = group.size;
    group.timer = setImmediate(() => this.#endTurn());
  }

  /** Ends the group: commits it unless it is lost, and answers those who wait. */
  #finish(): void {
    const group = this.#group;
    if (group === undefined) return;
    clearImmediate(group.timer);
    if (group.failed === undefined) {
      try {
        this.#prepare("COMMIT").run();
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#group = undefined;
    if (group.failed === undefined) group.done?.resolve();
    else group.done?.reject(group.failed);
  }

  /** Names the error of a statement, which itself changed nothing. */
  #refused(cause: unknown): OpenAgentsError {
    // For some errors SQLite rolls the transaction back on its own.
    if (this.#group !== undefined && this.#db?.isTransaction === false) return this.#failed(cause);
    return toError(cause, this.#path);
  }

  /** Rolls the group back, after an error that leaves a change half done, and names the error. */
  #failed(cause: unknown): OpenAgentsError {
    const error = toError(cause, this.#path);
    const group = this.#group;
    if (group === undefined || group.failed !== undefined) return error;
    group.failed = error;
    this.#lost = error;
    setImmediate(() => {
      this.#lost = undefined;
    });
    try {
      if (this.#db?.isTransaction === true) this.#db.exec("ROLLBACK");
    } finally {
      for (const listener of this.#listeners) listener();
    }
    return error;
  }

  #prepare(query: string): StatementSync {
    let statement = this.#statements.get(query);
    if (statement === undefined) {
      if (this.#db === undefined) {
        const crashed = hasLog(this.#path);
        this.#db = open(this.#path, this.#options);
        this.#crashed = crashed;
      }
      statement = this.#db.prepare(query);
      this.#statements.set(query, statement);
    }
    return statement;
  }
}

/** True when the file was not closed: SQLite removes the write-ahead log as the last one closes. */
function hasLog(path: string): boolean {
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

function open(path: string, { cacheMiB = 64, maxMiB }: SqliteOptions): DatabaseSync {
  if (path !== ":memory:") makeDirectory(dirname(path));
  const db = new DatabaseSync(path);
  try {
    // Exclusive before WAL: then there is no shared memory file, and the lock is kept.
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    // Another program's file is left as it is; the schema check will refuse it.
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    const ours = tables.some((table) => isOurTable(table["name"]));
    if (ours || tables.length === 0) db.exec("PRAGMA journal_mode = WAL");
    db.exec("PRAGMA synchronous = FULL");
    db.exec(`PRAGMA cache_size = ${-1024 * cacheMiB}`);
    db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    db.exec(`PRAGMA journal_size_limit = ${64 * 1024 * 1024}`);
    if (maxMiB !== undefined) db.exec(`PRAGMA max_page_count = ${maxMiB * 256}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    const message = `Cannot make directory "${path}": choose another path or let this process write there (${String(cause)})`;
    throw new OpenAgentsError("STORE", message, { cause });
  }
}

/** What SQLite's primary result codes mean here, and what to do about them. */
const RESULTS: Readonly<Record<number, readonly [code: ErrorCode, help: string]>> = {
  5: ["BUSY", "another process has it: stop that process, or use another file"],
  6: ["BUSY", "another connection has it: close that one, or use another file"],
  8: ["STORE", "it is read-only: let this process write to the file and its directory"],
  10: [
    "STORE",
    "the disk failed or is closed to this process: check permissions, then the system log",
  ],
  11: ["CORRUPT", "the file is damaged: put a backup in its place"],
  13: ["STORE", "the disk or the size limit of the store is full: make room"],
  14: ["STORE", "the file cannot be opened: check the path and its permissions"],
  26: ["CORRUPT", "the file is not a SQLite database: use another path"],
};

function toError(cause: unknown, path: string): OpenAgentsError {
  if (cause instanceof OpenAgentsError) return cause;
  const { errcode } = cause as { errcode?: number };
  const detail = cause instanceof Error ? cause.message : String(cause);
  const [code, help] = RESULTS[(errcode ?? 0) & 0xff] ?? ["STORE", "the change failed"];
  return new OpenAgentsError(code, `Cannot use store "${path}": ${help} (${detail})`, { cause });
}
