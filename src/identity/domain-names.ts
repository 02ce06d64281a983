import type { NameResolver } from "../core/ports/index.ts";
import { resolveNip05 } from "./nip05.ts";
import { encodeNpub } from "./nip19.ts";

/** How long a domain has for its answer, ms. */
const PATIENCE = 10_000;
/** For how long what a domain said is not asked again, ms, and for how many names. */
const KEPT = 60_000;
const NAMES = 1_000;

/**
 * Looks `name@domain` up at its domain (NIP-05), over the machine's own `fetch`. What a domain said holds
 * for a minute.
 */
export const domainNames: NameResolver = remembered(async (identifier) => {
  const signal = AbortSignal.timeout(PATIENCE);
  const found = await resolveNip05(identifier, { fetch: (url, init) => fetch(url, init), signal });
  return found && encodeNpub(found.publicKey);
});

/** The same resolver, with what it gave remembered for a while; a failure is not. */
export function remembered(names: NameResolver, now: () => number = Date.now): NameResolver {
  const known = new Map<string, { readonly npub: string | undefined; readonly until: number }>();
  // No lookup is shared: in a Worker, who waits for that of another request is cut off with it.
  return async (identifier) => {
    const name = identifier.toLowerCase();
    const before = known.get(name);
    if (before !== undefined && before.until > now()) return before.npub;
    const npub = await names(identifier);
    known.delete(name);
    if (known.size >= NAMES) known.delete(known.keys().next().value!);
    known.set(name, { npub, until: now() + KEPT });
    return npub;
  };
}
