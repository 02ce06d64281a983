import type { Clock } from "../../core/ports/index.ts";
import { sha256Hex } from "../../core/hash.ts";
import type { EventTemplate } from "../../identity/event.ts";
import { dmRelaysTemplate } from "../../identity/nip17.ts";
import type { Announced } from "./cursors.ts";
import type { Keys } from "./keys.ts";
import type { Pool } from "./pool.ts";
import { Recent } from "./recent.ts";
import type { Relay } from "./relay.ts";
import type { Resident, Residents } from "./residents.ts";

/** What somebody says of themselves (NIP-01), and the relays that they read and write (NIP-65). */
const PROFILE = 0;
const RELAY_LIST = 10_002;
/** How many agents are looked at together, and how many at once. */
const PAGE = 100;
const AT_ONCE = 8;
/** For how many agents it is remembered that they are announced. */
const KEPT = 10_000;

export interface AnnouncerOptions {
  readonly pool: Pool;
  readonly residents: Residents;
  readonly announced: Announced;
  readonly clock: Clock;
  /** What is said is signed: it waits for them. */
  readonly keys: Keys;
  /** Told of what an operator should know. */
  readonly warn: (text: string) => void;
}

/**
 * Says at each of our relays where agents read their mail (kinds 10050 and 10002), and who they are
 * when they have a profile (kind 0): once, and again when that has changed.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #urls: readonly string[];
  /** Agents that are announced at a relay at least, or just being so. */
  readonly #known = new Recent<Promise<void>>(KEPT);
  /** What is being said at a relay of an agent just now. */
  readonly #saying = new Map<string, Promise<void>>();
  #stop: (() => void) | undefined;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#urls = options.pool.own.map(({ url }) => url);
  }

  start(): void {
    const { pool, residents } = this.#options;
    const undo = pool.own.map((relay) => {
      if (relay.connected) this.#all(relay);
      return relay.watch((connected) => connected && this.#all(relay));
    });
    undo.push(
      residents.watch((resident) => {
        this.#known.delete(resident.signer.publicKey);
        this.announce(resident).catch(() => undefined);
      }),
    );
    this.#stop = () => {
      for (const step of undo) step();
    };
  }

  stop(): void {
    this.#stop?.();
  }

  /**
   * Resolves once one of our relays at least knows where this agent reads, so that whoever gets
   * something of it can answer. @throws UNREACHABLE when no relay takes it now
   */
  async announce(resident: Resident): Promise<void> {
    const { publicKey } = resident.signer;
    const known = this.#known.get(publicKey);
    if (known !== undefined) return known;
    const relays = this.#options.pool.own.filter(({ connected }) => connected);
    const done = Promise.any(relays.map((relay) => this.#at(relay, resident)));
    void this.#known.set(publicKey, done);
    try {
      await done;
    } catch (error) {
      this.#known.delete(publicKey);
      throw error;
    }
  }

  /** Announces everybody at a relay that is connected now. */
  #all(relay: Relay): void {
    this.#pages(relay).catch((error: unknown) => {
      if (relay.connected) {
        this.#options.warn(`Cannot announce agents at relay "${relay.url}": ${String(error)}`);
      }
    });
  }

  async #pages(relay: Relay): Promise<void> {
    const { residents, keys } = this.#options;
    await keys.opened();
    const failures: unknown[] = [];
    let cursor: string | undefined;
    do {
      const page = await residents.page({ cursor, limit: PAGE });
      for (let i = 0; i < page.items.length; i += AT_ONCE) {
        if (!relay.connected) return;
        const some = page.items.slice(i, i + AT_ONCE);
        const said = await Promise.allSettled(some.map((resident) => this.#at(relay, resident)));
        for (const one of said) if (one.status === "rejected") failures.push(one.reason);
      }
      ({ cursor } = page);
    } while (cursor !== undefined);
    // What it refuses of one agent it may take of the next; all of them are one warning.
    if (failures.length > 0) throw failures[0];
  }

  /** Says at one relay what is new of one agent. */
  async #at(relay: Relay, resident: Resident): Promise<void> {
    const key = `${relay.url} ${resident.signer.publicKey}`;
    const saying =
      this.#saying.get(key) ?? this.#say(relay, resident).finally(() => this.#saying.delete(key));
    this.#saying.set(key, saying);
    return saying;
  }

  async #say(relay: Relay, resident: Resident): Promise<void> {
    const { announced } = this.#options;
    const { signer, profile } = resident;
    const { publicKey } = signer;
    const digest = sha256Hex(JSON.stringify([this.#urls, profile ?? null])).slice(0, 32);
    if ((await announced.load(relay.url, publicKey)) === digest) return;
    for (const template of this.#templates(profile)) {
      const { accepted, reason } = await relay.publish(await signer.signEvent(template));
      if (!accepted) throw new Error(`it refused kind ${template.kind}: ${reason}`);
    }
    await announced.save(relay.url, publicKey, digest);
  }

  #templates(profile: Resident["profile"]): readonly EventTemplate[] {
    const now = this.#options.clock.now();
    const created_at = Math.floor(now / 1000);
    const tags = this.#urls.map((url) => ["r", url]);
    const lists = [
      dmRelaysTemplate(this.#urls, now),
      { kind: RELAY_LIST, created_at, tags, content: "" },
    ];
    if (profile === undefined) return lists;
    return [...lists, { kind: PROFILE, created_at, tags: [], content: JSON.stringify(profile) }];
  }
}
