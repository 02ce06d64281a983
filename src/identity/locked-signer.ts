import { OpenAgentsError } from "../core/errors.ts";
import { lockedError } from "../core/locked.ts";
import type { Signer } from "../core/ports/index.ts";
import { encodeNpub, publicKeyOf } from "./nip19.ts";
import { isPoint } from "./point.ts";
import { nobleSecp } from "./secp.ts";
import type { Secp } from "./secp.ts";

/**
 * A signer that has no secret until somebody opens it: until then whatever needs one rejects with
 * LOCKED, and from then on it does what the opened signer does. Passphrases are tried one after the
 * other, so that guesses cost the time of its key derivation, and not more memory than one.
 * @param open the signer behind a passphrase; rejects with DENIED for a wrong one
 * @param options.secp the curve that it verifies with; default `nobleSecp`
 */
export function lockedSigner(
  open: (passphrase: string) => Promise<Signer>,
  { secp = nobleSecp }: { readonly secp?: Secp } = {},
): Signer {
  let opened: Signer | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const unlock = async (passphrase: string): Promise<void> => {
    opened ??= await open(passphrase);
  };
  const signer = async (): Promise<Signer> => {
    if (opened === undefined) throw lockedError();
    return opened;
  };

  return Object.freeze<Signer>({
    lock: Object.freeze({
      get locked() {
        return opened === undefined;
      },
      open(passphrase: string): Promise<void> {
        const attempt = last.then(() => unlock(passphrase));
        last = attempt.catch(() => undefined);
        return attempt;
      },
    }),
    identity: async (account) => (await signer()).identity(account),
    home: async () => (await signer()).home(),
    npub: encodeNpub,
    publicKey: publicKeyOf,
    sign: async (agent, message) => (await signer()).sign(agent, message),
    encrypt: async (agent, peer, plaintext) => (await signer()).encrypt(agent, peer, plaintext),
    decrypt: async (agent, peer, payload) => (await signer()).decrypt(agent, peer, payload),
    async decryptLegacy(agent, peer, payload) {
      const text = (await signer()).decryptLegacy?.(agent, peer, payload);
      if (text !== undefined) return text;
      throw new OpenAgentsError("INVALID", "Cannot decrypt: this signer does not know NIP-04");
    },
    seal: async (agent, to) => (await signer()).seal(agent, to),
    adopt: async (publicKey, sealed) => (await signer()).adopt(publicKey, sealed),
    importKey: async (text, password) => (await signer()).importKey(text, password),
    exportKey: async (agent, password) => (await signer()).exportKey(agent, password),
    sealSecret: async (name, text) => (await signer()).sealSecret(name, text),
    openSecret: async (name, sealed) => (await signer()).openSecret(name, sealed),
    verify: (publicKey, message, signature) => secp.verify(signature, message, publicKey),
    isPoint,
  });
}
