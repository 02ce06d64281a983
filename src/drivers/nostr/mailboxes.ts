import type { Clock } from "../../core/ports/index.ts";
import { verifyEvent } from "../../identity/event.ts";
import type { NostrEvent } from "../../identity/event.ts";
import { DM_RELAYS, dmRelays } from "../../identity/nip17.ts";
import type { Secp } from "../../identity/secp.ts";
import type { Pool } from "./pool.ts";
import { Recent } from "./recent.ts";
import { relayUrl } from "./wire.ts";

/** How many lists are remembered, for how long, and for how long it is that there is none, ms. */
const KEPT = 10_000;
const GOOD_FOR = 300_000;
const NONE_FOR = 2_000;
/** To how many of its relays a message to somebody is sent: NIP-17 advises lists of one to three. */
const USED = 3;

interface Known {
  readonly relays: readonly string[];
  readonly until: number;
}

/** Where others read their direct messages (NIP-17, kind 10050), as our own relays know it. */
export class Mailboxes {
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #secp: Secp;
  readonly #known = new Recent<Known>(KEPT);
  readonly #none = new Recent<number>(KEPT);
  readonly #asked = new Map<string, Promise<readonly string[] | undefined>>();

  constructor({
    pool,
    clock,
    secp,
  }: {
    readonly pool: Pool;
    readonly clock: Clock;
    readonly secp: Secp;
  }) {
    this.#pool = pool;
    this.#clock = clock;
    this.#secp = secp;
  }

  /**
   * The relays of a public key, none when it names none, which means that nothing may be sent to it;
   * undefined when that is not known because a relay of ours does not answer.
   */
  async of(publicKey: string): Promise<readonly string[] | undefined> {
    const known = this.#known.get(publicKey);
    if (known !== undefined && known.until > this.#clock.now()) return known.relays;
    const asked = this.#asked.get(publicKey) ?? this.#ask(publicKey);
    this.#asked.set(publicKey, asked);
    try {
      return await asked;
    } finally {
      this.#asked.delete(publicKey);
    }
  }

  /** Since when it is known that a key names no relays, ms since 1970; undefined when it is not. */
  noneSince(publicKey: string): number | undefined {
    return this.#none.get(publicKey);
  }

  /** Has the next look at a key ask the relays. */
  forget(publicKey: string): void {
    this.#known.delete(publicKey);
  }

  async #ask(publicKey: string): Promise<readonly string[] | undefined> {
    const { own } = this.#pool;
    const filter = { authors: [publicKey], kinds: [DM_RELAYS], limit: 1 };
    const answers = await Promise.allSettled(own.map((relay) => relay.query(filter)));
    let newest: NostrEvent | undefined;
    for (const answer of answers) {
      if (answer.status === "rejected") continue;
      for (const event of answer.value) {
        const fits = event.pubkey === publicKey && event.kind === DM_RELAYS;
        if (!fits || (newest !== undefined && newest.created_at >= event.created_at)) continue;
        if (verifyEvent(event, this.#secp)) newest = event;
      }
    }
    if (newest === undefined && answers.some(({ status }) => status === "rejected")) {
      return undefined;
    }
    const urls = newest === undefined ? [] : dmRelays(newest).flatMap((url) => relayUrl(url) ?? []);
    const relays = [...new Set(urls)].slice(0, USED);
    if (relays.length > 0) this.#none.delete(publicKey);
    else this.#none.set(publicKey, this.#none.get(publicKey) ?? this.#clock.now());
    const until = this.#clock.now() + (relays.length > 0 ? GOOD_FOR : NONE_FOR);
    this.#known.set(publicKey, { relays, until });
    return relays;
  }
}
