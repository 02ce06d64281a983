import { OpenAgentsError } from "../core/errors.ts";
import type { FileRead, Memory, MemoryHit, MemoryTools } from "../core/ports/memory.ts";
import { ALL_AREAS, AREAS, areaOf, placeOf, textIn, wantedIn } from "../core/search.ts";
import { segmentsOf } from "../core/tree.ts";

const MOST_WORDS = 20;
/** Characters of the text of a hit, and of those before the word that was looked for. */
const SHOWN = 200;
const BEFORE = 60;

/** `Memory.search`: files that the store finds, and what they say. */
export function searchOver({ files }: MemoryTools): Memory["search"] {
  return async (text, { in: areas = ALL_AREAS, limit = 10 } = {}) => {
    const words = typeof text === "string" ? wantedIn(text) : [];
    if (words.length === 0 || words.length > MOST_WORDS) {
      throw invalid(`there must be 1 to ${MOST_WORDS} words, not ${words.length}`);
    }
    const unknown = areas.find((area) => !ALL_AREAS.includes(area));
    if (unknown !== undefined) {
      throw invalid(`there is no ${JSON.stringify(unknown)}, there are: ${ALL_AREAS.join(", ")}`);
    }
    const size = Math.min(Math.max(Math.trunc(limit), 1), 100);
    const found = await files.search({ words, areas, limit: size });
    const hits: MemoryHit[] = [];
    for (const path of found) {
      const value = await files.read(path);
      if (value !== undefined) hits.push(hitOf(path, value, words));
    }
    return hits;
  };
}

function hitOf(path: string, value: string, words: readonly string[]): MemoryHit {
  const area = areaOf(path)!;
  const segments = segmentsOf(path);
  const text = excerpt(textIn(area, value), words);
  if (area === "read") return { in: area, id: pathIn(value), path: `/${path}`, text };
  if (area !== "conversations") {
    const id = segments.slice(segmentsOf(AREAS[area]).length - 1).join("/");
    return { in: area, id, path: `/${segments.join("/")}`, text };
  }
  const [, , id = "", last = ""] = segments;
  const n = Number(last);
  const where = `/memory/conversations/${id}`;
  if (Number.isNaN(n)) return { in: area, id, path: `${where}/${last}`, text };
  return { in: area, id, n, path: `${where}/${n}`, text };
}

/** What was read, by the note of it. */
function pathIn(value: string): string {
  return (JSON.parse(value) as FileRead).path;
}

/** Some of a text, with the first of the words that is in it. */
function excerpt(text: string, words: readonly string[]): string {
  const found = text.length > SHOWN ? placeOf(text, words) : 0;
  const at = Math.max(0, Math.min(found - BEFORE, text.length - SHOWN));
  return text
    .slice(at, at + SHOWN)
    .toWellFormed()
    .replaceAll("\ufffd", "")
    .trim();
}

function invalid(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot search: ${problem}`);
}
