import type { AgentRecord } from "../../core/agent.ts";
import type { Envelope } from "../../core/envelope.ts";
import type { Json } from "../../core/json.ts";
import type { Signer } from "../../core/ports/index.ts";
import { openSent } from "../../core/seal.ts";
import { agentSigner } from "../../identity/event-signer.ts";
import type { EventSigner } from "../../identity/event-signer.ts";

/** What somebody says of themselves in public. */
export type Profile = Readonly<Record<string, Json>>;

/** An agent that the driver speaks for. */
export interface Resident {
  /** Its npub. */
  readonly id: string;
  readonly signer: EventSigner;
  /** What its kind 0 says (NIP-01, NIP-24); nothing is published without one. */
  readonly profile?: Profile | undefined;
  /** Its own mail as it wrote it. @throws DENIED when it cannot be opened */
  opened(envelope: Envelope): Promise<Envelope>;
  /** The text of a message of NIP-04, where the signer can read them. */
  readLegacy?(peer: string, payload: string): Promise<string>;
}

/** What its keys are used for, as an agent's record says it. */
const PURPOSE = "nostr";

/** An agent as the driver sees it, by the signer that has its key. */
export function residentOf(signer: Signer, record: AgentRecord, profile?: Profile): Resident {
  const key = { ...record, purpose: PURPOSE };
  return {
    id: record.id,
    signer: agentSigner(signer, key),
    profile,
    opened: (envelope) => openSent(signer, key, envelope),
    ...(signer.decryptLegacy !== undefined && {
      readLegacy: (peer: string, payload: string) => signer.decryptLegacy!(key, peer, payload),
    }),
  };
}

/** The agents of this home, for whom a driver reads and writes. */
export interface Residents {
  /** The agent with this public key (hex), whatever its status. */
  find(publicKey: string): Promise<Resident | undefined>;
  /** Those that take mail here, a page of at most `limit` at a time. */
  page(query: {
    readonly cursor?: string | undefined;
    readonly limit: number;
  }): Promise<ResidentsPage>;
  /** Calls `listener` with each agent that is new here; undo by the result. */
  watch(listener: (resident: Resident) => void): () => void;
}

export interface ResidentsPage {
  readonly items: readonly Resident[];
  /** Given when there may be more. */
  readonly cursor?: string | undefined;
}
