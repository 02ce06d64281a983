import { isKey, isNpub } from "./agent.ts";
import { OpenAgentsError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { checkPoint } from "./point.ts";
import type { Identity } from "./ports/index.ts";

/** Whom mail is for, wherever that agent lives. */
export interface Address {
  /** Its npub. */
  readonly id: string;
  /** The same in hex. */
  readonly publicKey: string;
}

/** Who is meant by `name@domain` (NIP-05): asks that domain. Undefined for nobody, and other text. */
export async function addressAt(kernel: Kernel, ref: string): Promise<Address | undefined> {
  if (!ref.includes("@")) return undefined;
  const id = await kernel.names?.(ref);
  return id === undefined ? undefined : addressOf(kernel, id);
}

/** As `Home.resolve`. */
export async function identityOf(kernel: Kernel, ref: string): Promise<Identity> {
  const found = (await addressOf(kernel, ref)) ?? (await addressAt(kernel, ref));
  if (found === undefined) {
    throw new OpenAgentsError("NOT_FOUND", `There is no agent "${ref}"`);
  }
  checkPoint(kernel.signer, found.publicKey, ref);
  return { npub: found.id, publicKey: found.publicKey };
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
