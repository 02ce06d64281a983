import { sha256Hex } from "../core/hash.ts";

/** Characters that an id of a conversation has at most. */
const LONGEST = 200;
/** Characters of a hash that stand for the rest of one that is longer. */
const HASH = 32;

/**
 * An id that a conversation can have, for any text: no two texts have the same one, so that nobody gets into the
 * conversation of another by what he is called. What an id cannot have is written as `%` and its number.
 */
export function conversationId(given: string): string {
  const safe = given.replaceAll(/[%/\p{Cc}\p{Cs}]/gu, percent).replace(/^\.{1,2}$/, percent);
  if (safe === "") return "%";
  if (safe.length <= LONGEST) return safe;
  // No text is written with this after its "%".
  const beginning = safe.slice(0, LONGEST - HASH - 2).replace(/[\ud800-\udbff]$/, "");
  return `${beginning}%~${sha256Hex(safe).slice(0, HASH)}`;
}

function percent(text: string): string {
  const number = text.codePointAt(0)!.toString(16);
  return `%${number.padStart(4, "0")}${text.slice(1)}`;
}
