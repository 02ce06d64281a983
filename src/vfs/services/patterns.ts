import type { AgentFace } from "../../core/ports/index.ts";
import type { LearnedPattern, Pattern } from "../../core/ports/memory.ts";
import type { DirectoryNode, FileNode } from "../nodes.ts";
import { textOf } from "../nodes.ts";
import { JSON_TYPE, parsedObject, pretty, refused, sizeOf, spoken } from "./content.ts";
import { tickOf } from "./in-tick.ts";
import { pageOf } from "./pages.ts";

/** Bytes of a pattern: the longest text and source, and room for the rest. */
const MOST = 16_384;
const WHERE = "/memory/patterns";

const LEARNED = ["text", "confidence", "source"] as const;
const READ = ["id", "createdAt", "updatedAt"] as const;

/**
 * `memory/patterns`: a file for each thing learned, by its id, which follows from its text. What is written as
 * a new file, of any name, is learned: JSON, or text. What is written in the place of one takes its place.
 */
export function patterns(face: AgentFace): DirectoryNode {
  const { patterns: known } = face.memory;
  const learn = async (name: string, data: Uint8Array): Promise<string> => {
    const given = patternIn(data, `${WHERE}/${name}`);
    tickOf(face, WHERE);
    return (await known.learn(given)).id;
  };
  const nodeOf = (pattern: Pattern): FileNode => ({
    read: () => pretty(pattern),
    async write(data) {
      const given = patternIn(data, `${WHERE}/${pattern.id}`);
      tickOf(face, WHERE);
      // As it is written, also where it was surer.
      await known.replace(pattern.id, given);
    },
    async remove() {
      tickOf(face, WHERE);
      await known.forget(pattern.id);
    },
    facts: () => ({ type: JSON_TYPE, modifiedAt: pattern.updatedAt, limit: MOST }),
  });
  return {
    list: (query) =>
      pageOf(query, (cursor) => eachPattern(face, cursor), {
        entry: (pattern) => ({
          name: pattern.id,
          node: nodeOf(pattern),
          facts: { ...sizeOf(pretty(pattern), pattern.updatedAt), limit: MOST },
        }),
        mark: ({ id }) => id,
      }),
    async at(name) {
      const pattern = await known.get(name);
      return pattern && nodeOf(pattern);
    },
    create: learn,
    post: (data) => learn("", data),
    facts: () => ({ limit: MOST }),
  };
}

async function* eachPattern(
  { memory }: AgentFace,
  cursor: string | undefined,
): AsyncGenerator<Pattern, void, undefined> {
  const limit = 100;
  for (let after = cursor; ;) {
    const page = await memory.patterns.list({ limit, after });
    yield* page;
    if (page.length < limit) return;
    after = page.at(-1)!.id;
  }
}

/** The pattern that is written. Its fields are checked by who keeps it. */
function patternIn(data: Uint8Array, what: string): LearnedPattern {
  if (!textOf(data, what).trimStart().startsWith("{")) return { text: spoken(data, what) };
  const given = parsedObject(data, what, [...LEARNED, ...READ]);
  if (given["text"] === undefined) throw refused(what, 'it must have a "text"');
  const fields = LEARNED.filter((field) => given[field] !== undefined);
  return Object.fromEntries(
    fields.map((field) => [field, given[field]]),
  ) as unknown as LearnedPattern;
}
