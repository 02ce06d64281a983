import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

type NativeHash = (algorithm: "sha256", data: string | Uint8Array, output: "hex") => string;

/** The platform's own hash (Node, and Workers with nodejs_compat): several times as fast. */
const native = (
  globalThis as {
    process?: { getBuiltinModule?: (name: string) => { hash?: NativeHash } | undefined };
  }
).process?.getBuiltinModule?.("node:crypto")?.hash;

/** SHA-256 of text (as UTF-8) or bytes, in lower-case hex. */
export const sha256Hex: (data: string | Uint8Array) => string =
  native === undefined ? portableSha256Hex : (data) => native("sha256", data, "hex");

/** The same where the platform has none. */
export function portableSha256Hex(data: string | Uint8Array): string {
  return bytesToHex(sha256(typeof data === "string" ? utf8ToBytes(data) : data));
}

/**
 * The RFC 6962 (section 2.1) leaf hash of a record: SHA-256 of a zero byte and its UTF-8 text, so
 * that the hash that chains the records is also the one a Merkle tree over them needs.
 */
export function leafHash(text: string): string {
  return sha256Hex(`\0${text}`);
}
