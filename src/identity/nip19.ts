import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { bech32 } from "@scure/base";

import { OpenAgentsError } from "../core/errors.ts";

/** The letters of the longest text, which NIP-19 advises. */
export const MAX_LENGTH = 5000;

/**
 * NIP-19 `npub1…` of a public key.
 * @param publicKey x-only, 64 hex digits
 * @throws INVALID when it is not that
 */
export function encodeNpub(publicKey: string): string {
  if (typeof publicKey !== "string" || !/^[0-9a-f]{64}$/i.test(publicKey)) {
    throw new OpenAgentsError("INVALID", "Cannot write npub: a public key is 64 hex digits");
  }
  return bech32.encodeFromBytes("npub", hexToBytes(publicKey));
}

/**
 * The public key in an npub (NIP-19), as 64 lower-case hex digits. Whether it is a point of the
 * curve is not checked: a signature by a key that is none fails.
 * @throws INVALID when the prefix, length or checksum is wrong; the text is not quoted
 */
export function decodeNpub(npub: string): string {
  return bytesToHex(decode32("npub", npub));
}

/**
 * NIP-19 `nsec1…` of a private key. The result is as secret as the key.
 * @param privateKey 32 bytes
 * @throws INVALID when it is not 32 bytes
 */
export function encodeNsec(privateKey: Uint8Array): string {
  if (!(privateKey instanceof Uint8Array) || privateKey.length !== 32) {
    throw new OpenAgentsError("INVALID", "Cannot write nsec: a private key is 32 bytes");
  }
  return bech32.encodeFromBytes("nsec", privateKey);
}

/**
 * The private key in an nsec (NIP-19), 32 bytes.
 * @throws INVALID when the prefix, length or checksum is wrong; the text is not quoted
 */
export function decodeNsec(nsec: string): Uint8Array {
  return decode32("nsec", nsec);
}

/**
 * The bytes in a bech32 text of this prefix, which has 5,000 letters at most, as NIP-19 advises.
 * @throws INVALID when prefix or checksum is wrong; the text is not quoted
 */
export function decodeBech32(prefix: string, text: string): Uint8Array {
  if (typeof text !== "string" || text.length > MAX_LENGTH) {
    throw unreadable(prefix, `it has more than ${MAX_LENGTH} characters`);
  }
  let found;
  try {
    const { prefix, words } = bech32.decode(text, MAX_LENGTH);
    found = { prefix, bytes: bech32.fromWords(words) };
  } catch {
    // The decoder's own error is not passed on as a cause: it quotes the text.
    throw unreadable(prefix, "it is no bech32 text with a right checksum");
  }
  if (found.prefix !== prefix) throw unreadable(prefix, `it does not begin with "${prefix}1"`);
  return found.bytes;
}

/** The refusal of a text that is no such entity. */
export function unreadable(prefix: string, detail: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot read ${prefix}: ${detail}`);
}

function decode32(prefix: "npub" | "nsec", text: string): Uint8Array {
  const bytes = decodeBech32(prefix, text);
  if (bytes.length !== 32) throw unreadable(prefix, "it does not hold 32 bytes");
  return bytes;
}
