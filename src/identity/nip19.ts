import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { bech32 } from "@scure/base";

import { OpenAgentsError } from "../core/errors.ts";

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
  return bytesToHex(decode("npub", npub));
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
  return decode("nsec", nsec);
}

/** The decoder's own error is dropped, not passed on as a cause: it quotes the text. */
function decode(prefix: "npub" | "nsec", text: string): Uint8Array {
  let found;
  try {
    found = bech32.decodeToBytes(text);
  } catch {
    throw refused(prefix, "it is no bech32 text with a right checksum");
  }
  if (found.prefix !== prefix) throw refused(prefix, `it does not begin with "${prefix}1"`);
  if (found.bytes.length !== 32) throw refused(prefix, "it does not hold 32 bytes");
  return found.bytes;
}

function refused(prefix: string, detail: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot read ${prefix}: ${detail}`);
}
