import { OpenAgentsError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import type { LearnedPattern, MemoryTools, Pattern, Patterns } from "../core/ports/memory.ts";
import { hasAll, wantedIn, wordsIn } from "../core/search.ts";
import { paths } from "../core/tree.ts";
import type { MemoryLimits } from "./limits.ts";
import type { Turns } from "./turns.ts";

/** In so long it is half as sure, ms. */
const HALF_LIFE = 30 * 24 * 3_600_000;
/** Thousandths: below the floor it is gone, and with no word on it it is half sure. */
const FLOOR = 50;
const HALF = 500;
const SURE = 1000;
const LONGEST = { text: 2000, source: 500 } as const;
const PAGE = 1000;
/** So many beginnings of words are looked for, as each is compared with every word. */
const MOST_STARTS = 20;

/** A pattern as it is stored: `confidence` in thousandths, as of `updatedAt`. */
type Stored = Pattern;

/** What one agent has learned: a file for each pattern, `memory/patterns/<id>`, as JSON. */
export function patterns(
  { files, now }: MemoryTools,
  { limits, turns }: { readonly limits: MemoryLimits; readonly turns: Turns },
): Patterns {
  /** With its confidence as of now, in thousandths; undefined for what has faded. */
  const fresh = (text: string): Stored | undefined => {
    const stored = JSON.parse(text) as Stored;
    const age = Math.max(now() - stored.updatedAt, 0);
    const confidence = Math.round(stored.confidence * 2 ** (-age / HALF_LIFE));
    return confidence < FLOOR ? undefined : { ...stored, confidence };
  };
  const read = async (id: string): Promise<Stored | undefined> => {
    const text = isId(id) ? await files.read(paths.pattern(id)) : undefined;
    return text === undefined ? undefined : fresh(text);
  };
  const write = (pattern: Stored): Pattern => {
    files.write(paths.pattern(pattern.id), JSON.stringify(pattern));
    return shown(pattern);
  };
  const count = async (): Promise<number> => Number((await files.read(paths.patternCount)) ?? 0);
  const counted = (number: number): void => files.write(paths.patternCount, String(number));
  const found = async (id: string): Promise<Stored> => {
    const pattern = await read(id);
    if (pattern !== undefined) return pattern;
    throw new OpenAgentsError("NOT_FOUND", `There is no pattern ${JSON.stringify(id)}`);
  };
  /** All that are stored, those that have faded without a pattern. */
  const all = async (): Promise<
    { readonly path: string; readonly pattern?: Stored | undefined }[]
  > => {
    const every = [];
    for (let after: string | undefined; ;) {
      const page = await files.list({ prefix: paths.patterns, after, limit: PAGE });
      every.push(...page.map(({ path, value }) => ({ path, pattern: fresh(value) })));
      if (page.length < PAGE) return every;
      after = page.at(-1)!.path;
    }
  };
  /** Has room for one more: what has faded goes, and then the least sure. */
  const makeRoom = async (): Promise<void> => {
    const known = await count();
    if (known < limits.patterns) return counted(known + 1);
    const every = await all();
    every.sort((a, b) => (a.pattern?.confidence ?? 0) - (b.pattern?.confidence ?? 0));
    const faded = every.filter(({ pattern }) => pattern === undefined).length;
    const gone = Math.max(faded, every.length + 1 - limits.patterns);
    for (const { path } of every.slice(0, gone)) files.remove(path);
    counted(every.length - gone + 1);
  };
  const forget = async (id: string): Promise<void> => {
    if (!isId(id) || (await files.read(paths.pattern(id))) === undefined) return;
    files.remove(paths.pattern(id));
    counted((await count()) - 1);
  };
  /** Keeps one as it is given, in the place of the one that has its text. */
  const add = async (pattern: LearnedPattern, createdAt: number = now()): Promise<Pattern> => {
    const { id, text, source, confidence } = checked(pattern);
    // One that has faded is where it is to be.
    if ((await files.read(paths.pattern(id))) === undefined) await makeRoom();
    return write({
      id,
      text,
      confidence: confidence ?? HALF,
      ...(source !== undefined && { source }),
      createdAt,
      updatedAt: now(),
    });
  };

  return {
    async list({ after, limit = 100 } = {}) {
      const wanted = Math.min(Math.max(Math.trunc(limit) || 1, 1), PAGE);
      const page: Pattern[] = [];
      for (let from = after === undefined ? undefined : paths.pattern(after); ;) {
        const rows = await files.list({ prefix: paths.patterns, after: from, limit: wanted });
        page.push(...rows.flatMap(({ value }) => fresh(value) ?? []).map(shown));
        if (rows.length < wanted || page.length >= wanted) return page.slice(0, wanted);
        from = rows.at(-1)!.path;
      }
    },
    async get(id) {
      const pattern = await read(id);
      return pattern && shown(pattern);
    },
    learn: (pattern) =>
      turns(async () => {
        const { id, source, confidence } = checked(pattern);
        const known = await read(id);
        if (known === undefined) return add(pattern);
        return write({
          ...known,
          confidence: Math.max(reinforced(known.confidence), confidence ?? 0),
          ...(source !== undefined && { source }),
          updatedAt: now(),
        });
      }),
    replace: (id, pattern) =>
      turns(async () => {
        const { createdAt, ...known } = await found(id);
        // Before anything is taken away.
        checked(pattern);
        const { confidence = known.confidence / SURE, source = known.source } = pattern;
        await forget(id);
        return add({ ...pattern, confidence, source }, createdAt);
      }),
    reinforce: (id) =>
      turns(async () => {
        const pattern = await found(id);
        return write({
          ...pattern,
          confidence: reinforced(pattern.confidence),
          updatedAt: now(),
        });
      }),
    weaken: (id) =>
      turns(async () => {
        const pattern = await found(id);
        const confidence = Math.round(pattern.confidence / 2);
        if (confidence >= FLOOR) return write({ ...pattern, confidence, updatedAt: now() });
        await forget(id);
        return undefined;
      }),
    async find(words, { limit = 10 } = {}) {
      const count = counterOf(words);
      const scored = (await all()).flatMap(({ pattern }) => {
        if (pattern === undefined) return [];
        const has = wordsIn(`${pattern.text} ${pattern.source ?? ""}`);
        const score = count(has) * pattern.confidence;
        return score === 0 ? [] : [{ pattern, score }];
      });
      scored.sort((a, b) => b.score - a.score || b.pattern.updatedAt - a.pattern.updatedAt);
      return scored
        .slice(0, Math.min(Math.max(limit, 1), 100))
        .map(({ pattern }) => shown(pattern));
    },
    forget: (id) => turns(() => forget(id)),
  };
}

/** How many of the wanted words are among some: as long as those are few, however many are wanted. */
function counterOf(text: string): (has: ReadonlySet<string>) => number {
  const wanted = wantedIn(text);
  const whole = new Set(wanted.filter((word) => !word.endsWith("*")));
  const starts = wanted.filter((word) => word.endsWith("*")).slice(0, MOST_STARTS);
  return (has) => {
    let found = starts.filter((start) => hasAll(has, [start])).length;
    for (const word of has) if (whole.has(word)) found += 1;
    return found;
  };
}

function shown(pattern: Stored): Pattern {
  return { ...pattern, confidence: pattern.confidence / SURE };
}

function reinforced(confidence: number): number {
  return confidence + Math.ceil((SURE - confidence) / 5);
}

/** A pattern that can be kept, with the id that it has by its text. @throws INVALID */
function checked({ text, confidence, source }: LearnedPattern): {
  readonly id: string;
  readonly text: string;
  readonly source: string | undefined;
  /** Thousandths. */
  readonly confidence: number | undefined;
} {
  checkText("text", text, LONGEST.text);
  if (source !== undefined) checkText("source", source, LONGEST.source);
  const same = text.normalize("NFC").toLowerCase().trim().replace(/\s+/g, " ");
  return {
    id: sha256Hex(same).slice(0, 16),
    text,
    source,
    confidence: confidence === undefined ? undefined : thousandths(confidence),
  };
}

/** @throws INVALID for what is no confidence, or too little to be kept */
function thousandths(confidence: number): number {
  const given = typeof confidence === "number" ? Math.round(confidence * SURE) : NaN;
  if (given >= FLOOR && given <= SURE) return given;
  throw invalid('"confidence" must be a number from 0.05 to 1');
}

function checkText(field: string, text: unknown, longest: number): void {
  const good =
    typeof text === "string" && text.trim() !== "" && text.length <= longest && text.isWellFormed();
  if (good) return;
  throw invalid(`"${field}" must be text of 1 to ${longest} characters`);
}

function isId(id: unknown): id is string {
  return typeof id === "string" && /^[0-9a-f]{16}$/.test(id);
}

function invalid(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot keep pattern: ${problem}`);
}
