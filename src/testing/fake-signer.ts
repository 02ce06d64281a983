import { OpenAgentsError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import type { Identity, Signer } from "../core/ports/index.ts";

/**
 * A signer for tests of agents: the same keys in each run and no work to make them. A signature is a
 * hash that anybody could make, what is encrypted is readable, and a sealed key names those whom it is
 * for, so it proves nothing outside of a test. `home` sets apart the signers of two runtimes.
 */
export function fakeSigner(home: string = "home"): Signer {
  const own = identityOf(`key of ${home}`);
  return {
    identity: async (account) => identityOf(`key of account ${account}`),
    home: async () => own,
    npub: npubOf,
    publicKey: (npub) => PUBLIC_KEYS.get(npub),
    async sign({ publicKey }, message) {
      return signature(publicKey, message);
    },
    async encrypt({ publicKey }, peer, plaintext) {
      if (plaintext.length === 0) {
        throw new OpenAgentsError("INVALID", "Cannot encrypt: there is nothing to encrypt");
      }
      return [...between(publicKey, peer), plaintext.join()].join(" ");
    },
    async decrypt({ publicKey }, peer, payload) {
      const [one, two] = between(publicKey, peer);
      const [first, second, bytes] = payload.split(" ");
      if (first !== one || second !== two || bytes === undefined) {
        throw new OpenAgentsError("DENIED", "Cannot decrypt: it is between other keys");
      }
      return Uint8Array.from(bytes.split(","), Number);
    },
    seal: async ({ publicKey }, to) => `${publicKey} for ${to}`,
    async adopt(publicKey, sealed) {
      if (sealed === `${publicKey} for ${own.publicKey}`) return sealed;
      throw new OpenAgentsError("DENIED", "Cannot adopt key: it is not sealed for this home");
    },
    async importKey(text) {
      const identity = identityOf(text);
      return { ...identity, key: `${identity.publicKey} for ${own.publicKey}` };
    },
    exportKey: async ({ publicKey }) => `${publicKey} for whoever has the password`,
    sealSecret: async (name, text) => JSON.stringify([own.publicKey, name, text]),
    async openSecret(name, sealed) {
      const [home, is, text] = JSON.parse(sealed) as readonly string[];
      if (home === own.publicKey && is === name && text !== undefined) return text;
      throw new OpenAgentsError("DENIED", `Cannot open secret "${name}": it is not this home's`);
    },
    // Its keys are made up.
    isPoint: () => true,
    verify: (publicKey, message, given) => {
      const expected = signature(publicKey, message);
      return given.length === expected.length && expected.every((byte, i) => byte === given[i]);
    },
  };
}

function identityOf(text: string): Identity {
  const publicKey = sha256Hex(text);
  return { npub: npubOf(publicKey), publicKey };
}

/** The letters of an npub, which has none of b, i, o and 1; the checksum is not a true one. */
function npubOf(publicKey: string): string {
  const npub = `npub1${publicKey.slice(0, 58).replaceAll("b", "x").replaceAll("1", "z")}`;
  PUBLIC_KEYS.set(npub, publicKey);
  return npub;
}

/** Of the npubs that were made in this process. */
const PUBLIC_KEYS = new Map<string, string>();

/** The two keys of a conversation, the same from either side. */
function between(one: string, two: string): readonly [string, string] {
  return one < two ? [one, two] : [two, one];
}

/** 64 bytes, as a true one has: a hash, twice. */
function signature(publicKey: string, message: Uint8Array): Uint8Array {
  const hex = sha256Hex(`${publicKey} ${message.join()}`).repeat(2);
  return Uint8Array.from({ length: 64 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}
