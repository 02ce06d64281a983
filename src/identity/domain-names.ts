import type { NameResolver } from "../core/ports/index.ts";
import { resolveNip05 } from "./nip05.ts";
import { encodeNpub } from "./nip19.ts";

/** How long a domain has for its answer, ms. */
const PATIENCE = 10_000;

/** Looks `name@domain` up at its domain (NIP-05), over the machine's own `fetch`. */
export const domainNames: NameResolver = async (identifier) => {
  const signal = AbortSignal.timeout(PATIENCE);
  const found = await resolveNip05(identifier, { fetch: (url, init) => fetch(url, init), signal });
  return found && encodeNpub(found.publicKey);
};
