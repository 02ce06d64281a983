import type { TreeRow, Value } from "../../core/ports/store.ts";
import { ALL_AREAS, AREAS, areaOf, holdsAreas, wordsOf } from "../../core/search.ts";
import type { Area, FoundQuery } from "../../core/search.ts";
import { readMeta, Sequence, writeMeta } from "./base.ts";
import type { Base, Known } from "./base.ts";
import { isMark, unspill } from "./large.ts";

// An index of words, FTS5. Each word has the agent and the area before it, so that what is looked for in one
// agent costs nothing for what others have. The index keeps no text: the files have it. Its tables are made
// with the first word of all, and an agent has rows here from its own first word on: one that remembers nothing has
// nothing here, and in a Durable Object not even empty tables. The files that it has by then, which an older version
// wrote, are indexed with that word where they are few, and else a slice at a time by the first search.

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
  // Of which files older than its index are not in it yet: those after a path; and the number of the next one.
  `CREATE TABLE backlogs (
    agent INTEGER PRIMARY KEY,
    after TEXT NOT NULL,
    next INTEGER NOT NULL
  ) STRICT`,
];

/** Whether the tables are there, as a number that the database keeps: 1 where there are no backlogs. */
const MADE = "search";
const COMPLETE = 2;

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

/** So many files are indexed at once, and no more when they have so many characters. */
const SLICE = { files: 64, characters: 262_144 } as const;
/** Numbers that are set aside for the files of a backlog: more than an agent can have. */
const BACKLOG = 100_000_000;

/** The areas with the paths that begin and end them, in order of paths. */
const RANGES = ALL_AREAS.map((area) => ({
  area,
  start: AREAS[area],
  end: `${AREAS[area].slice(0, -1)}0`,
})).sort((a, b) => (a.start < b.start ? -1 : 1));

/** The index of the words in agents' files. */
export class SearchIndex {
  readonly #base: Base;
  /** Numbers of indexed files: the higher, the later written. */
  readonly #nums: Sequence;
  #made: number | undefined;

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
    // It is there already, and is written last.
    else this.#begin(agent, path);
    this.#add(agent, { path, area, words }, this.#nums.take());
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
    if (this.#made === COMPLETE) {
      this.#base.sql.run("DELETE FROM backlogs WHERE agent = ?", agent.num);
    }
    agent.indexed = "none";
  }

  /** Indexes some more of what the agent has; true where more is left, and a search would not find all. */
  advance(agent: Known): boolean {
    const { sql } = this.#base;
    if (!this.#has(agent)) sql.apply(() => this.#begin(agent));
    if (agent.indexed === "some") sql.apply(() => this.#slice(agent));
    return agent.indexed === "some";
  }

  /** `Ledger.search`, of what is indexed. */
  search(agent: Known, { words, areas, limit }: FoundQuery): readonly string[] {
    const { sql } = this.#base;
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

  /** True for an agent that has rows here. */
  #has(agent: Known): boolean {
    agent.indexed ??= this.#look(agent);
    return agent.indexed !== "none";
  }

  #look({ num }: Known): "none" | "some" | "all" {
    const { sql } = this.#base;
    this.#made ??= readMeta(sql, MADE);
    const has = (table: string): boolean =>
      sql.all(`SELECT 1 FROM ${table} WHERE agent = ?`, num).length > 0;
    if (this.#made > 0 && has("searched")) return "all";
    return this.#made === COMPLETE && has("backlogs") ? "some" : "none";
  }

  /** Begins with the files that an agent has, but for the one at `last`. */
  #begin(agent: Known, last?: string): void {
    const { sql } = this.#base;
    this.#makeTables();
    const few = this.#older(agent, { after: "", limit: SLICE.files, but: last });
    const length = few.reduce(
      (sum, { value }) => sum + (isMark(value) ? SLICE.characters : value.length),
      0,
    );
    if (few.length < SLICE.files && length <= SLICE.characters) {
      for (const row of few) this.#addRow(agent, row, this.#nums.take());
      sql.run("INSERT INTO searched (agent) VALUES (?)", agent.num);
      agent.indexed = "all";
      return;
    }
    const next = this.#nums.reserve(BACKLOG);
    sql.run("INSERT INTO backlogs (agent, after, next) VALUES (?, '', ?)", agent.num, next);
    agent.indexed = "some";
  }

  /** Indexes the next files of a backlog, those alone that were not written since. */
  #slice(agent: Known): void {
    const { sql } = this.#base;
    const { num } = agent;
    const [backlog] = sql.all<{ after: string; next: number }>(
      "SELECT after, next FROM backlogs WHERE agent = ?",
      num,
    );
    let { after, next } = backlog!;
    const rows = this.#older(agent, { after, limit: SLICE.files });
    let characters = 0;
    for (const row of rows) {
      if (characters > SLICE.characters) break;
      after = row.path;
      const path = [num, row.path] as const;
      if (sql.all("SELECT 1 FROM found WHERE agent = ? AND path = ?", ...path).length > 0) continue;
      characters += this.#addRow(agent, row, next);
      next += 1;
    }
    const isAll = rows.length < SLICE.files && after === (rows.at(-1)?.path ?? after);
    if (!isAll) {
      sql.run("UPDATE backlogs SET after = ?, next = ? WHERE agent = ?", after, next, num);
    } else {
      sql.run("DELETE FROM backlogs WHERE agent = ?", num);
      sql.run("INSERT INTO searched (agent) VALUES (?)", num);
      agent.indexed = "all";
    }
  }

  /** Files of an agent in all areas, by path, after one, as they are stored. */
  #older(
    { num }: Known,
    {
      after,
      limit,
      but,
    }: { readonly after: string; readonly limit: number; but?: string | undefined },
  ): TreeRow[] {
    const rows: TreeRow[] = [];
    for (const { start, end } of RANGES) {
      if (after >= end || rows.length >= limit) continue;
      const some = this.#base.sql.all<TreeRow>(
        "SELECT path, value FROM tree WHERE agent = ? AND path > ? AND path < ? ORDER BY path LIMIT ?",
        num,
        after > start ? after : start,
        end,
        limit - rows.length,
      );
      rows.push(...some.filter(({ path }) => path !== but));
    }
    return rows;
  }

  #makeTables(): void {
    const { sql } = this.#base;
    this.#made ??= readMeta(sql, MADE);
    if (this.#made === COMPLETE) return;
    for (const statement of this.#made === 0 ? INDEX_TABLES : INDEX_TABLES.slice(-1)) {
      sql.run(statement);
    }
    writeMeta(sql, MADE, COMPLETE);
    this.#made = COMPLETE;
  }

  /** Adds a file as it is stored; how many characters it has. */
  #addRow(agent: Known, row: TreeRow, num: number): number {
    const value = unspill(this.#base.sql, row.value);
    const area = areaOf(row.path)!;
    this.#add(
      agent,
      { path: row.path, area, words: wordsOf(area, { path: row.path, value }) },
      num,
    );
    return value.length;
  }

  #add(
    agent: Known,
    file: { readonly path: string; readonly area: Area; readonly words: ReadonlySet<string> },
    num: number,
  ): void {
    if (file.words.size === 0) return;
    const { sql } = this.#base;
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
