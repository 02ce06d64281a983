import type { LookupAddress, LookupOptions } from "node:dns";
import { lookup } from "node:dns";
import { WebSocket as Socket } from "ws";
import { isPublicAddress } from "../../drivers/nostr.ts";
import type { Connect } from "../../drivers/nostr.ts";

type Found = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/**
 * A WebSocket for relays that reads no more of a message than it may have, which that of Node does not
 * know, and compresses nothing, as what is compressed may be small on its way in and large in memory.
 */
export const connectRelay: Connect = (url, { messageLength, guest }) => {
  const socket = new Socket(url, {
    maxPayload: messageLength,
    perMessageDeflate: false,
    followRedirects: false,
    ...(guest && { lookup: lookupPublic }),
  });
  // Its events and methods are those of the web's.
  return socket as unknown as WebSocket;
};

/** Looks a host up, and finds none that is in our own network. */
function lookupPublic(host: string, options: LookupOptions, found: Found): void {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return found(error, []);
    const first = addresses[0];
    if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
      return found(new Error(`Cannot connect to "${host}": it is in a network of its own`), []);
    }
    if (options.all === true) return found(null, addresses);
    found(null, first.address, first.family);
  });
}
