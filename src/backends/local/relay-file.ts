import { DatabaseSync } from "node:sqlite";
import type { Announced, Cursors } from "../../drivers/nostr.ts";

/** How far relays were read, and what was said there. */
export interface RelayFile {
  readonly cursors: Cursors;
  readonly announced: Announced;
  /** Idempotent. */
  close(): void;
}

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS cursor (relay TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS announced (
    relay TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (relay, key)
  ) STRICT, WITHOUT ROWID;
`;

/**
 * A SQLite file, made when it is not there. Its last changes may be lost with a crash of the machine:
 * what relays sent is then read once more, and what was said is said again.
 */
export function relayFile(path: string): RelayFile {
  const db = new DatabaseSync(path);
  db.exec(SCHEMA);
  const loadCursor = db.prepare("SELECT at FROM cursor WHERE relay = ?");
  const saveCursor = db.prepare("INSERT OR REPLACE INTO cursor VALUES (?, ?)");
  const loadDigest = db.prepare("SELECT digest FROM announced WHERE relay = ? AND key = ?");
  const saveDigest = db.prepare("INSERT OR REPLACE INTO announced VALUES (?, ?, ?)");
  let open = true;
  return {
    cursors: {
      async load(relay) {
        return open ? (loadCursor.get(relay)?.["at"] as number | undefined) : undefined;
      },
      async save(relay, at) {
        if (open) saveCursor.run(relay, at);
      },
    },
    announced: {
      async load(relay, publicKey) {
        return open ? (loadDigest.get(relay, publicKey)?.["digest"] as string) : undefined;
      },
      async save(relay, publicKey, digest) {
        if (open) saveDigest.run(relay, publicKey, digest);
      },
    },
    close() {
      if (open) db.close();
      open = false;
    },
  };
}
