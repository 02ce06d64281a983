import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

import type { Keyed, Signer } from "../core/ports/index.ts";
import { eventId, templateOf } from "./event.ts";
import type { EventTemplate, NostrEvent } from "./event.ts";
import { bytesOf, textOf } from "./nip44.ts";

/**
 * One key, for whoever makes and reads events, which never sees its private half: the shape of
 * NIP-07 and NIP-46.
 */
export interface EventSigner {
  /** x-only, lower-case hex. */
  readonly publicKey: string;
  /** Signs an event of this key. @throws INVALID for what NIP-01 does not allow */
  signEvent(template: EventTemplate): Promise<NostrEvent>;
  /** NIP-44 of a text for the holder of a public key. @throws INVALID for no key, or no text */
  encrypt(peer: string, text: string): Promise<string>;
  /**
   * The text that the holder of a public key encrypted for this one, or this one for it (NIP-44).
   * @throws DENIED when the key is another one or the payload was altered; INVALID for no key;
   * VERSION for another version of NIP-44
   */
  decrypt(peer: string, payload: string): Promise<string>;
  /**
   * The text of an old direct message (NIP-04), which nothing protects from being altered. Not every
   * signer can.
   * @throws DENIED when it cannot be read; INVALID for no key
   */
  decryptLegacy?(peer: string, payload: string): Promise<string>;
}

/** The key of one agent, by the signer that has it. */
export function agentSigner(signer: Signer, agent: Keyed): EventSigner {
  const { publicKey } = agent;
  return Object.freeze<EventSigner>({
    publicKey,
    async signEvent(template) {
      const event = { ...templateOf(template), pubkey: publicKey };
      const id = eventId(event);
      return { ...event, id, sig: bytesToHex(await signer.sign(agent, hexToBytes(id))) };
    },
    encrypt: async (peer, text) => signer.encrypt(agent, peer, bytesOf(text)),
    decrypt: async (peer, payload) => textOf(await signer.decrypt(agent, peer, payload)),
    ...(signer.decryptLegacy !== undefined && {
      decryptLegacy: (peer, payload) => signer.decryptLegacy!(agent, peer, payload),
    }),
  });
}
