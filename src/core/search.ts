import type { Value } from "./ports/store.ts";
import { lastSegment, paths } from "./tree.ts";

/** A part of an agent's tree in which words are searched. */
export type Area = "conversations" | "patterns" | "files" | "read" | "kv" | "goals" | "peers";

/** The paths below which the files of each are. */
export const AREAS: Readonly<Record<Area, string>> = {
  conversations: paths.conversations,
  patterns: paths.patterns,
  files: paths.files,
  read: paths.read,
  kv: paths.kv,
  goals: paths.goals,
  peers: paths.peers,
};

/** All of them. */
export const ALL_AREAS: readonly Area[] = Object.keys(AREAS) as Area[];

/** What is looked for: files that have all of these words. */
export interface FoundQuery {
  /** Words as `wordsOf` gives them; one that ends in "*" stands for all that begin with it. At least one. */
  readonly words: readonly string[];
  readonly areas: readonly Area[];
  /** 1 to 1000. */
  readonly limit: number;
}

/** So much of a value is looked at, in UTF-16 units. */
const LONGEST_TEXT = 100_000;
/** Longer words are cut: what they are looked for by is, too. */
const LONGEST_WORD = 64;

/** Scripts that put no space between words: each character is a word. */
const WORD =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]|[[\p{L}\p{N}]--[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]]+/gv;
/** The same in a text as it is, with its accents. */
const TOKEN =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]|[[\p{L}\p{N}\p{M}]--[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]]+/gv;
const ASCII_WORD = /[a-z0-9]+/g;
// eslint-disable-next-line no-control-regex
const ASCII = /^[\x00-\x7f]*$/;

/** The area of a path; undefined for a file in which nothing is searched. */
export function areaOf(path: string): Area | undefined {
  // Nearly all paths that a tick writes are others: they are told by their first letter.
  const first = path.charCodeAt(0);
  if (first !== 109 && first !== 103) return undefined;
  return ALL_AREAS.find((area) => path.startsWith(AREAS[area]));
}

/** True where files of an area may be below a path that ends in "/". */
export function holdsAreas(path: string): boolean {
  return ALL_AREAS.some((area) => AREAS[area].startsWith(path) || path.startsWith(AREAS[area]));
}

/** The words of a text, each once, without case and accents. */
export function wordsIn(text: string): ReadonlySet<string> {
  const plain = ASCII.test(text);
  const folded = plain
    ? text.toLowerCase()
    : text
        .normalize("NFKD")
        .replace(/\p{M}+/gu, "")
        .toLowerCase();
  const words = new Set<string>();
  for (const [word] of folded.matchAll(plain ? ASCII_WORD : WORD)) {
    words.add(word.length > LONGEST_WORD ? cut(word) : word);
  }
  return words;
}

/** The words by which a file of an area is found: of what it says, and of its name where that is chosen. */
export function wordsOf(
  area: Area,
  { path, value }: { readonly path: string; readonly value: Value },
): ReadonlySet<string> {
  const text = textIn(area, value);
  if (area !== "files" && area !== "kv") return wordsIn(text);
  return wordsIn(`${lastSegment(path)} ${text}`);
}

/** What a file of an area says, as far as it is looked at. */
export function textIn(area: Area, value: Value): string {
  const text = asText(value);
  if (area === "files") return text.slice(0, LONGEST_TEXT);
  const said = saidIn(area, text);
  return said.slice(0, LONGEST_TEXT);
}

/** True when a file with these words is one that is looked for. */
export function hasAll(words: ReadonlySet<string>, wanted: readonly string[]): boolean {
  return wanted.every((word) => {
    if (!word.endsWith("*")) return words.has(word);
    const start = word.slice(0, -1);
    return [...words].some((each) => each.startsWith(start));
  });
}

/** Where in a text the first of the wanted words is that is there; -1 for none. */
export function placeOf(text: string, wanted: readonly string[]): number {
  const whole = new Set<string>();
  const starts: string[] = [];
  for (const word of wanted) {
    if (word.endsWith("*")) starts.push(word.slice(0, -1));
    // A longer one was cut.
    else if (word.length >= LONGEST_WORD) starts.push(word);
    else whole.add(word);
  }
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const isPlain = ASCII.test(token);
    for (const word of isPlain ? [token.toLowerCase()] : wordsIn(token)) {
      if (whole.has(word) || starts.some((start) => word.startsWith(start))) return index;
    }
  }
  return -1;
}

/** The words that a query is made of: those of its text, and "*" after what is the beginning of one. */
export function wantedIn(text: string): readonly string[] {
  const wanted = new Set<string>();
  for (const part of text.split(/\s+/)) {
    const words = [...wordsIn(part)];
    if (part.endsWith("*") && words.length > 0) words[words.length - 1] += "*";
    for (const word of words) wanted.add(word);
  }
  return [...wanted];
}

function asText(value: Value): string {
  if (typeof value === "string") return value;
  try {
    // Four bytes are the most that a character has.
    const part = value.subarray(0, 4 * LONGEST_TEXT);
    return new TextDecoder("utf-8", { fatal: part.length === value.length }).decode(part);
  } catch {
    return "";
  }
}

/** The members of a file's JSON that say something; of what has none here, every text in it. */
const SAYING: Partial<Record<Area, readonly string[]>> = {
  conversations: ["content", "text"],
  patterns: ["text", "source"],
  read: ["path", "summary"],
  goals: ["title", "note", "result"],
  peers: ["names", "nip05", "note"],
};

function saidIn(area: Area, text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  const members = SAYING[area];
  const said: string[] = [];
  const unsaid = area === "conversations" ? UNSAID : NOTHING;
  if (members === undefined || typeof value !== "object" || value === null) {
    collect(value, said, unsaid);
  } else {
    for (const member of members) collect((value as Record<string, unknown>)[member], said, unsaid);
  }
  return said.join("\n");
}

/**
 * Adds every text and number in a value, but for what is in members of these names, as far as it is looked at.
 * Values are as deep as whoever wrote the file liked: there is no call for each level.
 */
function collect(value: unknown, into: string[], unsaid: ReadonlySet<string>): void {
  const open: unknown[] = [value];
  for (let length = 0; open.length > 0 && length <= LONGEST_TEXT;) {
    const next = open.pop();
    if (typeof next === "string" || typeof next === "number") {
      const text = String(next);
      into.push(text);
      length += text.length + 1;
    } else if (Array.isArray(next)) {
      for (let i = next.length - 1; i >= 0; i -= 1) open.push(next[i]);
    } else if (typeof next === "object" && next !== null) {
      for (const [member, item] of Object.entries(next).toReversed()) {
        if (!unsaid.has(member)) open.push(item);
      }
    }
  }
}

/** What only tells the parts of a message apart. */
const UNSAID: ReadonlySet<string> = new Set(["type", "toolCallId", "mediaType", "providerOptions"]);
const NOTHING: ReadonlySet<string> = new Set();

/** No half of a character is left at the end. */
function cut(word: string): string {
  return word.slice(0, LONGEST_WORD).replace(/[\ud800-\udbff]$/, "");
}
