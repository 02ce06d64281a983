/**
 * True for the address of a relay: ws: or wss:, in ASCII, of 255 characters at most, which is what
 * NIP-19 has room for.
 */
export function isRelayUrl(url: string): boolean {
  return url.length <= 255 && /^wss?:\/\/[!-~]+$/i.test(url) && URL.canParse(url);
}
