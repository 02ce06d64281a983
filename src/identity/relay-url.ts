/**
 * True for the address of a relay: ws: or wss:, in ASCII, of 255 characters at most, which is what
 * NIP-19 has room for.
 */
export function isRelayUrl(url: unknown): url is string {
  if (typeof url !== "string" || url.length > 255) return false;
  return /^wss?:\/\/[!-~]+$/i.test(url) && URL.canParse(url);
}
