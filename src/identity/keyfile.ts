import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { bytesToHex, hexToBytes, randomBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";

import { OpenAgentsError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import { canonicalJson } from "../core/json.ts";
import { checkMnemonic } from "./nip06.ts";

const FORMAT = "openagents-keyfile";
const VERSION = 1;
/** Characters; a keyfile has about 600. */
const MAX_LENGTH = 10_000;
/** 64 MiB and about 0.3 s. */
const SCRYPT = { N: 2 ** 16, r: 8, p: 1 } as const;
/**
 * The scrypt costs that a file may ask for: at most 256 MiB and a few seconds, so that a file
 * cannot exhaust who opens it, and not so little that the passphrase is easily guessed.
 */
const ALLOWED = { minN: 2 ** 14, maxN: 2 ** 18, r: 8, maxP: 4 } as const;
const HEX = {
  salt: /^[0-9a-f]{32,128}$/,
  nonce: /^[0-9a-f]{48}$/,
  ciphertext: /^[0-9a-f]{64,96}$/,
};

/** All of an encrypted keyfile but the ciphertext; its canonical JSON is the associated data. */
interface Header {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly kdf: {
    readonly name: "scrypt";
    readonly N: number;
    readonly r: number;
    readonly p: number;
    readonly salt: string;
  };
  readonly cipher: { readonly name: "xchacha20-poly1305"; readonly nonce: string };
}

/**
 * The text of a keyfile (JSON, version 1) for a mnemonic. Without a passphrase it holds the words as
 * they are. With one it holds their entropy, encrypted with XChaCha20-Poly1305 under a key that
 * scrypt (RFC 7914; N 2^16, r 8, p 1, a random salt) makes of the passphrase in NFKC, the header
 * being the associated data. Both forms end in a SHA-256 `checksum` of the canonical JSON (RFC 8785)
 * of the rest, which tells damage from a wrong passphrase.
 * @throws INVALID for a bad mnemonic or an empty passphrase
 */
export async function sealKeyfile(
  mnemonic: string,
  passphrase: string | undefined,
): Promise<string> {
  const words = checkMnemonic(mnemonic);
  if (passphrase === undefined) return write({ format: FORMAT, version: VERSION, mnemonic: words });
  if (passphrase === "") {
    throw new OpenAgentsError("INVALID", "Cannot seal keyfile: the passphrase is empty");
  }
  const header: Header = {
    format: FORMAT,
    version: VERSION,
    kdf: { name: "scrypt", ...SCRYPT, salt: bytesToHex(randomBytes(16)) },
    cipher: { name: "xchacha20-poly1305", nonce: bytesToHex(randomBytes(24)) },
  };
  const entropy = mnemonicToEntropy(words, wordlist);
  const ciphertext = bytesToHex((await cipher(header, passphrase)).encrypt(entropy));
  return write({ ...header, ciphertext });
}

/**
 * The mnemonic in a keyfile's text. No error quotes the text or the passphrase.
 * @throws DENIED when the passphrase is wrong, missing, or given for a keyfile that is not
 * encrypted; CORRUPT when the text is malformed, altered or asks for absurd scrypt costs; VERSION
 * when it was written by a newer release
 */
export async function openKeyfile(text: string, passphrase: string | undefined): Promise<string> {
  const file = parse(text);
  if ("mnemonic" in file) {
    if (passphrase !== undefined) {
      throw refused("DENIED", "it is not encrypted, but a passphrase was given");
    }
    return file.mnemonic;
  }
  if (passphrase === undefined) {
    throw refused("DENIED", "it is encrypted, and no passphrase was given");
  }
  const opener = await cipher(file.header, passphrase);
  let entropy: Uint8Array;
  try {
    entropy = opener.decrypt(hexToBytes(file.ciphertext));
  } catch {
    throw refused("DENIED", "the passphrase is wrong");
  }
  try {
    return entropyToMnemonic(entropy, wordlist);
  } catch {
    throw refused("CORRUPT", "what it holds is not a mnemonic");
  }
}

type Parsed =
  | { readonly mnemonic: string }
  | { readonly header: Header; readonly ciphertext: string };

function parse(text: string): Parsed {
  if (text.length > MAX_LENGTH) {
    throw refused("CORRUPT", `it is longer than ${MAX_LENGTH} characters`);
  }
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may hold the words.
    throw refused("CORRUPT", "it is not JSON");
  }
  if (!isObject(file) || file["format"] !== FORMAT) {
    throw refused("CORRUPT", `it lacks "format": "${FORMAT}"`);
  }
  const { version, checksum, ...rest } = file;
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1) {
    throw refused("CORRUPT", '"version" is not a whole number from 1');
  }
  if (version > VERSION) {
    throw refused("VERSION", `it has version ${version}, and this release knows up to ${VERSION}`);
  }
  if ("mnemonic" in rest) {
    const { mnemonic } = rest;
    if (!hasOnly(rest, ["format", "mnemonic"]) || typeof mnemonic !== "string") {
      throw refused("CORRUPT", "a member is unknown or has the wrong type");
    }
    checkSum({ format: FORMAT, version: VERSION, mnemonic }, checksum);
    try {
      return { mnemonic: checkMnemonic(mnemonic) };
    } catch (cause) {
      throw new OpenAgentsError("CORRUPT", "Cannot open keyfile: its mnemonic is wrong", { cause });
    }
  }
  if (!hasOnly(rest, ["format", "kdf", "cipher", "ciphertext"])) {
    throw refused("CORRUPT", "a member is missing or unknown");
  }
  const header: Header = {
    format: FORMAT,
    version: VERSION,
    kdf: readKdf(rest["kdf"]),
    cipher: readCipher(rest["cipher"]),
  };
  const ciphertext = readHex("ciphertext", rest["ciphertext"]);
  checkSum({ ...header, ciphertext }, checksum);
  return { header, ciphertext };
}

function readKdf(value: unknown): Header["kdf"] {
  if (!isObject(value) || !hasOnly(value, ["name", "N", "r", "p", "salt"])) {
    throw refused("CORRUPT", '"kdf" must have name, N, r, p and salt');
  }
  const { name, N, r, p, salt } = value;
  if (name !== "scrypt") throw refused("CORRUPT", '"kdf" is not scrypt');
  const { minN, maxN, maxP } = ALLOWED;
  if (!isWhole(N, minN, maxN) || !Number.isInteger(Math.log2(N))) {
    throw refused("CORRUPT", `scrypt N must be a power of two from ${minN} to ${maxN}`);
  }
  if (r !== ALLOWED.r) throw refused("CORRUPT", `scrypt r must be ${ALLOWED.r}`);
  if (!isWhole(p, 1, maxP)) throw refused("CORRUPT", `scrypt p must be from 1 to ${maxP}`);
  return { name, N, r, p, salt: readHex("salt", salt) };
}

function readCipher(value: unknown): Header["cipher"] {
  if (!isObject(value) || !hasOnly(value, ["name", "nonce"])) {
    throw refused("CORRUPT", '"cipher" must have name and nonce');
  }
  const { name, nonce } = value;
  if (name !== "xchacha20-poly1305") {
    throw refused("CORRUPT", '"cipher" is not xchacha20-poly1305');
  }
  return { name, nonce: readHex("nonce", nonce) };
}

function readHex(name: keyof typeof HEX, value: unknown): string {
  if (typeof value === "string" && value.length % 2 === 0 && HEX[name].test(value)) return value;
  throw refused("CORRUPT", `"${name}" is not hex of the right length`);
}

async function cipher(
  header: Header,
  passphrase: string,
): Promise<ReturnType<typeof xchacha20poly1305>> {
  const { N, r, p, salt } = header.kdf;
  const secret = utf8ToBytes(passphrase.normalize("NFKC"));
  const key = await scryptAsync(secret, hexToBytes(salt), { N, r, p, dkLen: 32 });
  return xchacha20poly1305(
    key,
    hexToBytes(header.cipher.nonce),
    utf8ToBytes(canonicalJson(header)),
  );
}

function write(file: object): string {
  return `${JSON.stringify({ ...file, checksum: sha256Hex(canonicalJson(file)) }, undefined, 2)}\n`;
}

function checkSum(file: object, checksum: unknown): void {
  let actual: string | undefined;
  try {
    actual = sha256Hex(canonicalJson(file));
  } catch {
    // Text with a lone surrogate: no keyfile of ours.
  }
  if (actual === undefined || checksum !== actual) {
    throw refused("CORRUPT", "its checksum does not fit, so it was altered or damaged");
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

function hasOnly(object: object, names: readonly string[]): boolean {
  const found = Object.keys(object);
  return found.length === names.length && found.every((name) => names.includes(name));
}

function refused(code: "DENIED" | "CORRUPT" | "VERSION", detail: string): OpenAgentsError {
  return new OpenAgentsError(code, `Cannot open keyfile: ${detail}`);
}
