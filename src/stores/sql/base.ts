import type { AgentStatus } from "../../core/agent.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Claim, LogHead } from "../../core/ports/store.ts";
import type { StoredMail } from "./mail.ts";
import { migrate } from "./schema.ts";
import { SearchIndex } from "./search.ts";
import type { Sql, SqlValue } from "./sql.ts";

/** A door whose methods answer at once; `store.ts` makes promises of them. */
export type Direct<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => Promise<infer R>
    ? (...args: A) => R
    : never;
};

/** What is known of an agent without asking the database: all that the path of a message needs. */
export interface Known {
  readonly num: number;
  status: AgentStatus;
  wakeAt: number | null;
  /** How many envelopes wait. */
  depth: number;
  /** The mail that waits, when it is the only one, small and unchanged since its delivery. */
  lone: StoredMail | undefined;
  /** The newest row of the trajectory; undefined before the first. */
  head: LogHead | undefined;
  /** How much of the words in its files is indexed; undefined before somebody looked. */
  indexed: "none" | "some" | "all" | undefined;
}

/** Agents known in each of two generations. */
const GENERATION = 8192;
/** Fences are set aside in the database this many at a time. */
const FENCES = 1_000_000;

/** A claim that is held. */
export interface Held {
  readonly fence: number;
  until: number;
  /** Positions of the mail that its holder was last shown, of which it may be working on one. */
  shown: ReadonlySet<number>;
}

/** What the four doors of a SQL store share. The database belongs to this object alone. */
export class Base {
  readonly sql: Sql;
  readonly positions: Sequence;
  readonly seqs: Sequence;
  /** Owners of the parts of large values. */
  readonly parts: Sequence;
  readonly search: SearchIndex;
  /** The good claims, and those whose end has passed but which nobody took over. */
  readonly claims: Map<string, Held> = new Map();
  #young = new Map<string, Known>();
  #old = new Map<string, Known>();
  #fence = 0;
  #fenceEnd = 0;
  #state: "new" | "open" | "closed" = "new";

  constructor(sql: Sql) {
    this.sql = sql;
    this.positions = new Sequence(sql, "mail", "SELECT max(pos) AS top FROM mail");
    this.seqs = new Sequence(sql, "outbox", "SELECT max(seq) AS top FROM outbox");
    this.parts = new Sequence(sql, "parts", "SELECT max(owner) AS top FROM parts");
    this.search = new SearchIndex(this);
    sql.onLost(() => this.#forgetAll());
  }

  /** Opens the database when that was not done yet. @throws STORE after `close` */
  open(): void {
    if (this.#state === "open") return;
    if (this.#state === "closed") {
      throw new OpenAgentsError("STORE", "Cannot use store: it is closed");
    }
    try {
      migrate(this.sql);
    } catch (error) {
      // The next call may try again; until then another process may have the database.
      this.sql.close();
      throw error;
    }
    this.#state = "open";
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#forgetAll();
    this.sql.close();
  }

  /** The agent of this id, or undefined. */
  find(id: string): Known | undefined {
    const young = this.#young.get(id);
    if (young !== undefined) return young;
    const known = this.#old.get(id) ?? this.#load(id);
    if (known === undefined) return undefined;
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(id, known);
    return known;
  }

  /** The agent of this id. @throws NOT_FOUND */
  known(id: string): Known {
    const known = this.find(id);
    if (known === undefined) {
      throw new OpenAgentsError("NOT_FOUND", `Cannot find agent "${id}"`);
    }
    return known;
  }

  /** Has the next look at this agent ask the database. */
  forget(id: string): void {
    this.#young.delete(id);
    this.#old.delete(id);
  }

  /** The agent that a claim gives the right to write to. @throws STALE_CLAIM */
  claimed(claim: Claim): Known {
    if (this.claims.get(claim.id)?.fence !== claim.fence)
      throw stale(claim.id, "the claim is lost");
    return this.known(claim.id);
  }

  /** A fence above all others that this database ever gave. */
  nextFence(): number {
    if (this.#fence >= this.#fenceEnd) {
      this.sql.apply(() => {
        const start = Math.max(this.#fence, readMeta(this.sql, "fence"));
        writeMeta(this.sql, "fence", start + FENCES);
        this.#fence = start;
        this.#fenceEnd = start + FENCES;
      });
    }
    this.#fence += 1;
    return this.#fence;
  }

  #load(id: string): Known | undefined {
    // One query and not three: a Durable Object that wakes has to compile each.
    const [row] = this.sql.all<{
      num: number;
      status: AgentStatus;
      wakeAt: number | null;
      depth: number;
      n: number | null;
      hash: string;
    }>(
      `SELECT num, status, wake_at AS wakeAt, log.n, log.hash,
         (SELECT count(*) FROM mail WHERE mail.agent = num AND state = 0) AS depth
       FROM agents LEFT JOIN log ON log.agent = num
         AND log.n = (SELECT max(n) FROM log WHERE log.agent = num)
       WHERE id = ?`,
      id,
    );
    return (
      row && {
        num: row.num,
        status: row.status,
        wakeAt: row.wakeAt,
        depth: row.depth,
        lone: undefined,
        indexed: undefined,
        head: row.n === null ? undefined : { n: row.n, hash: row.hash },
      }
    );
  }

  /** Changes were undone: nothing that was remembered need be true, and every claim is dropped. */
  #forgetAll(): void {
    this.#young.clear();
    this.#old.clear();
    this.claims.clear();
    this.positions.reload();
    this.seqs.reload();
    this.parts.reload();
    this.search.reload();
    this.#fenceEnd = 0;
  }
}

/**
 * Rising row numbers, never given twice although rows are deleted. Kept in memory and found again
 * from the rows, so that a number costs no write; whoever deletes rows calls `keep` first.
 */
export class Sequence {
  readonly #sql: Sql;
  readonly #key: string;
  readonly #top: string;
  #next: number | undefined;

  constructor(sql: Sql, key: string, top: string) {
    this.#sql = sql;
    this.#key = key;
    this.#top = top;
  }

  /** The number that the next row is to have. */
  peek(): number {
    if (this.#next === undefined) {
      const [row] = this.#sql.all<{ top: number | null }>(this.#top);
      this.#next = Math.max(row?.top ?? 0, readMeta(this.#sql, this.#key)) + 1;
    }
    return this.#next;
  }

  take(): number {
    const next = this.peek();
    this.#next = next + 1;
    return next;
  }

  /** The first of so many numbers that no row has yet, within the current change. */
  reserve(count: number): number {
    const first = this.peek();
    this.#next = first + count;
    this.keep();
    return first;
  }

  /** Writes down how far it came, within the current change. */
  keep(): void {
    writeMeta(this.#sql, this.#key, this.peek() - 1);
  }

  reload(): void {
    this.#next = undefined;
  }
}

/** A number that the database keeps; 0 before it was written. */
export function readMeta(sql: Sql, key: string): number {
  const [row] = sql.all<{ value: number }>("SELECT value FROM meta WHERE key = ?", key);
  return row?.value ?? 0;
}

export function writeMeta(sql: Sql, key: string, value: number): void {
  sql.run(
    "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    key,
    value,
  );
}

/** The error for a write that its claim does not allow. */
export function stale(id: string, why: string): OpenAgentsError {
  return new OpenAgentsError("STALE_CLAIM", `Cannot write to agent "${id}": ${why}`);
}

/**
 * `value`, after a check that SQLite stores it as it is: a refused number in the middle of a change
 * would cost every change of its group.
 * @throws INVALID naming `what` it is
 */
export function whole(value: number, what: string): SqlValue {
  if (Number.isSafeInteger(value)) return value;
  throw new OpenAgentsError("INVALID", `Cannot store ${what} ${value}: not a whole number`);
}
