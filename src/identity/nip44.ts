import { chacha20 } from "@noble/ciphers/chacha.js";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { base64 } from "@scure/base";

import { OpenAgentsError } from "../core/errors.ts";
import { nobleSecp } from "./secp.ts";
import type { Secp } from "./secp.ts";

const VERSION = 2;
const SALT = utf8ToBytes("nip44-v2");
/** From this length on the plaintext has a prefix of 6 bytes instead of 2. */
const EXTENDED = 65_536;
/** NIP-44 goes up to 2^32 - 1; what is longer than this would take several times its size in memory. */
const MAX = 8 * 1024 * 1024;
/** The characters of the longest payload, which is refused before any work is done for it. */
const LONGEST = 4 * Math.ceil((1 + 32 + 6 + MAX + 32) / 3);
/** Of a payload before base64: version, nonce, MAC. */
const NONCE = 32;
const MAC = 32;
/** The shortest payload: a plaintext of one byte. */
const SHORTEST = 1 + NONCE + 2 + 32 + MAC;

/**
 * The key of NIP-44 version 2 between two parties, the same from either side. A secret.
 * @throws INVALID for a key that is none
 */
export function conversationKey(
  privateKey: Uint8Array,
  publicKey: string,
  secp: Secp = nobleSecp,
): Uint8Array {
  const shared = secp.sharedX(privateKey, publicKey);
  const key = extract(sha256, shared, SALT);
  shared.fill(0);
  return key;
}

/**
 * Encrypts bytes by NIP-44 version 2, up to 8 MiB of them, to a base64 payload.
 * @param nonce 32 bytes that are never used twice
 * @throws INVALID when there is nothing to encrypt, or too much
 */
export function encrypt(plaintext: Uint8Array, key: Uint8Array, nonce: Uint8Array): string {
  const keys = messageKeys(key, nonce);
  const padded = pad(plaintext);
  const ciphertext = chacha20(keys.chacha, keys.nonce, padded);
  padded.fill(0);
  const mac = hmac(sha256, keys.hmac, concatBytes(nonce, ciphertext));
  return base64.encode(concatBytes(Uint8Array.of(VERSION), nonce, ciphertext, mac));
}

/**
 * What `encrypt` was given.
 * @throws VERSION for another version; DENIED when the key is another one or the payload was altered
 */
export function decrypt(payload: string, key: Uint8Array): Uint8Array {
  if (typeof payload !== "string") throw denied("it is no text");
  if (payload.startsWith("#")) throw new OpenAgentsError("VERSION", "Cannot decrypt: new version");
  if (payload.length > LONGEST) throw denied(`it is longer than ${LONGEST} characters`);
  let data: Uint8Array;
  try {
    data = base64.decode(payload);
  } catch {
    throw denied("it is not base64");
  }
  if (data.length < SHORTEST) throw denied("it is too short");
  if (data[0] !== VERSION) {
    throw new OpenAgentsError("VERSION", `Cannot decrypt: it has version ${data[0]}`);
  }
  const nonce = data.subarray(1, 1 + NONCE);
  const ciphertext = data.subarray(1 + NONCE, -MAC);
  const keys = messageKeys(key, nonce);
  const mac = hmac(sha256, keys.hmac, concatBytes(nonce, ciphertext));
  if (!sameBytes(mac, data.subarray(-MAC))) throw denied("the key is wrong, or it was altered");
  return unpad(chacha20(keys.chacha, keys.nonce, ciphertext));
}

/** The UTF-8 bytes of a text, as NIP-44 encrypts them. @throws INVALID for a lone surrogate */
export function bytesOf(text: string): Uint8Array {
  if (typeof text === "string" && text.isWellFormed()) return utf8ToBytes(text);
  throw new OpenAgentsError("INVALID", "Cannot encrypt: it is no right text");
}

/** The text of what was decrypted, a byte order mark included. @throws DENIED for no UTF-8 */
export function textOf(plaintext: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plaintext);
  } catch {
    throw denied("it is no text");
  }
}

/** The length that a plaintext is padded to: at least 32, by steps that grow with it. */
export function paddedLength(length: number): number {
  if (length <= 32) return 32;
  const power = 2 ** (Math.floor(Math.log2(length - 1)) + 1);
  const chunk = power <= 256 ? 32 : power / 8;
  return chunk * (Math.floor((length - 1) / chunk) + 1);
}

/** The keys of one message. @throws INVALID for a key or nonce of another length */
export function messageKeys(
  key: Uint8Array,
  nonce: Uint8Array,
): { readonly chacha: Uint8Array; readonly nonce: Uint8Array; readonly hmac: Uint8Array } {
  if (key.length !== 32 || nonce.length !== NONCE) {
    throw new OpenAgentsError("INVALID", "Cannot use NIP-44: key and nonce are 32 bytes each");
  }
  const keys = expand(sha256, key, nonce, 76);
  return { chacha: keys.subarray(0, 32), nonce: keys.subarray(32, 44), hmac: keys.subarray(44) };
}

function pad(plaintext: Uint8Array): Uint8Array {
  const { length } = plaintext;
  if (length < 1 || length > MAX) {
    throw new OpenAgentsError("INVALID", `Cannot encrypt ${length} bytes: use 1 to ${MAX}`);
  }
  const prefix = length < EXTENDED ? 2 : 6;
  const padded = new Uint8Array(prefix + paddedLength(length));
  const view = new DataView(padded.buffer);
  if (prefix === 2) view.setUint16(0, length);
  else view.setUint32(2, length);
  padded.set(plaintext, prefix);
  return padded;
}

function unpad(padded: Uint8Array): Uint8Array {
  const view = new DataView(padded.buffer, padded.byteOffset, padded.byteLength);
  const short = view.getUint16(0);
  const prefix = short === 0 ? 6 : 2;
  const length = short === 0 ? view.getUint32(2) : short;
  const fits = short !== 0 || length >= EXTENDED;
  if (!fits || padded.length !== prefix + paddedLength(length)) throw denied("bad padding");
  return padded.slice(prefix, prefix + length);
}

/** Takes the same time wherever they differ. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i += 1) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

function denied(why: string): OpenAgentsError {
  return new OpenAgentsError("DENIED", `Cannot decrypt: ${why}`);
}
