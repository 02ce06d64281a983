import { checkChange, checkPath, closed, rangeOf } from "../../core/home-file-rules.ts";
import type {
  HomeFile,
  HomeFiles,
  HomeFilesChange,
  HomeFilesQuery,
} from "../../core/ports/home-files.ts";
import { HOME_SCHEMA, migrate } from "./schema.ts";
import type { Sql, SqlValue } from "./sql.ts";

/**
 * A home's files in a SQLite database that belongs to them alone. It is opened, and its schema made, by
 * the first call. Changes of one turn of the event loop share what makes them durable.
 */
export function sqlHomeFiles(sql: Sql): HomeFiles {
  return new SqlFiles(sql);
}

class SqlFiles implements HomeFiles {
  readonly #sql: Sql;
  #state: "new" | "open" | "closed" = "new";

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async read(path: string): Promise<string | undefined> {
    checkPath(path);
    this.#open();
    return this.#read(path);
  }

  async list(query: HomeFilesQuery): Promise<readonly HomeFile[]> {
    const { from, inclusive, to } = rangeOf(query);
    this.#open();
    const below = to === undefined ? "" : "AND path < ?";
    const params: SqlValue[] = to === undefined ? [from] : [from, to];
    return this.#sql.all<HomeFile>(
      `SELECT path, ${query.values === false ? "''" : "value"} AS value FROM files WHERE path ${inclusive ? ">=" : ">"} ? ${below}
       ORDER BY path LIMIT ?`,
      ...params,
      query.limit,
    );
  }

  async write(change: HomeFilesChange): Promise<boolean> {
    checkChange(change);
    this.#open();
    const { put = [], remove = [], expect = [] } = change;
    const written = this.#sql.apply(() => {
      if (expect.some(({ path, value }) => this.#read(path) !== value)) return false;
      for (const path of remove) this.#sql.run("DELETE FROM files WHERE path = ?", path);
      for (const { path, value } of put) {
        this.#sql.run(
          `INSERT INTO files (path, value) VALUES (?, ?)
           ON CONFLICT (path) DO UPDATE SET value = excluded.value`,
          path,
          value,
        );
      }
      return true;
    });
    // Also when nothing was changed: what it was compared with may be of the same turn, and be lost.
    await this.#sql.sync();
    return written;
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#sql.close();
  }

  #read(path: string): string | undefined {
    return this.#sql.all<{ value: string }>("SELECT value FROM files WHERE path = ?", path)[0]
      ?.value;
  }

  #open(): void {
    if (this.#state === "open") return;
    if (this.#state === "closed") throw closed();
    try {
      migrate(this.#sql, HOME_SCHEMA);
    } catch (error) {
      // The next call may try again; until then another process may have the database.
      this.#sql.close();
      throw error;
    }
    this.#state = "open";
  }
}
