import { conversationKey } from "./nip44.ts";
import { nobleSecp } from "./secp.ts";
import type { Secp } from "./secp.ts";

/**
 * The keys of NIP-44 conversations, of which the shared point is the slow part: a bounded number,
 * the ones that were used last. Most of the room is for keys that were used more than once, so that
 * the one-time keys of gift wraps (NIP-59) cannot drive out those of lasting peers. A key that
 * falls out is wiped.
 */
export class ConversationKeys {
  readonly #secp: Secp;
  readonly #limit: number;
  // In order of use, so that the first one is the one to drop.
  readonly #once = new Map<string, Uint8Array>();
  readonly #often = new Map<string, Uint8Array>();

  /** @param limit how many are kept; a quarter of them may have been used once */
  constructor({
    secp = nobleSecp,
    limit = 1024,
  }: { readonly secp?: Secp; readonly limit?: number } = {}) {
    this.#secp = secp;
    this.#limit = Math.max(4, limit);
  }

  /**
   * The key of a conversation, which stays good for this turn and is not to be kept.
   * @param own names the private key: the same name is always the same key
   * @param peer the public key of the other
   * @param secret gives the private key, when it is needed
   * @throws INVALID for a key that is none, and whatever `secret` throws
   */
  get(own: string, peer: string, secret: () => Uint8Array): Uint8Array {
    const name = `${own} ${peer}`;
    const known = this.#often.get(name) ?? this.#once.get(name);
    if (known === undefined) {
      const key = conversationKey(secret(), peer, this.#secp);
      put(this.#once, { name, key, limit: Math.floor(this.#limit / 4) });
      return key;
    }
    this.#once.delete(name);
    this.#often.delete(name);
    put(this.#often, { name, key: known, limit: this.#limit - Math.floor(this.#limit / 4) });
    return known;
  }

  /** How many are kept. */
  get size(): number {
    return this.#once.size + this.#often.size;
  }

  /** Wipes and forgets them all. */
  clear(): void {
    for (const keys of [this.#once, this.#often]) {
      for (const key of keys.values()) key.fill(0);
      keys.clear();
    }
  }
}

function put(
  keys: Map<string, Uint8Array>,
  { name, key, limit }: { readonly name: string; readonly key: Uint8Array; readonly limit: number },
): void {
  keys.set(name, key);
  if (keys.size <= limit) return;
  const [oldest, dropped] = keys.entries().next().value!;
  keys.delete(oldest);
  dropped.fill(0);
}
