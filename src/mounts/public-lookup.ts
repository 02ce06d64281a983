import type { LookupAddress, LookupOptions, lookup } from "node:dns";
import { isPublicAddress } from "../core/public-address.ts";

type Found = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/**
 * Looks a host up, as the option `lookup` of a connection does, and finds none of which an address is in a
 * private network: `refused` makes the error. What it finds is what is connected to.
 */
export function publicLookup(
  resolve: typeof lookup,
  refused: (host: string) => Error,
): (host: string, options: LookupOptions, found: Found) => void {
  return (host, options, found) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return found(error, []);
      const first = addresses[0];
      if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
        return found(refused(host), []);
      }
      if (options.all === true) return found(null, addresses);
      found(null, first.address, first.family);
    });
  };
}
