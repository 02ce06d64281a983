/** How much an agent remembers. What is beyond goes, the oldest or least sure first. */
export interface MemoryLimits {
  readonly conversations: number;
  /** Of each conversation. */
  readonly messages: number;
  readonly conversationBytes: number;
  readonly patterns: number;
  /** Notes of what was read elsewhere. */
  readonly read: number;
  /** Keys in `kv`: beyond it nothing goes, and a new one is refused. */
  readonly keys: number;
}

export const MEMORY_LIMITS: MemoryLimits = {
  conversations: 1000,
  messages: 20_000,
  conversationBytes: 64 * 1024 * 1024,
  patterns: 1000,
  read: 5000,
  keys: 10_000,
};
