import type { AgentFace } from "../../core/ports/index.ts";
import type { FileRead } from "../../core/ports/memory.ts";
import { paths } from "../../core/tree.ts";
import type { DirectoryNode, FileNode } from "../nodes.ts";
import { textOf } from "../nodes.ts";
import { JSON_TYPE, parsedObject, pretty, refused, sizeOf, spoken } from "./content.ts";
import { tickOf } from "./in-tick.ts";
import { pageOf } from "./pages.ts";

/** Bytes of a note: the longest path and summary, and room for the rest. */
const MOST = 32_768;
const WHERE = "/memory/read";

const NOTED = ["path", "digest", "size", "summary"] as const;
const READ = ["id", "readAt", "reads"] as const;

/**
 * `memory/read`: a note of each file or page that the agent has read elsewhere, by its id, which follows from
 * the path or address. What is written as a new file, of any name, is noted as read: JSON, or the path as text.
 * What is written in the place of one takes its place, and counts as a read.
 */
export function filesRead(face: AgentFace): DirectoryNode {
  const { files } = face.memory;
  const note = async (name: string, data: Uint8Array, known?: FileRead): Promise<string> => {
    const what = `${WHERE}/${name}`;
    const { path = known?.path, ...facts } = noteIn(data, what);
    if (typeof path !== "string") throw refused(what, 'it must have a "path"');
    if (known !== undefined && path !== known.path) {
      throw refused(what, `it is the note of ${JSON.stringify(known.path)}`);
    }
    tickOf(face, WHERE);
    return (await files.note(path, { digest: null, size: null, summary: null, ...facts })).id;
  };
  const nodeOf = (file: FileRead): FileNode => ({
    read: () => pretty(file),
    write: async (data) => void (await note(file.id, data, file)),
    async remove() {
      tickOf(face, WHERE);
      await files.forget(file.path);
    },
    facts: () => ({ type: JSON_TYPE, modifiedAt: file.readAt, limit: MOST }),
  });
  return {
    list: (query) =>
      pageOf(query, (cursor) => eachRead(face, cursor), {
        entry: (file) => ({
          name: file.id,
          node: nodeOf(file),
          facts: { ...sizeOf(pretty(file), file.readAt), limit: MOST },
        }),
        mark: ({ path }) => path,
      }),
    async at(name) {
      const file = /^[0-9a-f]{16}$/.test(name) ? await readOf(face, name) : undefined;
      return file && nodeOf(file);
    },
    create: (name, data) => note(name, data),
    post: (data) => note("", data),
    facts: () => ({ limit: MOST }),
  };
}

/** The note of an id. */
async function readOf({ tree, memory }: AgentFace, id: string): Promise<FileRead | undefined> {
  const text = await tree.read(paths.readOne(id));
  return text === undefined ? undefined : memory.files.get((JSON.parse(text) as FileRead).path);
}

async function* eachRead(
  { memory }: AgentFace,
  cursor: string | undefined,
): AsyncGenerator<FileRead, void, undefined> {
  const limit = 100;
  for (let after = cursor; ;) {
    const page = await memory.files.list({ limit, after });
    yield* page;
    if (page.length < limit) return;
    after = page.at(-1)!.path;
  }
}

/** What is noted. Its fields are checked by who keeps it. */
function noteIn(data: Uint8Array, what: string): Readonly<Record<string, unknown>> {
  if (!textOf(data, what).trimStart().startsWith("{")) return { path: spoken(data, what) };
  const given = parsedObject(data, what, [...NOTED, ...READ]);
  const fields = NOTED.filter((field) => given[field] !== undefined);
  return Object.fromEntries(fields.map((field) => [field, given[field]]));
}
