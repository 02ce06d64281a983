import { bytesToHex } from "@noble/hashes/utils.js";
import { HARDENED_OFFSET, HDKey } from "@scure/bip32";
import { generateMnemonic, mnemonicToSeedSync, validateMnemonic } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";

import { OpenAgentsError } from "../core/errors.ts";

/** The English words that mnemonics are made of (BIP-39). */
export const BIP39_WORDS: ReadonlySet<string> = new Set(wordlist);
const LENGTHS: ReadonlySet<number> = new Set([12, 15, 18, 21, 24]);

/** A key pair for BIP-340 signatures. Holds a secret: never log, store or hand it on. */
export interface KeyPair {
  /** 32 bytes. */
  readonly privateKey: Uint8Array;
  /** x-only, lower-case hex. */
  readonly publicKey: string;
}

/** 24 new English words (BIP-39) from 256 bits of the platform's secure randomness. */
export function newMnemonic(): string {
  return generateMnemonic(wordlist, 256);
}

/**
 * Checks an English BIP-39 mnemonic of 12 to 24 words and gives it in its one form: lower case, one
 * space between words.
 * @throws INVALID that says what is wrong, naming a wrong word by its place and never quoting one
 */
export function checkMnemonic(mnemonic: string): string {
  const words = mnemonic.normalize("NFKD").trim().toLowerCase().split(/\s+/);
  const unknown = words.findIndex((word) => !BIP39_WORDS.has(word));
  if (!LENGTHS.has(words.length)) {
    throw refused(`it must have 12, 15, 18, 21 or 24 words, not ${words.length}`);
  }
  if (unknown >= 0) throw refused(`word ${unknown + 1} is not in the English list`);
  const form = words.join(" ");
  if (!validateMnemonic(form, wordlist)) {
    throw refused("the checksum does not fit, so a word is wrong or out of place");
  }
  return form;
}

function refused(detail: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot read mnemonic: ${detail}`);
}

/**
 * NIP-06: the key pairs `m/44'/1237'/<account>'/0/0` of a mnemonic without BIP-39 passphrase. To
 * make the function costs tens of milliseconds, for the seed and the common parent, which it keeps;
 * a call costs about one. It gives a new key pair each time, which the caller may wipe.
 * @throws INVALID for a bad mnemonic, and on a call for an account that is not a whole number from
 * 0 to 2^31 - 1
 */
export function accountKeys(mnemonic: string): (account: number) => KeyPair {
  const seed = mnemonicToSeedSync(checkMnemonic(mnemonic));
  const parent = HDKey.fromMasterSeed(seed).derive("m/44'/1237'");
  seed.fill(0);
  return (account) => {
    if (!Number.isInteger(account) || account < 0 || account >= HARDENED_OFFSET) {
      throw new OpenAgentsError(
        "INVALID",
        `Cannot derive account "${String(account)}": use a whole number from 0 to ${HARDENED_OFFSET - 1}`,
      );
    }
    const hardened = parent.deriveChild(HARDENED_OFFSET + account);
    const external = hardened.deriveChild(0);
    const key = external.deriveChild(0);
    // The compressed point without its sign byte is the x-only key: no further multiplication.
    const pair = { privateKey: key.privateKey!, publicKey: bytesToHex(key.publicKey!.slice(1)) };
    for (const used of [hardened, external, key]) used.wipePrivateData();
    return pair;
  };
}
