/** How much an agent remembers. What is beyond goes, the oldest or least sure first. */
export interface MemoryLimits {
  readonly conversations: number;
  /** Of each conversation. */
  readonly messages: number;
  readonly conversationBytes: number;
  readonly patterns: number;
}

export const MEMORY_LIMITS: MemoryLimits = {
  conversations: 1000,
  messages: 20_000,
  conversationBytes: 64 * 1024 * 1024,
  patterns: 1000,
};
