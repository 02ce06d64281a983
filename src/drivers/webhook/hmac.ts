export type HmacAlgorithm = "sha256" | "sha512";

const NAMES = { sha256: "SHA-256", sha512: "SHA-512" } as const satisfies Record<
  HmacAlgorithm,
  string
>;

const encoder = new TextEncoder();

/** The HMAC (RFC 2104) of some parts, one after the other; texts as UTF-8. The key is not empty. */
export async function hmac(
  algorithm: HmacAlgorithm,
  key: Uint8Array,
  parts: readonly (string | Uint8Array)[],
): Promise<Uint8Array> {
  const hash = NAMES[algorithm];
  const imported = await crypto.subtle.importKey(
    "raw",
    key as Uint8Array<ArrayBuffer>,
    { name: "HMAC", hash },
    false,
    ["sign"],
  );
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, joined(parts)));
}

/** Text as UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Base64 (RFC 4648, section 4) with its padding. */
export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) {
    text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  }
  return btoa(text);
}

/** The bytes of base64 text, with or without its padding; undefined for what is none. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/**
 * True for equal texts. How long it takes depends on the length of `given` alone, so that nobody finds
 * out a signature letter by letter. Texts are compared and not the bytes they stand for: in those, two
 * texts may be one.
 */
export function sameText(given: string, expected: string): boolean {
  let differs = given.length ^ expected.length;
  for (let i = 0; i < given.length; i += 1) {
    // Past the end of `expected` this is NaN, which counts as 0: the lengths differ then.
    differs |= given.charCodeAt(i) ^ expected.charCodeAt(i);
  }
  return differs === 0;
}

/** Parts as one, texts as UTF-8; what is one part of bytes stays what it is. */
export function joined(parts: readonly (string | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  const [first] = parts;
  if (parts.length === 1 && typeof first === "object") return first as Uint8Array<ArrayBuffer>;
  const all = parts.map((part) => (typeof part === "string" ? utf8(part) : part));
  const whole = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of all) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
