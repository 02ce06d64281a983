import { bytesToHex, hexToBytes, randomBytes } from "@noble/hashes/utils.js";

import { OpenAgentsError } from "../core/errors.ts";
import { systemRandom } from "../core/system.ts";
import type { Identity, ImportedKey, Keyed, Signer } from "../core/ports/index.ts";
import { ConversationKeys } from "./conversation-keys.ts";
import { decryptNip04 } from "./nip04.ts";
import { accountKeys } from "./nip06.ts";
import type { KeyPair } from "./nip06.ts";
import { decodeNsec, encodeNpub, publicKeyOf } from "./nip19.ts";
import { conversationKey, decrypt, decryptText, encrypt, encryptText } from "./nip44.ts";
import { decodeNcryptsec, encodeNcryptsec } from "./nip49.ts";
import { isPoint } from "./point.ts";
import { nobleSecp } from "./secp.ts";
import type { Secp } from "./secp.ts";

/** How many key pairs are kept: enough for those at work, and little to keep in memory. */
const KEPT = 256;
/** The last account of NIP-06: the key of the runtime itself. */
const HOME = 0x7fff_ffff;

/**
 * The signer whose keys come from one mnemonic (NIP-06, BIP-340), but for those that were brought
 * along, by an agent or by hand, which the agents' records carry, sealed under a key of it (NIP-44).
 * Private keys live in its closure only: no member, print-out or error shows one, and one that falls
 * out of the cache is wiped; so are the keys of conversations. Making it costs tens of milliseconds;
 * the first use of a key, and of a conversation, about one, and by the WASM curve a tenth of that.
 *
 * `sign` throws INVALID for a message that is not 32 bytes. What takes an agent throws DENIED for one
 * whose private key this signer does not have.
 * @param options.secp the curve that it uses for as long as it lives; default `nobleSecp`
 * @throws INVALID for a bad mnemonic
 */
export function derivedSigner(
  mnemonic: string,
  { secp = nobleSecp }: { readonly secp?: Secp } = {},
): Signer {
  const derive = accountKeys(mnemonic);
  const conversations = new ConversationKeys({ secp });
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
  const withKey = <T>(pair: KeyPair, peer: string, use: (key: Uint8Array) => T): T => {
    const key = conversationKey(pair.privateKey, peer, secp);
    try {
      return use(key);
    } finally {
      key.fill(0);
    }
  };
  const open = (sealed: string, publicKey: string): KeyPair =>
    keys(sealed, () =>
      pairOf(
        withKey(home(), publicKey, (key) => decrypt(sealed, key)),
        secp,
      ),
    );
  /** A private key, as hex digits, for whoever has the private key of `to`. */
  const seal = (pair: KeyPair, to: string): string => {
    const digits = new TextEncoder().encode(bytesToHex(pair.privateKey));
    try {
      return withKey(pair, to, (key) => encrypt(digits, key, randomBytes(32)));
    } finally {
      digits.fill(0);
    }
  };

  const pair = ({ name, publicKey, account, key }: Keyed): KeyPair => {
    const found = account === null ? key && open(key, publicKey) : derived(account);
    if (found && found.publicKey === publicKey) return found;
    throw new OpenAgentsError(
      "DENIED",
      `Cannot sign for "${name}": its key does not come from this mnemonic`,
    );
  };
  /** The key of an agent's conversation. One that is kept was made by a key that was the agent's. */
  const conversation = (agent: Keyed, peer: string): Uint8Array => {
    const { account, key, publicKey } = agent;
    const source = account === null ? `sealed ${key}` : `account ${account}`;
    return conversations.get(`${source} ${publicKey}`, peer, () => pair(agent).privateKey);
  };

  /** Between the home and itself: no agent has its key, so nothing else is ever said there. */
  const ownConversation = (): Uint8Array =>
    conversations.get("home", home().publicKey, () => home().privateKey);

  return Object.freeze<Signer>({
    async identity(account): Promise<Identity> {
      return identityOf(derived(account));
    },
    async home(): Promise<Identity> {
      return identityOf(home());
    },
    npub: encodeNpub,
    publicKey: publicKeyOf,
    async sign(agent, message): Promise<Uint8Array> {
      if (!(message instanceof Uint8Array) || message.length !== 32) {
        throw new OpenAgentsError("INVALID", "Cannot sign: a message is 32 bytes");
      }
      return secp.sign(message, pair(agent).privateKey, randomBytes(32));
    },
    async encrypt(agent, peer, plaintext): Promise<string> {
      // A page of randomness at a time: this is called for each mail.
      return encrypt(plaintext, conversation(agent, peer), systemRandom.bytes(32));
    },
    async decrypt(agent, peer, payload): Promise<Uint8Array> {
      return decrypt(payload, conversation(agent, peer));
    },
    async decryptLegacy(agent, peer, payload): Promise<string> {
      return decryptNip04(payload, secp.sharedX(pair(agent).privateKey, peer));
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
    async importKey(text, password): Promise<ImportedKey> {
      const privateKey = await broughtKey(text, password);
      try {
        const publicKey = secp.publicKey(privateKey);
        if (publicKey === home().publicKey) {
          throw new OpenAgentsError("INVALID", "Cannot import key: it is the runtime's own");
        }
        const key = seal({ privateKey, publicKey }, home().publicKey);
        return { ...identityOf({ publicKey }), key };
      } finally {
        privateKey.fill(0);
      }
    },
    async exportKey(agent, password): Promise<string> {
      // A copy: the pair's own may fall out of the cache, and be wiped, while scrypt is at work.
      const privateKey = pair(agent).privateKey.slice();
      try {
        return await encodeNcryptsec(privateKey, password);
      } finally {
        privateKey.fill(0);
      }
    },
    async sealSecret(name, text): Promise<string> {
      return encryptText(JSON.stringify([name, text]), ownConversation(), systemRandom.bytes(32));
    },
    async openSecret(name, sealed): Promise<string> {
      const refuse = (why: string): OpenAgentsError =>
        new OpenAgentsError("DENIED", `Cannot open secret "${name}": ${why}`);
      let opened: unknown;
      try {
        opened = JSON.parse(decryptText(sealed, ownConversation()));
      } catch {
        throw refuse("it was sealed by another home, or altered: set it again");
      }
      const [is, text] = opened as readonly [string, string];
      if (is !== name) throw refuse("it was sealed under another name: set it again");
      return text;
    },
    verify: (publicKey, message, signature) => secp.verify(signature, message, publicKey),
    isPoint,
  });
}

function identityOf({ publicKey }: Pick<KeyPair, "publicKey">): Identity {
  return { npub: encodeNpub(publicKey), publicKey };
}

/** The key pair of a private key, hex digits as bytes, which are wiped. @throws DENIED */
function pairOf(digits: Uint8Array, secp: Secp): KeyPair {
  try {
    const privateKey = hexToBytes(new TextDecoder().decode(digits));
    return { privateKey, publicKey: secp.publicKey(privateKey) };
  } catch {
    throw new OpenAgentsError("DENIED", "Cannot open key: what is sealed is no key");
  } finally {
    digits.fill(0);
  }
}

/** The private key in an nsec, or an ncryptsec with its password. */
async function broughtKey(text: string, password: string | undefined): Promise<Uint8Array> {
  if (!/^ncryptsec1/i.test(text)) {
    if (password === undefined) return decodeNsec(text);
    throw new OpenAgentsError("INVALID", "Cannot import key: an nsec has no password");
  }
  if (password !== undefined) return decodeNcryptsec(text, password);
  throw new OpenAgentsError("DENIED", "Cannot import key: an ncryptsec needs its password");
}
