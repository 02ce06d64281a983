import type { MemoryTools, TickMemory } from "../core/ports/memory.ts";
import { goalTree } from "./goals.ts";
import { peerBook } from "./peers.ts";

/** The memory of one agent during one tick, over its files. */
export function agentMemory(tools: MemoryTools): TickMemory {
  const peers = peerBook(tools);
  return { peers, goals: goalTree(tools), met: (npub) => peers.met(npub) };
}
