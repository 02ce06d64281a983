import { schnorr } from "@noble/curves/secp256k1.js";
import { bytesToHex, hexToBytes, randomBytes } from "@noble/hashes/utils.js";

import { OpenAgentsError } from "../core/errors.ts";
import type { Identity, Keyed, Signer } from "../core/ports/index.ts";
import { accountKeys } from "./nip06.ts";
import type { KeyPair } from "./nip06.ts";
import { encodeNpub } from "./nip19.ts";
import { conversationKey, decrypt, encrypt } from "./nip44.ts";

/** How many key pairs are kept: enough for those at work, and little to keep in memory. */
const KEPT = 256;
/** The last account of NIP-06: the key of the runtime itself. */
const HOME = 0x7fff_ffff;

/**
 * The signer whose keys come from one mnemonic (NIP-06, BIP-340), but for those of agents that came
 * from elsewhere, which their records carry, sealed under a key of it (NIP-44). Private keys live in
 * its closure only: no member, print-out or error shows one, and one that falls out of the cache is
 * wiped. Making it costs tens of milliseconds; the first use of a key about one.
 *
 * `sign` throws INVALID for a message that is not 32 bytes, and DENIED for an agent whose private
 * key this signer does not have.
 * @throws INVALID for a bad mnemonic
 */
export function derivedSigner(mnemonic: string): Signer {
  const derive = accountKeys(mnemonic);
  // In order of use, so that the first one is the one to drop.
  const kept = new Map<number | string, KeyPair>();

  /** The key pair of this account, or sealed in this way. It stays good for this turn. */
  const keys = (source: number | string, make: () => KeyPair): KeyPair => {
    const pair = kept.get(source) ?? make();
    kept.delete(source);
    kept.set(source, pair);
    if (kept.size > KEPT) {
      const [oldest, dropped] = kept.entries().next().value!;
      kept.delete(oldest);
      dropped.privateKey.fill(0);
    }
    return pair;
  };
  const home = (): KeyPair => keys(HOME, () => derive(HOME));

  const derived = (account: number): KeyPair => {
    if (account === HOME) {
      throw new OpenAgentsError("INVALID", `Cannot use account ${HOME}: it is the runtime's own`);
    }
    return keys(account, () => derive(account));
  };
  const open = (sealed: string, publicKey: string): KeyPair =>
    keys(sealed, () => pairOf(withKey(home(), publicKey, (key) => decrypt(sealed, key))));

  const pair = ({ name, publicKey, account, key }: Keyed): KeyPair => {
    const found = account === null ? key && open(key, publicKey) : derived(account);
    if (found && found.publicKey === publicKey) return found;
    throw new OpenAgentsError(
      "DENIED",
      `Cannot sign for "${name}": its key does not come from this mnemonic`,
    );
  };

  return Object.freeze<Signer>({
    async identity(account): Promise<Identity> {
      return identityOf(derived(account));
    },
    async home(): Promise<Identity> {
      return identityOf(home());
    },
    npub: encodeNpub,
    async sign(agent, message): Promise<Uint8Array> {
      if (!(message instanceof Uint8Array) || message.length !== 32) {
        throw new OpenAgentsError("INVALID", "Cannot sign: a message is 32 bytes");
      }
      return schnorr.sign(message, pair(agent).privateKey);
    },
    async seal(agent, to): Promise<string> {
      return seal(pair(agent), to);
    },
    async adopt(publicKey, sealed): Promise<string> {
      const found = open(sealed, publicKey);
      if (found.publicKey !== publicKey) {
        throw new OpenAgentsError("DENIED", "Cannot adopt key: it is the key of another agent");
      }
      return seal(found, home().publicKey);
    },
    verify,
  });
}

function identityOf({ publicKey }: KeyPair): Identity {
  return { npub: encodeNpub(publicKey), publicKey };
}

/** The key pair of a private key, hex digits as bytes, which are wiped. @throws DENIED */
function pairOf(digits: Uint8Array): KeyPair {
  try {
    const privateKey = hexToBytes(new TextDecoder().decode(digits));
    return { privateKey, publicKey: bytesToHex(schnorr.getPublicKey(privateKey)) };
  } catch {
    throw new OpenAgentsError("DENIED", "Cannot open key: what is sealed is no key");
  } finally {
    digits.fill(0);
  }
}

/** A private key, as hex digits, for whoever has the private key of `to`. */
function seal(pair: KeyPair, to: string): string {
  const digits = new TextEncoder().encode(bytesToHex(pair.privateKey));
  try {
    return withKey(pair, to, (key) => encrypt(digits, key, randomBytes(32)));
  } finally {
    digits.fill(0);
  }
}

/** Does something with the key of a conversation, which is wiped then. */
function withKey<T>(pair: KeyPair, publicKey: string, use: (key: Uint8Array) => T): T {
  const key = conversationKey(pair.privateKey, publicKey);
  try {
    return use(key);
  } finally {
    key.fill(0);
  }
}

function verify(publicKey: string, message: Uint8Array, signature: Uint8Array): boolean {
  if (typeof publicKey !== "string" || !/^[0-9a-f]{64}$/.test(publicKey)) return false;
  try {
    return schnorr.verify(signature, message, hexToBytes(publicKey));
  } catch {
    return false;
  }
}
