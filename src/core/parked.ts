import type { Envelope } from "./envelope.ts";

/** A tick that waits, as it is stored in `parked/<trigger>`: nothing else of it is held. */
export interface Parked {
  /** What caused it, as it was delivered. */
  readonly envelope: Envelope;
  readonly waits: readonly Wait[];
  /** When it is taken up whatever happens: the earliest end of a wait, or the time of a retry. */
  readonly at: number;
  /** Tries that failed. */
  readonly attempts: number;
}

/** One thing that a parked tick waits for. */
export interface Wait {
  /** The key of the request or sleep in the journal. */
  readonly key: string;
  /** The id of the request's envelope; absent for a sleep. */
  readonly request?: string | undefined;
  /** The npub of the one who was asked; absent when that is not known. */
  readonly asked?: string | undefined;
  /** When a sleep ends or a request times out, ms since 1970. */
  readonly until: number;
}
