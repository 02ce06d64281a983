import { sha256Hex } from "../core/hash.ts";
import type { Signer } from "../core/ports/index.ts";

/**
 * A signer for tests of agents: the same keys in each run and no work to make them. A signature is a
 * hash that anybody could make, so it proves nothing outside of a test.
 */
export function fakeSigner(): Signer {
  return {
    async identity(account) {
      const publicKey = sha256Hex(`key of account ${account}`);
      // The letters of an npub, which has none of b, i, o and 1; the checksum is not a true one.
      const npub = `npub1${publicKey.slice(0, 58).replaceAll("b", "x").replaceAll("1", "z")}`;
      return { npub, publicKey };
    },
    async sign({ publicKey }, message) {
      return signature(publicKey, message);
    },
    verify: (publicKey, message, given) => {
      const expected = signature(publicKey, message);
      return given.length === expected.length && expected.every((byte, i) => byte === given[i]);
    },
  };
}

/** 64 bytes, as a true one has: a hash, twice. */
function signature(publicKey: string, message: Uint8Array): Uint8Array {
  const hex = sha256Hex(`${publicKey} ${message.join()}`).repeat(2);
  return Uint8Array.from({ length: 64 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}
