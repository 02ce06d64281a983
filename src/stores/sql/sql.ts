/** What SQLite stores: numbers are whole and below 2^53. */
export type SqlValue = string | number | null | Uint8Array;

/**
 * The little of SQLite that the stores need, so that node:sqlite and Durable Object SQL can both
 * give it. A query is one statement with positional `?`, at most 100 of them, and holds no BEGIN,
 * SAVEPOINT or PRAGMA. Errors are `OpenAgentsError`s with code `STORE`, `BUSY` or `CORRUPT`.
 */
export interface Sql {
  /** Runs a query that reads. `R` is the shape of the columns it names. */
  all<R extends object>(query: string, ...params: SqlValue[]): R[];
  /** Runs a statement that writes, only ever inside `apply`; true when it changed a row. */
  run(query: string, ...params: SqlValue[]): boolean;
  /**
   * Runs one atomic change within the current group. When `write` throws before a `run` of it
   * changed a row, the change never was and the error passes through. When it throws later, at
   * least this change is undone and the listeners of `onLost` are called.
   */
  apply<T>(write: () => T): T;
  /** As `Store.sync`. */
  sync(): Promise<void>;
  /** As `Store.crashed`; asked once the database is open. */
  crashed(): boolean;
  /** Makes all durable and lets go of the database. A later call opens it again. */
  close(): void;
  /** `listener` is called whenever changes that were applied are undone. */
  onLost(listener: () => void): void;
}
