import { isKey, isNpub } from "./agent.ts";
import type { Kernel } from "./kernel.ts";

/** Whom mail is for, wherever that agent lives. */
export interface Address {
  /** Its npub. */
  readonly id: string;
  /** The same in hex. */
  readonly publicKey: string;
}

/**
 * Who is meant by an npub, a hex key or a name; undefined when that is nobody. Every key is somebody,
 * known here or not. Rejects when a name cannot be looked up now.
 * @param fresh does not rely on what was known of a name before
 */
export async function addressOf(
  { store, signer, carrier }: Kernel,
  ref: string,
  fresh = false,
): Promise<Address | undefined> {
  if (isNpub(ref)) return ofNpub(ref);
  if (isKey(ref)) {
    const publicKey = ref.toLowerCase();
    return { id: signer.npub(publicKey), publicKey };
  }
  const record = await store.get(ref);
  if (record !== undefined) return { id: record.id, publicKey: record.publicKey };
  const found = await carrier?.find?.(ref, fresh);
  return found === undefined ? undefined : ofNpub(found);

  function ofNpub(id: string): Address | undefined {
    const publicKey = signer.publicKey(id);
    return publicKey === undefined ? undefined : { id, publicKey };
  }
}
