import { schnorr } from "@noble/curves/secp256k1.js";

/** True for the x coordinate (hex) of a point of secp256k1: half of all keys are none (BIP-340, `lift_x`). */
export function isPoint(publicKey: string): boolean {
  if (!/^[0-9a-f]{64}$/i.test(publicKey)) return false;
  try {
    schnorr.utils.lift_x(BigInt(`0x${publicKey}`));
    return true;
  } catch {
    return false;
  }
}
