import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { bech32 } from "@scure/base";

import { OpenAgentsError } from "../core/errors.ts";
import type { Random } from "../core/ports/index.ts";
import { systemRandom } from "../core/system.ts";
import { isSecretKey } from "./secp.ts";

const PREFIX = "ncryptsec";
const VERSION = 2;
/** Version, log N, salt, nonce, security byte, and the key with its tag. */
const LENGTH = 1 + 1 + 16 + 24 + 1 + 48;
/** Characters: the prefix, a one, 146 for the bytes and 6 for the checksum. */
const TEXT_LENGTH = PREFIX.length + 1 + Math.ceil((LENGTH * 8) / 5) + 6;
/** 2^16 takes 64 MiB and about 0.3 s, and each one more takes twice as much. */
const LOG_N = { min: 16, usual: 16, max: 20, read: 18 } as const;

/** How a key was handled before it was encrypted: the security byte of NIP-49. */
const HANDLED = { insecurely: 0, securely: 1, unknown: 2 } as const;

/** How a key is encrypted under a password. */
export interface NcryptsecOptions {
  /** The cost is 2 to this power: 16 (the default, 64 MiB) to 20 (1 GiB). */
  readonly logN?: number;
  /** Whether the key was ever kept or passed on in clear text. Default `"unknown"`. */
  readonly handled?: keyof typeof HANDLED;
  /** Default `systemRandom`. */
  readonly random?: Random;
}

/**
 * NIP-49 `ncryptsec1…` of a private key: encrypted with XChaCha20-Poly1305 under a key that scrypt
 * makes of the password in NFKC.
 * @throws INVALID for what is no private key, an empty password, or another cost
 */
export async function encodeNcryptsec(
  secret: Uint8Array,
  password: string,
  options: NcryptsecOptions = {},
): Promise<string> {
  const { logN = LOG_N.usual, handled = "unknown", random = systemRandom } = options;
  if (!isSecretKey(secret)) throw refused("write", "INVALID", "the private key is none");
  if (password === "") throw refused("write", "INVALID", "the password is empty");
  if (!Number.isInteger(logN) || logN < LOG_N.min || logN > LOG_N.max) {
    throw refused("write", "INVALID", `log N must be from ${LOG_N.min} to ${LOG_N.max}`);
  }
  const [salt, nonce] = [random.bytes(16), random.bytes(24)];
  const associated = Uint8Array.of(HANDLED[handled]);
  const key = await keyOf(password, salt, logN);
  try {
    const ciphertext = xchacha20poly1305(key, nonce, associated).encrypt(secret);
    return bech32.encode(
      PREFIX,
      bech32.toWords(
        concatBytes(Uint8Array.of(VERSION, logN), salt, nonce, associated, ciphertext),
      ),
      TEXT_LENGTH,
    );
  } finally {
    key.fill(0);
  }
}

/**
 * The private key in an ncryptsec (NIP-49), 32 bytes. No error quotes the text or the password.
 * @param maxLogN the greatest cost that is paid: 2^18, for 256 MiB, is the default, and 2^20 the most
 * @throws INVALID for text that is none, or asks for more; VERSION for another version; DENIED when
 * the password is wrong; CORRUPT when what it holds is no key
 */
export async function decodeNcryptsec(
  text: string,
  password: string,
  maxLogN: number = LOG_N.read,
): Promise<Uint8Array> {
  const data = bytesOf(text);
  const [version, logN] = data as unknown as [number, number];
  if (version !== VERSION) throw refused("read", "VERSION", `it has version ${version}`);
  const most = Math.min(maxLogN, LOG_N.max);
  if (logN < 1 || logN > most) {
    throw refused("read", "INVALID", `its log N is ${logN}, use one from 1 to ${most}`);
  }
  if (data[42]! > HANDLED.unknown) throw refused("read", "INVALID", "its security byte is unknown");
  const key = await keyOf(password, data.subarray(2, 18), logN);
  let secret: Uint8Array;
  try {
    const nonce = data.subarray(18, 42);
    secret = xchacha20poly1305(key, nonce, data.subarray(42, 43)).decrypt(data.subarray(43));
  } catch {
    throw refused("read", "DENIED", "the password is wrong");
  } finally {
    key.fill(0);
  }
  if (!isSecretKey(secret)) throw refused("read", "CORRUPT", "what it holds is no key");
  return secret;
}

function keyOf(password: string, salt: Uint8Array, logN: number): Promise<Uint8Array> {
  return scryptAsync(utf8ToBytes(password.normalize("NFKC")), salt, {
    N: 2 ** logN,
    r: 8,
    p: 1,
    dkLen: 32,
  });
}

function bytesOf(text: string): Uint8Array {
  let found: Uint8Array | undefined;
  try {
    const { prefix, words } = bech32.decode(text, TEXT_LENGTH);
    if (prefix === PREFIX) found = bech32.fromWords(words);
  } catch {
    // The decoder's own error quotes the text.
  }
  if (found?.length === LENGTH) return found;
  throw refused("read", "INVALID", `it is no "${PREFIX}1" text with a right checksum`);
}

function refused(
  action: "read" | "write",
  code: "INVALID" | "DENIED" | "VERSION" | "CORRUPT",
  detail: string,
): OpenAgentsError {
  return new OpenAgentsError(code, `Cannot ${action} ${PREFIX}: ${detail}`);
}
