import { OpenAgentsError } from "../../core/errors.ts";
import type { Value } from "../../core/ports/store.ts";
import type { Base } from "./base.ts";
import type { Sql, SqlValue } from "./sql.ts";

// Values that are too large for a row of a Durable Object, 2 MB, are stored in parts, and their
// column holds a mark with the number of the parts' owner. Triggers of the schema remove the parts
// with the value.

/** The first character of a mark. Text that begins with it is stored in parts whatever its length. */
const MARK = "\u0001";
/** UTF-16 units of text in a part, each at most 3 bytes of UTF-8; and bytes of others. */
const TEXT_PART = 500_000;
const BYTES_PART = 1_500_000;

/** True for a value that is stored in parts. */
export function isLarge(value: Value): boolean {
  if (typeof value === "string") return value.length > TEXT_PART || value.startsWith(MARK);
  return value.length > BYTES_PART;
}

/** True for what stands in a column for a value that is stored in parts. */
export function isMark(value: Value): boolean {
  return typeof value === "string" && value.startsWith(MARK);
}

/** What goes into a column for this value, in the middle of a change. */
export function spill(base: Base, value: Value): SqlValue {
  if (!isLarge(value)) return value;
  const owner = base.parts.take();
  for (const [i, part] of partsOf(value).entries()) {
    base.sql.run("INSERT INTO parts (owner, part, data) VALUES (?, ?, ?)", owner, i, part);
  }
  base.parts.keep();
  return `${MARK}${owner}`;
}

/** As `spill`, for text. */
export function spillText(base: Base, text: string): string {
  return spill(base, text) as string;
}

/** The value that a column stands for. @throws CORRUPT when its parts are not there */
export function unspill<V extends Value>(sql: Sql, value: V): V {
  if (!isMark(value)) return value;
  const parts = sql
    .all<{ data: Value }>(
      "SELECT data FROM parts WHERE owner = ? ORDER BY part",
      Number((value as string).slice(1)),
    )
    .map(({ data }) => data);
  if (parts.length === 0) {
    throw new OpenAgentsError("CORRUPT", "Cannot read a large value: its parts are gone");
  }
  return joined(parts) as V;
}

function partsOf(value: Value): Value[] {
  const parts: Value[] = [];
  if (typeof value !== "string") {
    for (let i = 0; i < value.length; i += BYTES_PART) parts.push(value.slice(i, i + BYTES_PART));
    return parts;
  }
  for (let i = 0; i < value.length;) {
    let end = i + TEXT_PART;
    // The two halves of a character stay together, or neither would be text.
    if (isHighSurrogate(value.charCodeAt(end - 1))) end -= 1;
    parts.push(value.slice(i, end));
    i = end;
  }
  return parts;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function joined(parts: readonly Value[]): Value {
  if (parts.every((part) => typeof part === "string")) return parts.join("");
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part as Uint8Array, at);
    at += part.length;
  }
  return bytes;
}
