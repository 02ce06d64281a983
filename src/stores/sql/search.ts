import type { TreeRow, Value } from "../../core/ports/store.ts";
import { ALL_AREAS, AREAS, areaOf, holdsAreas, wordsOf } from "../../core/search.ts";
import type { Area, FoundQuery } from "../../core/search.ts";
import { readMeta, Sequence, writeMeta } from "./base.ts";
import type { Base, Known } from "./base.ts";
import { unspill } from "./large.ts";

// An index of words, FTS5. Each word has the agent and the area before it, so that what is looked for in one
// agent costs nothing for what others have. The index keeps no text: the files have it. Its tables are made
// with the first word of all, and the files that an agent has are indexed with its own first word, or the first
// search: an agent that remembers nothing has nothing here, and in a Durable Object not even empty tables.

/** The tables of the index. */
export const INDEX_TABLES: readonly string[] = [
  `CREATE VIRTUAL TABLE words USING fts5 (
    text, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii')`,
  `CREATE TABLE found (
    num INTEGER PRIMARY KEY,
    agent INTEGER NOT NULL,
    path TEXT NOT NULL
  ) STRICT`,
  `CREATE UNIQUE INDEX found_paths ON found (agent, path)`,
  `CREATE TABLE searched (agent INTEGER PRIMARY KEY) STRICT`,
];

/** Whether the tables are there, as a number that the database keeps. */
const MADE = "search";

/** What each word of an area begins with, after the number of the agent. */
const LETTERS: Readonly<Record<Area, string>> = {
  conversations: "c",
  patterns: "p",
  files: "f",
  read: "r",
  kv: "k",
  goals: "g",
  peers: "e",
};

/** So many files are read at once when an agent is indexed for the first time. */
const PAGE = 64;

/** The index of the words in agents' files. */
export class SearchIndex {
  readonly #base: Base;
  /** Numbers of indexed files: the higher, the later written. */
  readonly #nums: Sequence;
  #made: boolean | undefined;

  constructor(base: Base) {
    this.#base = base;
    this.#nums = new Sequence(base.sql, "found", "SELECT max(num) AS top FROM found");
  }

  /** A file was written, within the current change. */
  put(agent: Known, path: string, value: Value): void {
    const area = areaOf(path);
    if (area === undefined) return;
    const words = wordsOf(area, { path, value });
    if (this.#has(agent)) this.#drop(agent, path);
    else if (words.size === 0) return;
    // The file itself is there already, and is indexed with the others.
    else return this.#begin(agent, path);
    this.#add(agent, { path, area, words });
  }

  /** A file was removed, or all below a path that ends in "/", within the current change. */
  remove(agent: Known, path: string): void {
    const below = path.endsWith("/");
    if (below ? !holdsAreas(path) : areaOf(path) === undefined) return;
    if (!this.#has(agent)) return;
    if (!below) return this.#drop(agent, path);
    this.#clear("agent = ? AND path >= ? AND path < ?", [agent.num, path, `${path.slice(0, -1)}0`]);
  }

  /** All that an agent had was removed, within the current change. */
  empty(agent: Known): void {
    if (!this.#has(agent)) return;
    this.#clear("agent = ?", [agent.num]);
    this.#base.sql.run("DELETE FROM searched WHERE agent = ?", agent.num);
    agent.searched = false;
  }

  /** `Ledger.search`. */
  search(agent: Known, { words, areas, limit }: FoundQuery): readonly string[] {
    const { sql } = this.#base;
    if (!this.#has(agent)) sql.apply(() => this.#begin(agent));
    const places = ALL_AREAS.filter((area) => areas.includes(area));
    if (places.length === 0) return [];
    const match = words
      .map((word) => {
        const [bare, star] = word.endsWith("*") ? [word.slice(0, -1), " *"] : [word, ""];
        const each = places.map((area) => `"${prefix(agent, area)}${bare}"${star}`);
        return `(${each.join(" OR ")})`;
      })
      .join(" AND ");
    return sql
      .all<{ path: string }>(
        `SELECT found.path FROM words CROSS JOIN found ON found.num = words.rowid
         WHERE words MATCH ? ORDER BY words.rowid DESC LIMIT ?`,
        match,
        limit,
      )
      .map(({ path }) => path);
  }

  /** Nothing that was remembered need be true. */
  reload(): void {
    this.#made = undefined;
    this.#nums.reload();
  }

  /** True for an agent whose files are indexed. */
  #has(agent: Known): boolean {
    if (agent.searched === undefined) {
      const { sql } = this.#base;
      this.#made ??= readMeta(sql, MADE) > 0;
      agent.searched =
        this.#made && sql.all("SELECT 1 FROM searched WHERE agent = ?", agent.num).length > 0;
    }
    return agent.searched;
  }

  /** Indexes the files that an agent has, `last` as the one that was written last. */
  #begin(agent: Known, last?: string): void {
    const { sql } = this.#base;
    if (this.#made !== true) {
      for (const statement of INDEX_TABLES) sql.run(statement);
      writeMeta(sql, MADE, 1);
      this.#made = true;
    }
    sql.run("INSERT INTO searched (agent) VALUES (?)", agent.num);
    agent.searched = true;
    const index = (row: TreeRow): void => {
      const [path, value] = [row.path, unspill(sql, row.value)];
      const area = areaOf(path)!;
      this.#add(agent, { path, area, words: wordsOf(area, { path, value }) });
    };
    let written: TreeRow | undefined;
    for (const area of ALL_AREAS) {
      const end = `${AREAS[area].slice(0, -1)}0`;
      for (let after: string = AREAS[area]; ;) {
        const rows = sql.all<TreeRow>(
          "SELECT path, value FROM tree WHERE agent = ? AND path > ? AND path < ? ORDER BY path LIMIT ?",
          agent.num,
          after,
          end,
          PAGE,
        );
        for (const row of rows) {
          if (row.path === last) written = row;
          else index(row);
        }
        if (rows.length < PAGE) break;
        after = rows.at(-1)!.path;
      }
    }
    if (written !== undefined) index(written);
  }

  #add(
    agent: Known,
    file: { readonly path: string; readonly area: Area; readonly words: ReadonlySet<string> },
  ): void {
    if (file.words.size === 0) return;
    const { sql } = this.#base;
    const num = this.#nums.take();
    const start = prefix(agent, file.area);
    const words = Array.from(file.words, (word) => start + word).join(" ");
    sql.run("INSERT INTO found (num, agent, path) VALUES (?, ?, ?)", num, agent.num, file.path);
    sql.run("INSERT INTO words (rowid, text) VALUES (?, ?)", num, words);
  }

  #drop(agent: Known, path: string): void {
    this.#clear("agent = ? AND path = ?", [agent.num, path]);
  }

  #clear(where: string, params: readonly (string | number)[]): void {
    const { sql } = this.#base;
    const [some] = sql.all(`SELECT 1 FROM found WHERE ${where} LIMIT 1`, ...params);
    if (some === undefined) return;
    sql.run(`DELETE FROM words WHERE rowid IN (SELECT num FROM found WHERE ${where})`, ...params);
    sql.run(`DELETE FROM found WHERE ${where}`, ...params);
  }
}

/** What each word of an agent's area begins with: no agent's is the beginning of another's. */
function prefix({ num }: Known, area: Area): string {
  return `${num}${LETTERS[area]}`;
}
