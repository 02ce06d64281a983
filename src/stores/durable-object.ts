import type { AgentRecord } from "../core/agent.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { HomeFiles, Reminder } from "../core/ports/index.ts";
import type { Store } from "../core/ports/store.ts";
import { sqlHomeFiles } from "./sql/home-files.ts";
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
  /**
   * Has the alarm go off at this time, or earlier, whatever the store is due for. A later call about the
   * same takes its place; undefined takes it back.
   */
  remind(about: Reminder, at: number | undefined): void;
}

/**
 * How long after mail came in it is looked for again, when its tick was not done by then, ms; and how
 * long at most, when what is due cannot be done for whatever reason.
 */
const NET = 2_000;
const LONGEST_NET = 600_000;

/** How many microtasks a tick that waits for nothing takes at most, or about that. */
const HOPS = 400;

/** A store in the SQLite database of a Durable Object, which sets no alarm. */
export function objectStore(storage: Omit<DurableObjectStorage, `${string}Alarm`>): Store {
  return sqlStore(new ObjectSql(storage));
}

/** What a home keeps beside its agents, in the SQLite database of a Durable Object, which sets no alarm. */
export function objectHomeFiles(storage: Omit<DurableObjectStorage, `${string}Alarm`>): HomeFiles {
  return sqlHomeFiles(new ObjectSql(storage));
}

/**
 * A store in the SQLite database of a Durable Object, which belongs to it alone, for one agent.
 *
 * **The alarm is never later than what is due.** Whatever makes something due moves the alarm earlier
 * in the same turn of the event loop, and so in the same transaction; only `rest` moves it later. So
 * an object that is evicted or dies at any moment is woken for what it has to do. One that does its
 * work at once, in the turn in which its mail came, sets no alarm at all.
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
  const store = objectStore(storage);
  let alarm = await storage.getAlarm();
  // Counts what made something due, so that `rest` and `soon` see when they are overtaken.
  let calls = 0;
  let rests = 0;
  // When the agent is due by time, while it is known that it has no outgoing mail: with no alarm, never.
  let wakeAt: number | null | undefined = alarm === null ? null : undefined;
  // When the alarm is to go off for what the store knows nothing of.
  const reminders = new Map<Reminder, number>();
  // The agent, once it was written to.
  let agent: string | undefined;
  // Every request asks for the agent, by its name or id.
  const found = new Map<string, AgentRecord>();

  const earlier = (at: number): void => {
    calls += 1;
    if (alarm !== null && alarm <= at) return;
    alarm = at;
    void storage.setAlarm(at);
  };
  /** Sets the alarm for work that is to be done now, unless it is done before this turn is over. */
  const soon = async (): Promise<void> => {
    calls += 1;
    if (alarm !== null && alarm <= Date.now() + NET) return;
    const before = rests;
    for (let i = 0; i < HOPS; i += 1) {
      await Promise.resolve();
      if (rests !== before) return;
    }
    earlier(Date.now() + NET);
  };
  // So that what was read before a change is not remembered after it.
  let changes = 0;
  const changed = (): void => {
    changes += 1;
    wakeAt = undefined;
    found.clear();
    void soon();
  };

  /** What fails leaves due what was due. */
  const orDue = async (write: Promise<void>): Promise<void> => {
    try {
      await write;
    } catch (error) {
      changed();
      throw error;
    }
  };

  return {
    ...store,
    async get(ref) {
      const known = found.get(ref);
      if (known !== undefined) return known;
      const before = changes;
      const record = await store.get(ref);
      if (record === undefined) return undefined;
      if (before !== changes) return record;
      for (const name of [record.id, ref]) found.set(name, record);
      return record;
    },
    async create(agent, first) {
      changed();
      return store.create(agent, first);
    },
    async update(id, change) {
      changed();
      return store.update(id, change);
    },
    async setStatus(id, status, move) {
      changed();
      return store.setStatus(id, status, move);
    },
    async restore(id, part) {
      changed();
      return store.restore(id, part);
    },
    async clear(id) {
      changed();
      return store.clear(id);
    },
    async remove(id) {
      changed();
      agent = undefined;
      return store.remove(id);
    },
    async replay(id, envelopeId) {
      changed();
      return store.replay(id, envelopeId);
    },
    async deliver(mail) {
      void soon();
      const receipts = await store.deliver(mail);
      agent ??= mail[receipts.indexOf("accepted")]?.envelope.to;
      return receipts;
    },
    async commit(claim, changes) {
      const { wakeAt: next, send = [], status } = changes;
      agent = claim.id;
      if (send.length > 0 || status !== undefined) changed();
      if (typeof next === "number") earlier(next);
      await orDue(store.commit(claim, changes));
      if (next !== undefined && wakeAt !== undefined) wakeAt = next;
    },
    async release(claim, next) {
      if (next !== undefined) wakeAt = undefined;
      if (typeof next === "number") earlier(next);
      await orDue(store.release(claim, next));
    },
    rang() {
      alarm = null;
    },
    remind(about, at) {
      if (at === undefined) reminders.delete(about);
      else {
        reminders.set(about, at);
        earlier(at);
      }
    },
    async rest(now) {
      rests += 1;
      const before = calls;
      for (const [about, at] of reminders) if (at <= now) reminders.delete(about);
      const due = await nextDue(now);
      const first = Math.min(...reminders.values(), due ?? Infinity);
      const next = first === Infinity ? null : first;
      if (calls !== before || next === alarm) return;
      alarm = next;
      void (next === null ? storage.deleteAlarm() : storage.setAlarm(next));
    },
  };

  /** When there is something to do next. */
  async function nextDue(now: number): Promise<number | null> {
    // Whatever is due is not done before the brake is looked at again.
    if (reminders.has("brake")) return null;
    if (wakeAt !== undefined && (agent === undefined || (await store.depth(agent)) === 0)) {
      // The alarm for this time has gone off, and the agent had to leave alone what is due.
      if (wakeAt !== null && wakeAt <= now && alarm === null) return again(now, wakeAt);
      return wakeAt;
    }
    const before = calls;
    const due = await store.due({ now, limit: 1, mail: true });
    const outgoing = await store.outbox(0, 1);
    const next = due.next ?? null;
    const [id] = due.agents;
    if (id !== undefined) {
      // It was taken up, and could not be done: the longer it waits, the later it is tried again.
      const [mail] = await store.mail(id, { box: "inbox", limit: 1 });
      return Math.min(again(now, mail?.at ?? now), next ?? Infinity);
    }
    if (outgoing.length > 0) {
      return reminders.has("mail") ? next : Math.min(now + NET, next ?? Infinity);
    }
    if (calls === before) wakeAt = next;
    return next;
  }
}

/** When what has been due since a time is looked at again. */
function again(now: number, since: number): number {
  return now + Math.min(Math.max(Math.ceil((now - since) / 2), NET), LONGEST_NET);
}

/** Durable Object SQL as the SQL stores want it. */
class ObjectSql implements Sql {
  readonly #storage: Parameters<typeof objectStore>[0];
  readonly #listeners: (() => void)[] = [];
  #wrote = false;

  constructor(storage: Parameters<typeof objectStore>[0]) {
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
