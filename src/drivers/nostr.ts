import { OpenAgentsError } from "../core/errors.ts";
import type { Carrier, Clock, Driver, Lock, Random } from "../core/ports/index.ts";
import { systemClock, systemRandom } from "../core/system.ts";
import type { NostrEvent } from "../identity/event.ts";
import { memorySigner } from "../identity/memory-signer.ts";
import { authEvent } from "../identity/nip42.ts";
import { nobleSecp } from "../identity/secp.ts";
import type { Secp } from "../identity/secp.ts";
import { Announcer } from "./nostr/announcer.ts";
import { nostrCarrier, publish } from "./nostr/carrier.ts";
import { connectWeb } from "./nostr/connection.ts";
import type { Connect } from "./nostr/connection.ts";
import { Counters } from "./nostr/counters.ts";
import type { NostrCounts } from "./nostr/counters.ts";
import type { Announced, Cursors } from "./nostr/cursors.ts";
import { Feed } from "./nostr/feed.ts";
import { floorOf } from "./nostr/floor.ts";
import { isPublicRelay } from "./nostr/guests.ts";
import { Intake } from "./nostr/intake.ts";
import type { Taken } from "./nostr/intake.ts";
import { keysOf } from "./nostr/keys.ts";
import { DEFAULT_NOSTR_LIMITS } from "./nostr/limits.ts";
import type { NostrLimits } from "./nostr/limits.ts";
import { Mailboxes } from "./nostr/mailboxes.ts";
import { Pool } from "./nostr/pool.ts";
import type { Prover, RelayReport } from "./nostr/relay.ts";
import type { Residents } from "./nostr/residents.ts";

export { TOO_LONG } from "./nostr/connection.ts";
export type { Connect } from "./nostr/connection.ts";
export type { Announced, Cursors } from "./nostr/cursors.ts";
export { REFUSALS } from "./nostr/counters.ts";
export type { NostrCounts, Refusal } from "./nostr/counters.ts";
export { isPublicAddress, isPublicRelay } from "./nostr/guests.ts";
export type { Taken } from "./nostr/intake.ts";
export type { NostrLimits } from "./nostr/limits.ts";
export type { RelayReport } from "./nostr/relay.ts";
export type { Resident, Residents, ResidentsPage } from "./nostr/residents.ts";
export { storeResidents } from "./nostr/store-residents.ts";
export type { StoreResidents } from "./nostr/store-residents.ts";
export { relayUrl } from "./nostr/wire.ts";

export interface NostrOptions {
  /** The relays of this home: where its agents read and write. At least one. */
  readonly relays: readonly string[];
  readonly residents: Residents;
  readonly cursors: Cursors;
  readonly announced: Announced;
  /** For a driver that starts often: what it need not open again. Default: nothing is kept. */
  readonly taken?: Taken;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: the machine's. */
  readonly random?: Random;
  /** The curve for what needs no agent's key. Default `nobleSecp`. */
  readonly secp?: Secp;
  /** The longest payload as JSON, in UTF-16 units. Default 1 MiB. */
  readonly payloadLength?: number;
  /** How long the ids of processed envelopes are remembered, ms. Default 7 days. */
  readonly dedup?: number;
  readonly limits?: Partial<NostrLimits>;
  /** Behind which the agents' keys are: while it is locked, nothing is read, and mail waits. Default: none. */
  readonly lock?: Lock | undefined;
  /** Default: the WebSocket of the web. */
  readonly connect?: Connect;
  /**
   * Whether a relay that a recipient named, and that is none of ours, may be connected to. Default
   * `isPublicRelay`: whoever we write to could else have us speak to what listens in our own network.
   */
  readonly mayVisit?: (url: string) => boolean;
  /** Told when mail that the carrier had to put off may arrive now. Default: nobody. */
  readonly carried?: () => void;
  /** Told of what an operator should know. Default: nobody. */
  readonly warn?: (text: string) => void;
}

/** What a driver did, and how its relays are. */
export interface NostrMetrics extends NostrCounts {
  readonly relays: readonly (RelayReport & { readonly caughtUp: boolean })[];
}

/** Agents on Nostr relays. */
export interface NostrDriver extends Driver {
  /** Takes mail to npubs that are not here. Nothing is reached before `start`. */
  readonly carrier: Carrier;
  /**
   * Hands a signed event to the relays of this home; true when one of them has it, false when all of
   * them refuse it. @throws UNREACHABLE when none can say so now
   */
  publish(event: NostrEvent): Promise<boolean>;
  /** Resolves when all that each relay had stored is taken in, or `signal` aborts. */
  caughtUp(signal?: AbortSignal): Promise<void>;
  metrics(): NostrMetrics;
}

/**
 * The driver for Nostr: reads direct messages (NIP-17 in NIP-59; NIP-04 only to read), mentions and
 * job requests (NIP-90) for the agents of a home from its relays, and writes theirs. It runs wherever
 * there is a WebSocket. @throws CONFIG for an address that is none of a relay
 */
export function nostrDriver(options: NostrOptions): NostrDriver {
  const { residents, cursors, announced, clock = systemClock, random = systemRandom } = options;
  const { secp = nobleSecp, warn = () => undefined, dedup = 604_800_000 } = options;
  const { payloadLength = 1_048_576, carried = () => undefined } = options;
  const { connect = connectWeb, mayVisit = isPublicRelay } = options;
  const limits = { ...DEFAULT_NOSTR_LIMITS, ...options.limits };
  const counters = new Counters();
  const keys = keysOf(options.lock, clock);
  // All who read there have to be known there.
  const agents: Prover = {
    eager: true,
    async authenticate(url, challenge) {
      await keys.opened();
      const { items } = await residents.page({ limit: limits.authenticated });
      return Promise.all(items.map(({ signer }) => authEvent(signer, url, challenge, clock.now())));
    },
  };
  // A relay of others gets gift wraps alone, of which nobody may know who sends them.
  const nobody: Prover = {
    eager: false,
    async authenticate(url, challenge) {
      const signer = memorySigner(random.bytes(32), { secp, random });
      return [await authEvent(signer, url, challenge, clock.now())];
    },
  };
  const kit = { clock, random, limits, counters, connect };
  const pool = new Pool(options.relays, { ...kit, agents, nobody, mayVisit });
  const floor = floorOf({ clock, dedup, ahead: limits.ahead });
  const intake = new Intake({
    residents,
    clock,
    limits,
    counters,
    secp,
    payloadLength,
    floor,
    taken: options.taken,
    again: () => pool.drop("mail that waited for its agent has to be read again"),
  });
  const failed = (error: unknown): void => {
    warn(
      `Cannot take in mail from relays: ${error instanceof Error ? error.message : String(error)}`,
    );
    pool.drop("mail could not be stored");
  };
  const feeds = pool.own.map(
    (relay) =>
      new Feed({
        relay,
        residents,
        intake,
        cursors,
        clock,
        random,
        limits,
        counters,
        keys,
        floor: floor.now,
        failed,
      }),
  );
  const announcer = new Announcer({ pool, residents, announced, clock, keys, warn });
  const mailboxes = new Mailboxes({ pool, clock, secp });
  const carrier = nostrCarrier({
    pool,
    residents,
    mailboxes,
    announcer,
    keys,
    clock,
    random,
    secp,
    limits,
    carried,
  });

  return {
    name: "nostr",
    carrier,
    async start(sink) {
      const known = await Promise.all(pool.own.map(({ url }) => cursors.load(url)));
      floor.start(Math.max(...known.map((at) => at ?? Number.NEGATIVE_INFINITY)));
      intake.open(sink);
      for (const feed of feeds) feed.start();
      announcer.start();
      // What had to wait for a relay need not wait for the courier's own next look.
      const undo = pool.own.map((relay) => relay.watch((connected) => connected && carried()));
      pool.start();
      return async () => {
        for (const unwatch of undo) unwatch();
        keys.stop();
        announcer.stop();
        await Promise.all(feeds.map((feed) => feed.stop()));
        intake.close();
        pool.stop();
      };
    },
    async publish(event) {
      const urls = pool.own.map(({ url }) => url);
      const receipt = await publish(pool, urls, { event });
      if (receipt !== "busy") return receipt === "accepted";
      throw new OpenAgentsError("UNREACHABLE", "Cannot publish event: no relay takes it now");
    },
    async caughtUp(signal) {
      const aborted = Promise.withResolvers<void>();
      signal?.addEventListener("abort", () => aborted.resolve());
      if (signal?.aborted === true) return;
      await Promise.race([Promise.all(feeds.map((feed) => feed.whenCaughtUp())), aborted.promise]);
    },
    metrics() {
      const relays = pool
        .reports()
        .map((report, i) => ({ ...report, caughtUp: feeds[i]!.caughtUp }));
      return { ...counters.counts(), relays };
    },
  };
}
