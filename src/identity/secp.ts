import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

import { OpenAgentsError } from "../core/errors.ts";

/**
 * What Nostr needs of the curve secp256k1: BIP-340 keys and signatures, and the shared point of two
 * keys. A private key is 32 bytes, a number from 1 to below the order of the curve; a public key is
 * x-only, 64 lower-case hex digits.
 */
export interface Secp {
  /** The public key of a private one. @throws INVALID for what is no private key */
  publicKey(secret: Uint8Array): string;
  /**
   * A BIP-340 signature, 64 bytes, of a message, which for an event is the 32 bytes of its id.
   * @param aux 32 random bytes; with the same ones the signature is the same
   * @throws INVALID for what is no private key, or `aux` of another length
   */
  sign(message: Uint8Array, secret: Uint8Array, aux: Uint8Array): Uint8Array;
  /** True when the signature is good. False, and never an error, for anything malformed. */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: string): boolean;
  /**
   * The x coordinate of the point shared by two keys (ECDH), 32 bytes and not hashed. A secret.
   * @throws INVALID for what is no private key, or a public key that is not on the curve
   */
  sharedX(secret: Uint8Array, publicKey: string): Uint8Array;
}

/** The bare operations of a library. What goes in has the right types and lengths. */
export interface Curve {
  publicKey(secret: Uint8Array): Uint8Array;
  sign(message: Uint8Array, secret: Uint8Array, aux: Uint8Array): Uint8Array;
  /** False for a key that is not on the curve. */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  /** Undefined for a key that is not on the curve. */
  sharedX(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;
}

/** The order of the curve (SEC 2, 2.4.1). */
const ORDER = hexToBytes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");

const NO_SECRET = "the private key is none";

/** True for 32 bytes that are a private key: not zero, and below the order of the curve. */
export function isSecretKey(secret: unknown): secret is Uint8Array {
  if (!(secret instanceof Uint8Array) || secret.length !== 32) return false;
  if (secret.every((byte) => byte === 0)) return false;
  const first = secret.findIndex((byte, i) => byte !== ORDER[i]);
  return first >= 0 && secret[first]! < ORDER[first]!;
}

/** True for text with the form of a public key. That it is a point is for the curve to say. */
export function isPublicKey(text: unknown): text is string {
  return typeof text === "string" && /^[0-9a-f]{64}$/.test(text);
}

/** A `Secp` over a library: it checks whatever goes in, so that all of them refuse the same. */
export function secpOver(curve: Curve): Secp {
  return Object.freeze<Secp>({
    publicKey(secret) {
      if (!isSecretKey(secret)) throw refused("make public key", NO_SECRET);
      return bytesToHex(curve.publicKey(secret));
    },
    sign(message, secret, aux) {
      if (!(message instanceof Uint8Array)) throw refused("sign", "a message is bytes");
      if (!isSecretKey(secret)) throw refused("sign", NO_SECRET);
      if (!(aux instanceof Uint8Array) || aux.length !== 32) {
        throw refused("sign", "the randomness beside it is 32 bytes");
      }
      return curve.sign(message, secret, aux);
    },
    verify(signature, message, publicKey) {
      if (!(signature instanceof Uint8Array) || signature.length !== 64) return false;
      if (!(message instanceof Uint8Array) || !isPublicKey(publicKey)) return false;
      return curve.verify(signature, message, hexToBytes(publicKey));
    },
    sharedX(secret, publicKey) {
      if (!isSecretKey(secret)) throw refused("agree on a key", NO_SECRET);
      const x = isPublicKey(publicKey) ? curve.sharedX(secret, hexToBytes(publicKey)) : undefined;
      if (x === undefined) throw refused("agree on a key", "the public key is none");
      return x;
    },
  });
}

/** `nobleSecp` without its checks. */
export const nobleCurve: Curve = {
  publicKey: (secret) => schnorr.getPublicKey(secret),
  sign: (message, secret, aux) => schnorr.sign(message, secret, aux),
  verify: (signature, message, publicKey) => schnorr.verify(signature, message, publicKey),
  sharedX(secret, publicKey) {
    const point = new Uint8Array(33);
    point[0] = 2;
    point.set(publicKey, 1);
    try {
      return secp256k1.getSharedSecret(secret, point).slice(1);
    } catch {
      return undefined;
    }
  },
};

/** The curve in plain JavaScript, by the audited @noble/curves. It runs anywhere. */
export const nobleSecp: Secp = secpOver(nobleCurve);

function refused(action: string, detail: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot ${action}: ${detail}`);
}
