import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { addressOf } from "./address.ts";
import type { AgentRecord } from "./agent.ts";
import type { ContextIdentity } from "./context.ts";
import { OpenAgentsError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";

/** What agent code may do with its key. `check` throws once the tick is over. */
export function contextIdentity(
  kernel: Kernel,
  record: AgentRecord,
  check: () => void,
): ContextIdentity {
  const { signer } = kernel;
  const key = { ...record, purpose: "agent code" };
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
      return bytesToHex(await signer.sign(key, hexToBytes(hash)));
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
      return signer.encrypt(key, peer, utf8ToBytes(text));
    },
    async decrypt(from, payload) {
      const peer = await peerOf(from);
      const bytes = await signer.decrypt(key, peer, payload);
      try {
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch {
        throw new OpenAgentsError("INVALID", "Cannot decrypt: what is encrypted is no text");
      }
    },
  });
}
