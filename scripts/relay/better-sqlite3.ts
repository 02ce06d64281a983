import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue, StatementSync } from "node:sqlite";

/**
 * What the relay's package uses of better-sqlite3, over Node's own SQLite: the native addon is not
 * built here.
 */
class Database {
  readonly #db: DatabaseSync;

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
  }

  pragma(text: string): void {
    this.#db.exec(`PRAGMA ${text}`);
  }

  exec(sql: string): void {
    this.#db.exec(sql);
  }

  prepare(sql: string): Statement {
    return new Statement(this.#db.prepare(sql));
  }

  transaction(work: () => void): () => void {
    return () => {
      this.#db.exec("BEGIN");
      try {
        work();
        this.#db.exec("COMMIT");
      } catch (error) {
        this.#db.exec("ROLLBACK");
        throw error;
      }
    };
  }

  close(): void {
    this.#db.close();
  }
}

class Statement {
  /** It gives rows. */
  readonly reader: boolean;
  readonly #statement: StatementSync;

  constructor(statement: StatementSync) {
    this.#statement = statement;
    this.reader = statement.columns().length > 0;
  }

  all(parameters: readonly SQLInputValue[] = []): unknown[] {
    return this.#statement.all(...parameters);
  }

  get(...parameters: readonly SQLInputValue[]): unknown {
    return this.#statement.get(...parameters);
  }

  run(...parameters: readonly (SQLInputValue | readonly SQLInputValue[])[]): unknown {
    return this.#statement.run(...parameters.flat());
  }
}

// What `require("better-sqlite3")` gives.
export { Database as "module.exports" };
