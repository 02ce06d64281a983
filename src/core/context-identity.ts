import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { addressOf } from "./address.ts";
import type { AgentRecord } from "./agent.ts";
import type { ContextIdentity } from "./context.ts";
import { OpenAgentsError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { isLocked } from "./locked.ts";

/** What the run that uses it has to say. */
export interface IdentityUse {
  /** Throws once the tick is over. */
  readonly check: () => void;
  /** The keys are locked, so the tick waits, whatever agent code makes of the error. */
  readonly locked: (error: unknown) => void;
}

/** What agent code may do with its key. */
export function contextIdentity(
  kernel: Kernel,
  record: AgentRecord,
  { check, locked }: IdentityUse,
): ContextIdentity {
  const { signer } = kernel;
  const key = { ...record, purpose: "agent code" };
  const using = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (isLocked(error)) locked(error);
      throw error;
    }
  };
  const peerOf = async (ref: string): Promise<string> => {
    check();
    const peer = await addressOf(kernel, ref);
    if (peer !== undefined) return peer.publicKey;
    throw new OpenAgentsError("NOT_FOUND", `There is no agent "${ref}"`);
  };
  return Object.freeze<ContextIdentity>({
    npub: record.id,
    publicKey: record.publicKey,
    async sign(hash) {
      check();
      return bytesToHex(await using(signer.sign(key, hexToBytes(hash))));
    },
    verify(publicKey, hash, signature) {
      try {
        return signer.verify(publicKey, hexToBytes(hash), hexToBytes(signature));
      } catch {
        return false;
      }
    },
    async encrypt(to, text) {
      const peer = await peerOf(to);
      return using(signer.encrypt(key, peer, utf8ToBytes(text)));
    },
    async decrypt(from, payload) {
      const peer = await peerOf(from);
      const bytes = await using(signer.decrypt(key, peer, payload));
      try {
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch {
        throw new OpenAgentsError("INVALID", "Cannot decrypt: what is encrypted is no text");
      }
    },
  });
}
