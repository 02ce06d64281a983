/** Why something that a relay sent is not acted on. Each is counted. */
export const REFUSALS = {
  garbage: "no message of NIP-01",
  oversized: "longer than it may be",
  unsolicited: "nobody asked for it",
  flood: "the relay sent too much that is refused: the connection is ended, and tried again late",
  overflow:
    "the relay sent faster than mail can be stored: the connection is ended, and tried again",
  crowded: "more events of one second than the relay gives at once: some may not be seen",
  stalled: "the relay did not answer in time: the connection is ended, and tried again",
  foreign: "an event for none of the agents here",
  kind: "an event of a kind that wakes no agent",
  replayed: "an event that was taken before",
  expired: "an event past its NIP-40 expiration",
  future: "an event from further ahead than clocks differ",
  stale: "an event so old that it may have been acted on and forgotten",
  forged: "an event whose id or signature is wrong",
  sealed: "a gift wrap or direct message that cannot be opened",
  impostor: "a gift wrap whose seal was made by another one than it names",
  malformed: "an event or message whose contents do not make an envelope",
  full: "the agent's inbox is full and turns mail away",
  gone: "the agent is terminated, or has moved and its mail is not forwarded",
} as const;

export type Refusal = keyof typeof REFUSALS;

/** What became of all that relays sent and were sent, since the driver was made. */
export interface NostrCounts {
  /** Events that relays sent, before any check. */
  readonly received: number;
  /** Envelopes that are durable in an inbox, or with the dead letters of a full one. */
  readonly taken: number;
  /** Envelopes that were there before: sent again, or to another relay. */
  readonly repeated: number;
  readonly refused: Readonly<Record<Refusal, number>>;
  /** Events that a relay accepted, by relay and event. */
  readonly published: number;
  /** Events that a relay did not accept. */
  readonly declined: number;
}

/** The counters of a driver. */
export class Counters {
  #received = 0;
  #taken = 0;
  #repeated = 0;
  #published = 0;
  #declined = 0;
  readonly #refused = Object.fromEntries(
    Object.keys(REFUSALS).map((reason) => [reason, 0]),
  ) as Record<Refusal, number>;

  received(): void {
    this.#received += 1;
  }

  taken(): void {
    this.#taken += 1;
  }

  repeated(): void {
    this.#repeated += 1;
  }

  refused(reason: Refusal): void {
    this.#refused[reason] += 1;
  }

  published(accepted: boolean): void {
    if (accepted) this.#published += 1;
    else this.#declined += 1;
  }

  /** The counts as they are now. */
  counts(): NostrCounts {
    return {
      received: this.#received,
      taken: this.#taken,
      repeated: this.#repeated,
      refused: { ...this.#refused },
      published: this.#published,
      declined: this.#declined,
    };
  }
}
