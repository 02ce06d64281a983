import { pages } from "../../core/pages.ts";
import type { AgentFace, FileRange } from "../../core/ports/index.ts";
import type { AgentFiles, FileSize } from "../../core/ports/memory.ts";
import { paths } from "../../core/tree.ts";
import { boundsOf } from "../asked.ts";
import { base64 } from "../base64.ts";
import { bytesOf, joined } from "../nodes.ts";
import type { FileNode } from "../nodes.ts";
import { jsonLine, LINES_TYPE } from "./content.ts";
import { kept } from "./kept.ts";

/** Where reads ended that may go on, of all agents. */
const ENDS = 256;

/** A place in an export: behind the line of the file `after`, so many bytes from the beginning. */
interface Place {
  readonly after: string | undefined;
  readonly at: number;
}

const BEGINNING: Place = { after: undefined, at: 0 };

/** Where in the exports of agents reads ended, so that whoever reads on need not begin anew. */
export class ExportEnds {
  /** By agent, its last record and the byte at which the read ended. */
  readonly #ends = new Map<string, Place>();

  /** The place from which on to read for what begins at a byte of an export. */
  before(export_: string, from: number): Place {
    return this.#ends.get(`${export_} ${from}`) ?? BEGINNING;
  }

  /** Notes that a read ended at a byte, in the line after a place. */
  note(export_: string, to: number, place: Place): void {
    const key = `${export_} ${to}`;
    this.#ends.delete(key);
    this.#ends.set(key, place);
    if (this.#ends.size <= ENDS) return;
    for (const oldest of this.#ends.keys()) {
      this.#ends.delete(oldest);
      break;
    }
  }
}

/**
 * `memory/export`: all of it, a line of JSON for each file: `path`, as the tree of the agent has it, and
 * `text`, or `base64` for what is none. Whoever reads it in parts while it changes has parts of each.
 */
export function memoryExport(face: AgentFace, ends: ExportEnds): FileNode {
  return {
    readRange: (range) => exported(face, range, ends),
    facts: () => ({ type: LINES_TYPE }),
  };
}

async function exported(face: AgentFace, range: FileRange, ends: ExportEnds): Promise<Uint8Array> {
  const { tree } = face;
  const [from, to] = boundsOf(range, Number.MAX_SAFE_INTEGER);
  // In a tick there may be more than the record knows.
  const record = face.tick === undefined ? ((await face.head())?.hash ?? "") : undefined;
  const which = `${face.agent.id} ${record}`;
  const parts: Uint8Array[] = [];
  let { after, at } = record === undefined ? BEGINNING : ends.before(which, from);
  for await (const { path } of at < to ? filesAfter(tree, after) : []) {
    const value = kept((await tree.bytes(path)) ?? new Uint8Array(0));
    const content = typeof value === "string" ? { text: value } : { base64: base64(value) };
    const line = bytesOf(jsonLine({ path, ...content }));
    const next = at + line.byteLength;
    if (next > from) parts.push(line.subarray(Math.max(0, from - at), Math.max(0, to - at)));
    if (next <= to) [after, at] = [path, next];
    if (next >= to) break;
  }
  if (record !== undefined) ends.note(which, to, { after, at });
  return joined(parts);
}

/** The files of all that is remembered: few at first, as maybe one is enough. */
function filesAfter(
  tree: AgentFiles,
  first: string | undefined,
): AsyncGenerator<FileSize, void, undefined> {
  return pages<FileSize>(
    (last, limit) => tree.sizes({ prefix: paths.memory, after: last?.path ?? first, limit }),
    ({ size }) => size,
  );
}
