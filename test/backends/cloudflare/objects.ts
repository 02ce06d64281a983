import { DatabaseSync } from "node:sqlite";
import type { ObjectContext, ObjectNamespace } from "../../../src/backends/cloudflare/platform.ts";

/** The storage of a Durable Object, in this process: it outlives the object that is made over it. */
export function objectStorage(): ObjectContext["storage"] {
  const db = new DatabaseSync(":memory:");
  const kept = new Map<string, unknown>();
  let alarm: number | null = null;
  let open = false;
  return {
    sql: {
      exec(query, ...params) {
        const rows = db.prepare(query).all(...(params as string[]));
        const [row] = db.prepare("SELECT changes() AS n").all();
        const wrote = /^\s*SELECT/i.test(query) ? 0 : Number(row?.["n"] ?? 0);
        return { toArray: () => rows.map((one) => ({ ...one })), rowsWritten: wrote };
      },
    },
    transactionSync(closure) {
      if (open) return closure();
      open = true;
      db.exec("BEGIN");
      try {
        const result = closure();
        db.exec("COMMIT");
        return result;
      } catch (error) {
        db.exec("ROLLBACK");
        throw error;
      } finally {
        open = false;
      }
    },
    sync: async () => undefined,
    getAlarm: async () => alarm,
    setAlarm: async (at) => void (alarm = at),
    deleteAlarm: async () => void (alarm = null),
    kv: {
      get: (key) => structuredClone(kept.get(key)),
      put: (key, value) => void kept.set(key, structuredClone(value)),
      delete: (key) => kept.delete(key),
    },
  };
}

export function objectContext(storage: ObjectContext["storage"]): ObjectContext {
  return {
    id: { toString: () => "" },
    storage,
    waitUntil: () => undefined,
    acceptWebSocket: () => undefined,
    getWebSockets: () => [],
    setWebSocketAutoResponse: () => undefined,
  };
}

/** A binding to objects that are found by their names. */
export function objects(
  find: (name: string) => { fetch(request: Request): Promise<Response> },
): ObjectNamespace {
  return { idFromName: (name) => name, get: (id) => find(String(id)) };
}
