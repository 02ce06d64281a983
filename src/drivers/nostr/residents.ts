import type { Json } from "../../core/json.ts";
import type { EventSigner } from "../../identity/event-signer.ts";

/** An agent that the driver speaks for. */
export interface Resident {
  /** Its npub. */
  readonly id: string;
  readonly signer: EventSigner;
  /** What its kind 0 says (NIP-01, NIP-24); nothing is published without one. */
  readonly profile?: Readonly<Record<string, Json>> | undefined;
  /** The text of a message of NIP-04, where the signer can read them. */
  readLegacy?(peer: string, payload: string): Promise<string>;
}

/** The agents of this home, for whom a driver reads and writes. */
export interface Residents {
  /** The agent with this public key (hex), when it takes mail here. */
  find(publicKey: string): Promise<Resident | undefined>;
  /** All of them, a page of at most `limit` at a time. */
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
