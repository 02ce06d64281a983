import { OpenAgentsError } from "../core/errors.ts";
import type { Store } from "../core/ports/store.ts";
import type { Sql, SqlValue } from "./sql/sql.ts";
import { sqlStore } from "./sql/store.ts";

/** What is used of a Durable Object's `ctx.storage`, by Cloudflare's names. */
export interface DurableObjectStorage {
  readonly sql: {
    exec(
      query: string,
      ...params: unknown[]
    ): { toArray(): Record<string, unknown>[]; readonly rowsWritten: number };
  };
  transactionSync<T>(closure: () => T): T;
  sync(): Promise<void>;
  getAlarm(): Promise<number | null>;
  setAlarm(at: number): Promise<void>;
  deleteAlarm(): Promise<void>;
}

/** A store in a Durable Object, which also keeps the object's alarm. */
export interface DurableObjectStore extends Store {
  /** Says that the alarm has gone off: there is none any more. */
  rang(): void;
  /** Puts the alarm to when the store is due next, `now` being the time; to be called when idle. */
  rest(now: number): Promise<void>;
}

/** How long after mail came in it is looked for again, when its tick was not done by then, ms. */
const NET = 30_000;

/**
 * A store in the SQLite database of a Durable Object, which belongs to it alone.
 *
 * **The alarm is never later than what is due.** Whatever makes something due moves the alarm earlier
 * in the same turn, and so in the same transaction; only `rest` moves it later. So an object that is
 * evicted or dies at any moment is woken for what it has to do, and one that does its work at once,
 * in the turn in which its mail came, sets no alarm at all: set and taken back are one transaction.
 *
 * Durable Objects commit what one turn of the event loop has written together, and hold back what
 * leaves the object until that is on disk: `sync()` waits for it where the kernel needs to know.
 *
 * `crashed()` is false: objects are always cut off and never closed. Whoever calls the object and sees
 * it die says so (`Runtime.careful`).
 */
export async function durableObjectStore(
  storage: DurableObjectStorage,
): Promise<DurableObjectStore> {
  const store = sqlStore(new ObjectSql(storage));
  let alarm = await storage.getAlarm();
  // Counts what made something due, so that `rest` sees when it is overtaken.
  let calls = 0;

  const earlier = (at: number): void => {
    calls += 1;
    if (alarm !== null && alarm <= at) return;
    alarm = at;
    void storage.setAlarm(at);
  };
  return {
    ...store,
    async create(agent, first) {
      earlier(agent.createdAt + NET);
      return store.create(agent, first);
    },
    async deliver(mail) {
      if (mail.length > 0) earlier(mail[0]!.at + NET);
      return store.deliver(mail);
    },
    async commit(claim, changes) {
      if (typeof changes.wakeAt === "number") earlier(changes.wakeAt);
      if ((changes.send?.length ?? 0) > 0) earlier(Date.now() + NET);
      return store.commit(claim, changes);
    },
    async release(claim, wakeAt) {
      if (typeof wakeAt === "number") earlier(wakeAt);
      return store.release(claim, wakeAt);
    },
    async replay(id, envelopeId) {
      earlier(Date.now() + NET);
      return store.replay(id, envelopeId);
    },
    async setStatus(id, status) {
      earlier(Date.now() + NET);
      return store.setStatus(id, status);
    },
    rang() {
      alarm = null;
    },
    async rest(now) {
      const before = calls;
      const due = await store.due({ now, limit: 1, mail: true });
      const outgoing = due.agents.length > 0 ? [] : await store.outbox(0, 1);
      if (calls !== before) return;
      const work = due.agents.length + outgoing.length > 0 ? now + NET : Infinity;
      const next = Math.min(work, due.next ?? Infinity);
      if (next === (alarm ?? Infinity)) return;
      alarm = next === Infinity ? null : next;
      void (alarm === null ? storage.deleteAlarm() : storage.setAlarm(alarm));
    },
  };
}

/** Durable Object SQL as the SQL stores want it. */
class ObjectSql implements Sql {
  readonly #storage: DurableObjectStorage;
  readonly #listeners: (() => void)[] = [];
  #wrote = false;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  all<R extends object>(query: string, ...params: SqlValue[]): R[] {
    try {
      const rows = this.#storage.sql.exec(query, ...params).toArray();
      for (const row of rows) {
        for (const column of Object.keys(row)) {
          const value = row[column];
          if (value instanceof ArrayBuffer) row[column] = new Uint8Array(value);
        }
      }
      return rows as R[];
    } catch (error) {
      throw toError(error);
    }
  }

  run(query: string, ...params: SqlValue[]): boolean {
    try {
      const wrote = this.#storage.sql.exec(query, ...params).rowsWritten > 0;
      this.#wrote ||= wrote;
      return wrote;
    } catch (error) {
      throw toError(error);
    }
  }

  apply<T>(write: () => T): T {
    this.#wrote = false;
    try {
      return this.#storage.transactionSync(write);
    } catch (error) {
      if (this.#wrote) for (const listener of this.#listeners) listener();
      throw error;
    }
  }

  async sync(): Promise<void> {
    await this.#storage.sync();
  }

  crashed(): boolean {
    return false;
  }

  close(): void {
    // The database is open for as long as the object is there.
  }

  onLost(listener: () => void): void {
    this.#listeners.push(listener);
  }
}

/** Their errors carry nothing but a text. */
function toError(cause: unknown): OpenAgentsError {
  if (cause instanceof OpenAgentsError) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  const help = /SQLITE_(FULL|TOOBIG|NOMEM)|too big|storage limit/i.test(detail)
    ? "a limit of Durable Objects is reached: 10 GB an object, 2 MB a row"
    : "the change failed";
  return new OpenAgentsError("STORE", `Cannot use the object's storage: ${help} (${detail})`, {
    cause,
  });
}
