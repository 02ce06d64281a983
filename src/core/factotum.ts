import type { Clock, Keyed, Signer } from "./ports/index.ts";
import type { KeyUse } from "./trajectory.ts";

/** Purposes that are noted apart between two records of one agent; more are noted as one. */
const NOTED = 256;

/** A signer as the kernel holds it: each use of an agent's key is noted for the agent's next record. */
export interface Factotum extends Signer {
  /** Takes what the agent's key was used for since its last record, in order. */
  takeUses(agent: Pick<Keyed, "publicKey">): readonly KeyUse[];
  /** Keeps what was taken for a later record. */
  keepUses(agent: Pick<Keyed, "publicKey">, uses: readonly KeyUse[]): void;
}

/** True for a signer that is one already: who else uses keys of agents shares it with the runtime. */
export function isFactotum(signer: Signer): signer is Factotum {
  return "takeUses" in signer;
}

/**
 * Notes who uses which agent's key, for what and when. The notes go into the agent's next record,
 * also those of uses outside of any tick. Until then they are in memory: a crash forgets them, as it
 * does the tick that they were made in.
 */
export function factotum(signer: Signer, clock: Pick<Clock, "now">): Factotum {
  const noted = new Map<string, Map<string, KeyUse>>();
  const { lock } = signer;

  const keep = (publicKey: string, { use, for: purpose, at, count = 1 }: KeyUse): void => {
    const uses = noted.get(publicKey) ?? new Map<string, KeyUse>();
    noted.set(publicKey, uses);
    const what = uses.size < NOTED || uses.has(`${use} ${purpose}`) ? purpose : "others";
    const known = uses.get(`${use} ${what}`);
    const counted = { use, for: what, at: known?.at ?? at };
    const total = (known?.count ?? (known === undefined ? 0 : 1)) + count;
    uses.set(`${use} ${what}`, total === 1 ? counted : { ...counted, count: total });
  };
  const note = ({ publicKey, purpose = "unsaid" }: Keyed, use: KeyUse["use"]): void => {
    // What a locked signer refuses is no use of a key.
    if (lock?.locked !== true) keep(publicKey, { use, for: purpose, at: clock.now() });
  };

  return {
    ...(lock && { lock }),
    identity: (account) => signer.identity(account),
    home: () => signer.home(),
    npub: (publicKey) => signer.npub(publicKey),
    publicKey: (npub) => signer.publicKey(npub),
    adopt: (publicKey, sealed) => signer.adopt(publicKey, sealed),
    importKey: (text, password) => signer.importKey(text, password),
    sealSecret: (name, text) => signer.sealSecret(name, text),
    openSecret: (name, sealed) => signer.openSecret(name, sealed),
    verify: (publicKey, message, signature) => signer.verify(publicKey, message, signature),
    isPoint: (publicKey) => signer.isPoint(publicKey),
    sign(agent, message) {
      note(agent, "sign");
      return signer.sign(agent, message);
    },
    encrypt(agent, peer, plaintext) {
      note(agent, "encrypt");
      return signer.encrypt(agent, peer, plaintext);
    },
    decrypt(agent, peer, payload) {
      note(agent, "decrypt");
      return signer.decrypt(agent, peer, payload);
    },
    ...(signer.decryptLegacy && {
      decryptLegacy(agent: Keyed, peer: string, payload: string) {
        note(agent, "decrypt");
        return signer.decryptLegacy!(agent, peer, payload);
      },
    }),
    seal(agent, to) {
      note(agent, "export");
      return signer.seal(agent, to);
    },
    async exportKey(agent, password) {
      const text = await signer.exportKey(agent, password);
      note(agent, "export");
      return text;
    },
    takeUses({ publicKey }) {
      const uses = [...(noted.get(publicKey)?.values() ?? [])];
      noted.delete(publicKey);
      return uses;
    },
    keepUses({ publicKey }, uses) {
      for (const use of uses) keep(publicKey, use);
    },
  };
}
