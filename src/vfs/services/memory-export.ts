import type { AgentFace, FileRange } from "../../core/ports/index.ts";
import { paths } from "../../core/tree.ts";
import { boundsOf } from "../asked.ts";
import { base64 } from "../base64.ts";
import { bytesOf, joined } from "../nodes.ts";
import type { FileNode } from "../nodes.ts";
import { jsonLine, LINES_TYPE } from "./content.ts";
import { kept } from "./kept.ts";

/**
 * `memory/export`: all of it, a line of JSON for each file: `path`, as the tree of the agent has it, and
 * `text`, or `base64` for what is none.
 */
export function memoryExport(face: AgentFace): FileNode {
  return {
    readRange: (range) => exported(face, range),
    facts: () => ({ type: LINES_TYPE }),
  };
}

async function exported({ tree }: AgentFace, range: FileRange): Promise<Uint8Array> {
  const [from, to] = boundsOf(range, Number.MAX_SAFE_INTEGER);
  const parts: Uint8Array[] = [];
  let at = 0;
  const limit = 256;
  for (let after: string | undefined; ;) {
    const page = await tree.sizes({ prefix: paths.memory, after, limit });
    for (const { path } of page) {
      if (at >= to) return joined(parts);
      const value = kept((await tree.bytes(path)) ?? new Uint8Array(0));
      const content = typeof value === "string" ? { text: value } : { base64: base64(value) };
      const line = bytesOf(jsonLine({ path, ...content }));
      const part = line.subarray(Math.max(0, from - at), Math.max(0, to - at));
      if (part.byteLength > 0) parts.push(part);
      at += line.byteLength;
    }
    if (page.length < limit) return joined(parts);
    after = page.at(-1)!.path;
  }
}
