/** How many bytes are made characters at once: arguments of one call. */
const AT_ONCE = 8192;

/** Bytes as base64 (RFC 4648, section 4). */
export function base64(bytes: Uint8Array): string {
  let characters = "";
  for (let i = 0; i < bytes.byteLength; i += AT_ONCE) {
    characters += String.fromCharCode(...bytes.subarray(i, i + AT_ONCE));
  }
  return btoa(characters);
}
