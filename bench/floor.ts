import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import { SqliteFile } from "../src/stores/sqlite.ts";
import { MIGRATIONS } from "../src/stores/sql/schema.ts";
import type { SqlValue } from "../src/stores/sql/sql.ts";
import { sqlStore } from "../src/stores/sql/store.ts";
import type { Bench } from "./bench.ts";
import { keyed, WATCHED, WATCHED_POSITION } from "./watched.ts";
import type { Written } from "./watched.ts";
import { createAgents, startRuntime, tell } from "./in-process.ts";

/** The raw floor: SQLite writing what the store writes for a message, and nothing around it. */
export interface Floor {
  readonly path: string;
  /**
   * Writes the rows of `count` messages to `agents` in turn, `group` messages to a transaction;
   * how long that took, in ms. The rows are made before the time is taken.
   */
  write(count: number, group: number): number;
  close(): void;
}

/**
 * Opens the floor: plain node:sqlite with the store's pragmas, tables and indices. What it writes
 * for a message is what the store was seen to write for one from delivery to commit: the same
 * statements with values of the same size, under keys of its own. As in the store, the messages of
 * a group are all delivered before the first of them is acknowledged, for that is what being in
 * flight at once is. It reads nothing, makes no JSON and no hash, asks no clock, has no promise.
 */
export async function openFloor(
  bench: Bench,
  agents: number,
  { accept = false }: FloorOptions = {},
): Promise<Floor> {
  const written = await bench.once("floor", () => watchOneMessage(bench));
  const path = join(bench.directory(), "floor.db");
  const db = new DatabaseSync(path);
  for (const pragma of [
    "locking_mode = EXCLUSIVE",
    "journal_mode = WAL",
    "synchronous = FULL",
    `cache_size = ${-1024 * 64}`,
    "wal_autocheckpoint = 4096",
    `journal_size_limit = ${64 * 1024 * 1024}`,
  ]) {
    db.exec(`PRAGMA ${pragma}`);
  }
  for (const statement of MIGRATIONS.flat()) db.exec(statement);
  const begin = db.prepare("BEGIN IMMEDIATE");
  const commit = db.prepare("COMMIT");
  const statements = written.map(({ query }) => db.prepare(query));
  const delivery = written.findIndex(({ query }) => !query.includes("INTO mail"));

  let message = 0;
  const rowsOfNext = (): SqlValue[][] => {
    const keys = { agent: 1 + (message % agents), n: 1 + Math.floor(message / agents) };
    message += 1;
    return written.map(({ params }) => params.map((value) => keyed(value, { ...keys, message })));
  };
  return {
    path,
    write(count, group) {
      const messages = Array.from({ length: count }, rowsOfNext);
      const start = performance.now();
      for (let i = 0; i < count; i += group) {
        begin.run();
        const together = messages.slice(i, i + group);
        for (const rows of together) runAll(statements, rows, [0, delivery]);
        const rest = accept ? delivery : statements.length;
        for (const rows of together) runAll(statements, rows, [delivery, rest]);
        commit.run();
      }
      return performance.now() - start;
    },
    close: () => db.close(),
  };
}

/** Runs the statements from one index to before another, each with its own row. */
function runAll(
  statements: readonly StatementSync[],
  rows: readonly SqlValue[][],
  [from, to]: readonly [from: number, to: number],
): void {
  for (let i = from; i < to; i += 1) statements[i]!.run(...rows[i]!);
}

/** A file of the store's own that tells what is written to it. */
class WatchedFile extends SqliteFile {
  readonly written: Written[] = [];

  override run(query: string, ...params: SqlValue[]): boolean {
    this.written.push({ query, params });
    return super.run(query, ...params);
  }
}

export interface FloorOptions {
  /** A message is delivered and no more. Default: it is acknowledged too. */
  readonly accept?: boolean;
}

/** The statements that the store runs for one message to an agent that has had a few. */
export async function watchOneMessage(bench: Bench): Promise<readonly Written[]> {
  const file = new WatchedFile(join(bench.directory(), "watched.db"));
  const runtime = await startRuntime(sqlStore(file));
  const id = (await createAgents(runtime, { type: "counter", count: WATCHED.agent })).at(-1)!;
  for (let n = 2; n < WATCHED.n; n += 1) await tell(runtime, id);
  const before = file.written.length;
  await runtime.ask(id, { payload: "tick", id: WATCHED.id }, { timeout: 60_000 });
  const written = file.written.slice(before);
  await runtime.stop();
  const seen = new Set(written.flatMap(({ params }) => params));
  for (const key of [...Object.values(WATCHED), WATCHED_POSITION]) {
    if (!seen.has(key)) throw new Error(`The store wrote no row with the key "${key}"`);
  }
  const queries = written.map(({ query }) => /^\s*(\w+ \w+(?: \w+)?)/.exec(query)?.[1]);
  bench.say(`The store writes for a message: ${queries.join(", ")}`);
  return written;
}
