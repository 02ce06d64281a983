import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Place } from "./place.ts";
import { PLACE_FILE, readPlace, TOKEN_FILE } from "./place.ts";

/** What a data directory holds. */
export type DataFile = "lock" | "place" | "token" | "keys" | "store" | "relays" | "home";

/** The files of a data directory. */
export const FILES: Readonly<Record<DataFile, string>> = {
  /** Held while an agentd runs here. */
  lock: "agentd.lock",
  /** Where that agentd is: JSON of `Place`. */
  place: PLACE_FILE,
  /** The bearer token of the control API. */
  token: TOKEN_FILE,
  /** The master mnemonic, sealed with the passphrase when there is one. */
  keys: "keys.json",
  store: "agents.db",
  /** How far Nostr relays were read, and what was said there. */
  relays: "relays.db",
  /** What the home keeps beside its agents: tokens, webhooks, schedules. */
  home: "home.db",
};

/** A data directory that this process alone holds. */
export interface DataDir {
  readonly path: string;
  file(name: DataFile): string;
  /** Says where this agentd is. */
  publish(url: string): void;
  /** Lets go of the directory. Idempotent. */
  release(): void;
}

/**
 * Makes the directory if need be and takes hold of it. What others may read in it is closed to them
 * (the directory 0700, the secrets 0600); `warn` is told where that cannot be done.
 * @throws BUSY naming the other process that holds it; DENIED when it cannot be written
 */
export function openDataDir(path: string, warn: (text: string) => void = () => {}): DataDir {
  const dir = resolve(path);
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw cannotUse(dir, error);
  }
  const unlock = lock(dir);
  tighten(dir, 0o700, warn);
  for (const name of ["keys", "token"] as const) tighten(join(dir, FILES[name]), 0o600, warn);
  const file = (name: DataFile): string => join(dir, FILES[name]);
  const publish = (place: Place): void => {
    try {
      writeSecret(file("place"), `${JSON.stringify(place)}\n`);
    } catch (error) {
      throw cannotUse(dir, error);
    }
  };
  try {
    publish({ pid: process.pid });
  } catch (error) {
    unlock();
    throw error;
  }
  let held = true;
  return {
    path: dir,
    file,
    publish: (url) => publish({ pid: process.pid, url }),
    release() {
      if (!held) return;
      held = false;
      rmSync(file("place"), { force: true });
      unlock();
    },
  };
}

/**
 * An exclusive lock of the operating system's, which cannot outlive its process: SQLite takes one
 * for an open transaction, and Node has no other way to.
 */
function lock(dir: string): () => void {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(join(dir, FILES.lock), { timeout: 0 });
    // Nothing is ever written, so it needs no journal beside it.
    db.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    chmodSync(join(dir, FILES.lock), 0o600);
    const held = db;
    return () => held.close();
  } catch (error) {
    db?.close();
    const code = (error as { errcode?: number }).errcode ?? 0;
    if ((code & 0xff) !== SQLITE_BUSY) throw cannotUse(dir, error);
    throw new OpenAgentsError("BUSY", `Cannot use data directory "${dir}": ${holder(dir)}`);
  }
}

/** Takes from others what `mode` does not give them. What is not there needs none of it. */
function tighten(path: string, mode: number, warn: (text: string) => void): void {
  if (process.getuid === undefined) return;
  try {
    const stat = statSync(path);
    if ((stat.mode & 0o077) === 0) return;
    if (stat.uid === process.getuid()) chmodSync(path, mode);
    else
      warn(
        `"${path}" is another user's and open to others: have its owner set mode ${mode.toString(8)}`,
      );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    warn(`Cannot close "${path}" to others: ${(error as Error).message}`);
  }
}

const SQLITE_BUSY = 5;

function holder(dir: string): string {
  const place = readPlace(dir);
  if (place === undefined) return "another agentd is using it";
  const { pid, url } = place;
  const where = url === undefined ? "is starting on it" : `is using it at ${url}`;
  return `another agentd (process ${pid}) ${where}: stop that one, or choose another directory with --data`;
}

function cannotUse(dir: string, cause: unknown): OpenAgentsError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = code === "ERR_SQLITE_ERROR" ? `it cannot be written (${message})` : message;
  return new OpenAgentsError(
    "DENIED",
    `Cannot use data directory "${dir}": ${why}: make it writable for this user, or choose another with --data`,
    { cause },
  );
}

/** The directory's token, made at the first call. @throws CONFIG, DENIED for a file of no use */
export function loadToken(data: DataDir): string {
  const path = data.file("token");
  let token: string;
  try {
    if (!existsSync(path)) writeSecret(path, `${randomBytes(32).toString("base64url")}\n`);
    token = readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new OpenAgentsError(
      "DENIED",
      `Cannot use token file "${path}": ${(cause as Error).message}: make it readable for this user, or remove it to have a new one made`,
      { cause },
    );
  }
  if (token.length >= 16) return token;
  throw new OpenAgentsError(
    "CONFIG",
    `Cannot use token file "${path}": it holds fewer than 16 characters: remove it to have a new one made`,
  );
}

/** Replaces a file as a whole, durably, readable by this user alone. Throws what the system says. */
export function writeSecret(path: string, text: string): void {
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  const fd = openSync(temporary, "wx", 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
  const dir = openSync(join(path, ".."), "r");
  try {
    fsyncSync(dir);
  } finally {
    closeSync(dir);
  }
}
