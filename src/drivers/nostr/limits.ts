/** What the driver allows relays and itself. Times are in ms, lengths in UTF-16 units. */
export interface NostrLimits {
  /** The longest message that a relay may send; where the socket can, no more of it is read. Default 1 MiB. */
  readonly messageLength: number;
  /** The longest event that is taken in. Default 512 KiB. */
  readonly eventLength: number;
  /** How long a relay may take to open a connection, or to answer. Default 10 s. */
  readonly patience: number;
  /** How long a relay may say nothing before it is asked whether it is there. Default 30 s. */
  readonly quiet: number;
  /** The first wait before a relay is tried again; it doubles each time. Default 1 s. */
  readonly firstWait: number;
  /** The longest wait before a relay is tried again. Default 5 min. */
  readonly longestWait: number;
  /** How many keys one filter names: many relays take no more than 256. Default 250. */
  readonly filterKeys: number;
  /** How many filters one subscription has. Default 4, which keeps a request below 128 KiB. */
  readonly filters: number;
  /** How many subscriptions stay open at one relay; it may need a few more for a moment. Default 12. */
  readonly subscriptions: number;
  /** How many stored events are asked for at once. Default 500. */
  readonly page: number;
  /** How many UTF-16 units of stored events are put into their order at once. Default 64 Mi. */
  readonly backlogLength: number;
  /** How often mail for an agent between two homes is tried again. Default 2 s. */
  readonly betweenHomes: number;
  /** How much of it is held. Default 1000. */
  readonly held: number;
  /** How many events of one relay wait to be taken in before its connection is ended. Default 5000. */
  readonly waiting: number;
  /** How many refused messages a relay may send within a minute. Default 500. */
  readonly refusals: number;
  /** How far ahead of this clock an event's time may lie. Default 15 min; less with a short dedup. */
  readonly ahead: number;
  /** How many ids of events are remembered, so that they are opened once. Default 100,000. */
  readonly remembered: number;
  /** How many agents a connection is authenticated for (NIP-42). Default 500. */
  readonly authenticated: number;
}

export const DEFAULT_NOSTR_LIMITS: NostrLimits = {
  messageLength: 1_048_576,
  eventLength: 524_288,
  patience: 10_000,
  quiet: 30_000,
  firstWait: 1_000,
  longestWait: 300_000,
  filterKeys: 250,
  filters: 4,
  subscriptions: 12,
  page: 500,
  backlogLength: 67_108_864,
  betweenHomes: 2000,
  held: 1000,
  waiting: 5000,
  refusals: 500,
  ahead: 900_000,
  remembered: 100_000,
  authenticated: 500,
};
