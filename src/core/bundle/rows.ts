import { checkEnvelope } from "../envelope.ts";
import type { Envelope } from "../envelope.ts";
import type { LogRow, Restored, RestoredMail, SeenRow } from "../ports/index.ts";
import { corrupt, isCount, isHex, isObject } from "./manifest.ts";
import { CHUNK } from "./write.ts";
import type { FOLDERS } from "./write.ts";

/** Characters of an envelope's id: those that the kernel makes of others may be above 200. */
const ID = 1000;

/** The rows in an entry. @throws CORRUPT naming the line that is wrong */
export function parseRows(
  kind: keyof typeof FOLDERS,
  { name, text }: { readonly name: string; readonly text: string },
): Restored {
  if (!text.endsWith("\n")) throw corrupt(`"${name}" does not end in a whole line`);
  const lines = text.slice(0, -1).split("\n");
  if (text.length > CHUNK && lines.length > 1) throw corrupt(`"${name}" is too long`);
  const rows = <T>(fits: (value: unknown) => value is T): T[] =>
    lines.map((line, i) => {
      const value = parse(line);
      if (!fits(value)) throw corrupt(`line ${i + 1} of "${name}" is wrong`);
      return value;
    });
  switch (kind) {
    case "records":
      return { log: rows(isLogRow) };
    case "seen":
      return { seen: rows(isSeenRow) };
    case "mail":
      return { mail: rows(isMailRow) };
    default:
      return { outbox: rows(isCarried) };
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isLogRow(value: unknown): value is LogRow {
  if (!isObject(value)) return false;
  const { n, hash, record, output } = value;
  const good = isCount(n) && isHex(hash, 64) && typeof record === "string";
  return good && (output === undefined || typeof output === "string");
}

function isSeenRow(value: unknown): value is SeenRow {
  return isObject(value) && isId(value["id"]) && isCount(value["at"]);
}

function isMailRow(value: unknown): value is RestoredMail {
  if (!isObject(value)) return false;
  const { envelope, at, attempts, notBefore, reason } = value;
  const good = isCount(at) && isCount(attempts) && isCount(notBefore) && isCarried(envelope);
  return good && (reason === undefined || typeof reason === "string");
}

/** True for an envelope that was stored by a home: as from outside, but for the length of its ids. */
export function isCarried(value: unknown): value is Envelope {
  if (!isObject(value) || !isId(value["id"])) return false;
  if (value["replyTo"] !== undefined && !isId(value["replyTo"])) return false;
  try {
    checkEnvelope({ ...value, id: "id", replyTo: undefined });
    return true;
  } catch {
    return false;
  }
}

function isId(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= ID && value.isWellFormed();
}
