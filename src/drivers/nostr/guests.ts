import { isPublicHost } from "../../core/public-address.ts";

export { isPublicAddress } from "../../core/public-address.ts";

/**
 * True for the address of a relay that somebody else may have us connect to: one that encrypts (wss:)
 * on a host of the public internet. A name may still stand for another address: whoever connects
 * looks at that with `isPublicAddress`.
 */
export function isPublicRelay(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed?.protocol === "wss:" && isPublicHost(parsed.hostname);
}
