import { bytesToHex } from "@noble/hashes/utils.js";

/**
 * A UUID version 7 (RFC 9562, section 5.7): ids made later sort later, which keeps the pages of an
 * index on ids together. `random` is 10 random bytes.
 */
export function uuidv7(now: number, random: Uint8Array): string {
  const time = now.toString(16).padStart(12, "0");
  const hex = bytesToHex(random);
  // Four bits each for the version (7) and the variant (binary 10, and two random bits).
  const variant = VARIANTS[random[9]! & 3];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(3, 6)}-${hex.slice(6, 18)}`;
}

const VARIANTS = ["8", "9", "a", "b"] as const;
