import type { AgentFace } from "../../core/ports/index.ts";
import { fixedDirectory } from "../nodes.ts";
import type { DirectoryNode } from "../nodes.ts";
import { conversations } from "./conversations.ts";
import { filesRead } from "./files-read.ts";
import { keptFiles } from "./kept-files.ts";
import { keyValues } from "./key-values.ts";
import { memoryExport } from "./memory-export.ts";
import type { ExportEnds } from "./memory-export.ts";
import { patterns } from "./patterns.ts";
import { peers } from "./peers.ts";

/** `memory`: what the agent remembers beside its state, by kind. */
export function memory(face: AgentFace, exports: ExportEnds): DirectoryNode {
  return fixedDirectory({
    peers: peers(face),
    conversations: conversations(face),
    patterns: patterns(face),
    files: keptFiles(face),
    read: filesRead(face),
    kv: keyValues(face),
    export: memoryExport(face, exports),
  });
}
