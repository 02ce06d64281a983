import type { AgentFace } from "../../core/ports/index.ts";
import type { FileNode } from "../nodes.ts";
import { tickOf } from "./in-tick.ts";

/** Bytes as they are stored: what is text is kept as text, so that whoever reads the store can read it. */
export function kept(data: Uint8Array): string | Uint8Array {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
    // Not every store keeps what comes after one.
    return text.includes("\0") ? data : text;
  } catch {
    return data;
  }
}

/** A file that the agent keeps at `path` of its tree. */
export function keptFile(
  face: AgentFace,
  path: string,
  { limit, remove }: { readonly limit: number; readonly remove: () => Promise<void> },
): FileNode {
  return {
    read: async () => (await face.tree.bytes(path)) ?? new Uint8Array(0),
    async write(data) {
      tickOf(face, "files");
      face.tree.write(path, kept(data));
    },
    async remove() {
      tickOf(face, "files");
      await remove();
    },
    // Nobody notes when each file changed; when the agent did last is no answer: editors would not save.
    facts: () => ({ limit }),
  };
}
