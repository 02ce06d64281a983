import { ConversationKeys } from "./conversation-keys.ts";
import { systemRandom } from "../core/system.ts";
import type { Random } from "../core/ports/index.ts";
import type { EventSigner } from "./event-signer.ts";
import { signEvent } from "./event.ts";
import { decryptNip04 } from "./nip04.ts";
import { bytesOf, decrypt, encrypt, textOf } from "./nip44.ts";
import { nobleSecp } from "./secp.ts";
import type { Secp } from "./secp.ts";

/** What a signer in memory works with. */
export interface MemorySignerOptions {
  /** Default `nobleSecp`. */
  readonly secp?: Secp;
  /** Default `systemRandom`. Its bytes must be unpredictable. */
  readonly random?: Random;
}

/**
 * A signer of one private key, which it copies and keeps in its closure, for whoever is no agent: a
 * tool, a test, the other side of a conversation.
 * @throws INVALID for what is no private key
 */
export function memorySigner(secret: Uint8Array, options: MemorySignerOptions = {}): EventSigner {
  const { secp = nobleSecp, random = systemRandom } = options;
  const publicKey = secp.publicKey(secret);
  const own = secret.slice();
  const keys = new ConversationKeys({ secp, limit: 256 });
  const conversation = (peer: string): Uint8Array => keys.get(publicKey, peer, () => own);
  return Object.freeze<EventSigner>({
    publicKey,
    signEvent: async (template) => signEvent(template, own, { random, secp }),
    encrypt: async (peer, text) => encrypt(bytesOf(text), conversation(peer), random.bytes(32)),
    decrypt: async (peer, payload) => textOf(decrypt(payload, conversation(peer))),
    decryptLegacy: async (peer, payload) => decryptNip04(payload, secp.sharedX(own, peer)),
  });
}
