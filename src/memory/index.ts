import type { MemoryTools, TickMemory } from "../core/ports/memory.ts";
import { conversations } from "./conversations.ts";
import { filesRead } from "./files-read.ts";
import { goalTree } from "./goals.ts";
import { keyValues } from "./key-values.ts";
import { MEMORY_LIMITS } from "./limits.ts";
import type { MemoryLimits } from "./limits.ts";
import { patterns } from "./patterns.ts";
import { peerBook } from "./peers.ts";
import { searchOver } from "./search.ts";
import { turns } from "./turns.ts";

/** The memory of one agent during one tick, over its files. */
export function agentMemory(tools: MemoryTools, limits: Partial<MemoryLimits> = {}): TickMemory {
  const parts = { limits: { ...MEMORY_LIMITS, ...limits }, turns: turns() };
  const peers = peerBook(tools, parts);
  const { writeKey, ...kv } = keyValues(tools, parts);
  return {
    peers,
    goals: goalTree(tools, parts),
    conversations: conversations(tools, parts),
    patterns: patterns(tools, parts),
    files: filesRead(tools, parts),
    kv,
    search: searchOver(tools),
    writeKey,
    met: (npub) => peers.met(npub),
  };
}
