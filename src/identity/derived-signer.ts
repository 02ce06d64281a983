import { schnorr } from "@noble/curves/secp256k1.js";
import { hexToBytes } from "@noble/hashes/utils.js";

import { OpenAgentsError } from "../core/errors.ts";
import type { Identity, Signer } from "../core/ports/index.ts";
import { accountKeys } from "./nip06.ts";
import type { KeyPair } from "./nip06.ts";
import { encodeNpub } from "./nip19.ts";

/** How many derived key pairs are kept: enough for those at work, and little to keep in memory. */
const KEPT = 256;

/**
 * The signer whose keys all come from one mnemonic (NIP-06, BIP-340). Private keys live in its
 * closure only: no member, print-out or error shows one, and one that falls out of the cache is
 * wiped. Making it costs tens of milliseconds; the first use of an account about one.
 *
 * `sign` throws INVALID for a message that is not 32 bytes, and DENIED for an agent whose public
 * key does not come from this mnemonic.
 * @throws INVALID for a bad mnemonic
 */
export function derivedSigner(mnemonic: string): Signer {
  const derive = accountKeys(mnemonic);
  // In order of use, so that the first one is the one to drop.
  const kept = new Map<number, KeyPair>();

  const keys = (account: number): KeyPair => {
    const found = kept.get(account);
    const pair = found ?? derive(account);
    kept.delete(account);
    kept.set(account, pair);
    if (kept.size > KEPT) {
      const [oldest, dropped] = kept.entries().next().value!;
      kept.delete(oldest);
      dropped.privateKey.fill(0);
    }
    return pair;
  };

  return Object.freeze<Signer>({
    async identity(account): Promise<Identity> {
      const { publicKey } = keys(account);
      return { npub: encodeNpub(publicKey), publicKey };
    },
    async sign(agent, message): Promise<Uint8Array> {
      if (!(message instanceof Uint8Array) || message.length !== 32) {
        throw new OpenAgentsError("INVALID", "Cannot sign: a message is 32 bytes");
      }
      const pair = agent.account === null ? undefined : keys(agent.account);
      if (pair?.publicKey !== agent.publicKey) {
        throw new OpenAgentsError(
          "DENIED",
          `Cannot sign for "${agent.name}": its key does not come from this mnemonic`,
        );
      }
      return schnorr.sign(message, pair.privateKey);
    },
    verify,
  });
}

function verify(publicKey: string, message: Uint8Array, signature: Uint8Array): boolean {
  if (typeof publicKey !== "string" || !/^[0-9a-f]{64}$/.test(publicKey)) return false;
  try {
    return schnorr.verify(signature, message, hexToBytes(publicKey));
  } catch {
    return false;
  }
}
