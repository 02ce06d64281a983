import { OpenAgentsError } from "./errors.ts";

/** The field of secp256k1. */
const P = 2n ** 256n - 2n ** 32n - 977n;

/** True for the x coordinate (hex) of a point of secp256k1: half of all keys are none (BIP-340, `lift_x`). */
export function isPoint(publicKey: string): boolean {
  if (!/^[0-9a-f]{64}$/i.test(publicKey)) return false;
  const x = BigInt(`0x${publicKey}`);
  if (x >= P) return false;
  // By Euler: a square to the power of (p - 1) / 2 is 1.
  let base = (x ** 3n + 7n) % P;
  let power = 1n;
  for (let exponent = (P - 1n) / 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent % 2n === 1n) power = (power * base) % P;
    base = (base * base) % P;
  }
  return power === 1n;
}

/** @throws INVALID for a key (hex) that is on no curve, and so is nobody's; `ref` is how it was given */
export function checkPoint(publicKey: string, ref: string): void {
  if (isPoint(publicKey)) return;
  throw new OpenAgentsError(
    "INVALID",
    `Cannot resolve "${ref}": it is no public key, as it is not on the curve: check what you copied`,
  );
}
