import { OpenAgentsError } from "../../core/errors.ts";
import type { Signer, Store } from "../../core/ports/index.ts";
import { derivedSigner } from "../../identity/derived-signer.ts";
import { lockedSigner } from "../../identity/locked-signer.ts";
import type { Secp } from "../../identity/secp.ts";
import { loadMasterKey } from "./keys.ts";

/** What the signer of a data directory is made of. */
export interface SignerPlace {
  readonly store: Store;
  /** Of the key file. */
  readonly path: string;
  readonly passphrase: string | undefined;
  /** The curve that it uses. */
  readonly secp: Secp;
  readonly warn: (text: string) => void;
}

/**
 * The signer for a store; locked when the key file is sealed and no passphrase is given. Once open it
 * is sure to be the one that the agents' keys come from: with another one they could neither sign nor
 * read their mail.
 * @throws DENIED for a wrong passphrase or another key file, CORRUPT, VERSION, NOT_FOUND for the file
 */
export async function openSigner(place: SignerPlace): Promise<Signer> {
  const { store, path, passphrase, secp, warn } = place;
  const checked = async (mnemonic: string): Promise<Signer> => {
    const signer = derivedSigner(mnemonic, { secp });
    if (await isKeyOf(signer, store)) return signer;
    throw new OpenAgentsError(
      "DENIED",
      `Cannot use key file "${path}": the agents in the store were made with another one: restore that from a backup`,
    );
  };
  const create = (await store.list({ limit: 1 })).items.length === 0;
  const mnemonic = await loadMasterKey(path, { passphrase, create });
  if (mnemonic !== undefined) return checked(mnemonic);
  warn(
    `Key file "${path}" is sealed, and no passphrase was given: what needs a key waits until "agentctl unlock" opens it`,
  );
  const open = async (given: string): Promise<Signer> =>
    // With a passphrase there is a mnemonic, or an error.
    checked((await loadMasterKey(path, { passphrase: given, create: false }))!);
  return lockedSigner(open, { secp });
}

/** True when the keys of a store's agents are this signer's, which the first one shows. */
async function isKeyOf(signer: Signer, store: Store): Promise<boolean> {
  const [agent] = (await store.list({ limit: 1 })).items;
  if (agent === undefined) return true;
  const { account, publicKey, key } = agent;
  if (account !== null) return (await signer.identity(account)).publicKey === publicKey;
  try {
    await signer.adopt(publicKey, key ?? "");
    return true;
  } catch {
    return false;
  }
}
