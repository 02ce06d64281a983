import type { AgentRecord } from "../../core/agent.ts";
import type { RuntimeDefinition } from "../../core/runtime-definition.ts";
import { toMs } from "../../core/duration.ts";
import type { Duration } from "../../core/duration.ts";
import { PUBLIC } from "../../core/envelope.ts";
import type { Envelope } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { factotum } from "../../core/factotum.ts";
import type { Factotum } from "../../core/factotum.ts";
import type { Receipt, Signer } from "../../core/ports/index.ts";
import { systemClock } from "../../core/system.ts";
import { nostrDriver, storeResidents } from "../../drivers/nostr.ts";
import type { NostrDriver, Refusal, StoreResidents } from "../../drivers/nostr.ts";
import { decodeNpub } from "../../identity/nip19.ts";
import type { Secp } from "../../identity/secp.ts";
import type { Directory } from "./directory.ts";
import type { Env, ObjectContext } from "./platform.ts";
import { relayNotes } from "./relay-notes.ts";
import type { RelayNotes } from "./relay-notes.ts";
import { RelaySession } from "./relay-session.ts";
import type { Running } from "./relay-session.ts";
import type { Arrival, Posted, Posting } from "./relays.ts";
import { readDirectory } from "./roster.ts";
import { answer, call } from "./wire.ts";

/** When relays are connected. */
export interface RelayPolicy {
  /** How long after a connection ended there is another one, at the latest; at least 1 s. Default 30 s. */
  readonly poll?: Duration;
  /** How long nothing has to come or go until a connection ends. Default 10 s. */
  readonly stay?: Duration;
}

/** What the object of the relays needs of its Worker. */
export interface RelayHome {
  readonly definition: RuntimeDefinition;
  readonly signer: Signer;
  readonly directory: Directory;
  readonly secp: Secp;
  readonly policy: RelayPolicy;
}

/** How long a connection is kept by one alarm, ms; the next one takes it over. */
const LEASH = 300_000;
/** How long relays that do not answer are waited for, ms. */
const PATIENCE = 10_000;
/** How long an agent's object is kept waiting for what becomes of its mail, ms, and between looks. */
const GRACE = 3_000;
const LOOK = 500;
/** The shortest time between two connections, ms. */
const SHORTEST = 1_000;
/** An object has 128 MB in all. */
const LIMITS = { backlogLength: 8_388_608, remembered: 20_000 };
/** What any relay sends, and nobody need look at. */
const USUAL: ReadonlySet<string> = new Set<Refusal>(["replayed", "foreign", "kind"]);

/**
 * The relays of a Worker, in a Durable Object of their own, whose alarm wakes it for as long as there
 * are relays. It connects, takes in what came since it last did, stays for as long as something comes
 * or goes, and rests. Whatever it was doing when it ends is done again by its next alarm: cursors,
 * and what was taken in, are in its storage.
 */
export class RelayHost {
  readonly #context: ObjectContext;
  readonly #env: Env;
  readonly #home: RelayHome;
  readonly #poll: number;
  readonly #stay: number;
  readonly #signer: Factotum;
  readonly #residents: StoreResidents;
  readonly #notes: RelayNotes;
  /** Agents whose objects did not take their mail: it may be the mail's doing. */
  readonly #failed = new Set<string>();
  /** Those who wait for mail that could not go at once. */
  readonly #waiting = new Set<() => void>();
  #session: RelaySession | undefined;
  /** An alarm keeps the object alive. */
  #watched = false;

  constructor(context: ObjectContext, env: Env, home: RelayHome) {
    this.#context = context;
    this.#env = env;
    this.#home = home;
    this.#poll = Math.max(SHORTEST, toMs(home.policy.poll ?? "30s"));
    this.#stay = toMs(home.policy.stay ?? "10s");
    this.#signer = factotum(home.signer, systemClock);
    this.#notes = relayNotes(context.storage);
    this.#residents = storeResidents({
      directory: this.#notes.roster,
      signer: this.#signer,
      agents: home.definition.agents,
    });
  }

  async fetch(request: Request): Promise<Response> {
    const response = await answer(request, {
      post: (posting: Posting) => this.#post(posting),
      settle: async (agent: AgentRecord) => this.#settle(agent),
      drop: async ({ id }: { id: string }) => this.#notes.roster.drop(decodeNpub(id)),
      wake: async () => {
        const { storage } = this.#context;
        if (this.#home.definition.relays.length === 0) return;
        if (!this.#watched && (await storage.getAlarm()) === null) await this.#soon();
      },
    });
    return response ?? new Response(null, { status: 404 });
  }

  async alarm(): Promise<void> {
    const { storage } = this.#context;
    if (this.#home.definition.relays.length === 0) return;
    // First, so that whatever happens there is a next one.
    await storage.setAlarm(Date.now() + this.#poll);
    this.#watched = true;
    const session = this.#join();
    const leash = Promise.withResolvers<void>();
    const stop = systemClock.after(LEASH, leash.resolve);
    try {
      await Promise.race([session.done, leash.promise]);
    } finally {
      stop();
      this.#watched = false;
    }
    const rests = this.#session === undefined || this.#session.over;
    await storage.setAlarm(Date.now() + (rests ? this.#poll : 0));
  }

  /** The session that is, or a new one. */
  #join(): RelaySession {
    const before = this.#session;
    if (before !== undefined && !before.over) return before;
    return (this.#session = new RelaySession({
      after: before?.done ?? Promise.resolve(),
      begin: () => this.#begin(),
      clock: systemClock,
      stay: this.#stay,
      patience: PATIENCE,
      warn: (text) => console.warn(text),
    }));
  }

  async #begin(): Promise<Running | undefined> {
    const { definition, directory, secp } = this.#home;
    const { roster, ...notes } = this.#notes;
    notes.prune(Date.now());
    await readDirectory({ directory, roster, agents: this.#env.AGENTS }).catch((error: unknown) =>
      // Those who are known are read for.
      console.warn(`Cannot look for new agents: ${String(error)}`),
    );
    if (roster.empty) return undefined;
    const { limits } = definition;
    const driver = nostrDriver({
      relays: definition.relays,
      residents: this.#residents,
      cursors: notes.cursors,
      announced: notes.announced,
      taken: notes.taken,
      secp,
      payloadLength: limits.envelopeBytes,
      dedup: toMs(limits.dedup),
      limits: LIMITS,
      lock: this.#signer.lock,
      carried: () => {
        for (const look of this.#waiting) look();
      },
      warn: (text) => console.warn(text),
    });
    const stop = await driver.start((mail) => this.#take(mail));
    return {
      driver,
      async stop() {
        await stop();
        const refused = Object.entries(driver.metrics().refused)
          .filter(([reason, count]) => count > 0 && !USUAL.has(reason))
          .map(([reason, count]) => `${reason} ${count}`);
        if (refused.length > 0) console.warn(`Refused of what relays sent: ${refused.join(", ")}`);
      },
    };
  }

  /** Puts mail into its agents' inboxes. */
  async #take(mail: readonly Envelope[]): Promise<readonly Receipt[]> {
    const receipts: Receipt[] = [];
    await Promise.all(
      [...Map.groupBy(mail.keys(), (i) => mail[i]!.to)].map(async ([to, indexes]) => {
        const theirs = await this.#hand(
          to,
          indexes.map((i) => mail[i]!),
        );
        indexes.forEach((i, k) => {
          receipts[i] = theirs[k] ?? "busy";
        });
      }),
    );
    return receipts;
  }

  /** Hands an agent's object its mail; what it cannot take now is `busy`. */
  async #hand(to: string, mail: readonly Envelope[]): Promise<readonly Receipt[]> {
    const publicKey = decodeNpub(to);
    const uses = this.#signer.takeUses({ publicKey });
    try {
      const input: Arrival = { mail, uses, again: this.#failed.has(to) };
      const receipts = await call<Receipt[]>(this.#env.AGENTS, to, { method: "accept", input });
      this.#failed.delete(to);
      if (receipts.includes("terminated")) this.#notes.roster.drop(publicKey);
      return receipts;
    } catch (error) {
      this.#signer.keepUses({ publicKey }, uses);
      const isNobody = error instanceof OpenAgentsError && error.code === "NOT_FOUND";
      if (isNobody && !(await this.#complete(publicKey))) {
        this.#notes.roster.drop(publicKey);
        return mail.map((): Receipt => "unknown");
      }
      console.warn(`Cannot take in mail for ${to}: ${String(error)}`);
      this.#failed.add(to);
      return mail.map((): Receipt => "busy");
    }
  }

  /** Completes the birth of an agent whose object was not told of it; false when there is none. */
  async #complete(publicKey: string): Promise<boolean> {
    const { name = "" } = (await this.#notes.roster.get(publicKey)) ?? {};
    return this.#home.directory.complete(name).catch(() => true);
  }

  async #post({ agent, mail }: Posting): Promise<Posted> {
    if (this.#home.definition.relays.length === 0) {
      return {
        receipts: mail.map(({ to }) => (to === PUBLIC ? "unpublished" : "unknown")),
        uses: [],
      };
    }
    await this.#settle(agent);
    // A request keeps the object alive for no longer than it lasts.
    if (!this.#watched) await this.#soon();
    const receipts = await this.#join().use((driver) => this.#carry(driver, mail));
    const uses = this.#signer.takeUses(agent);
    return { receipts: receipts ?? mail.map((): Receipt => "busy"), uses };
  }

  /** Carries mail, and tries again for a while what cannot go at once. */
  async #carry({ carrier }: NostrDriver, mail: readonly Envelope[]): Promise<readonly Receipt[]> {
    const receipts: Receipt[] = [];
    let left: readonly number[] = mail.map((_, i) => i);
    for (const end = Date.now() + GRACE; ;) {
      const theirs = await Promise.all(
        left.map(async (i) => (mail[i]!.to === PUBLIC ? carrier.publish?.(mail[i]!) : undefined)),
      );
      const letters = left.filter((i) => mail[i]!.to !== PUBLIC);
      const delivered = await carrier.deliver(letters.map((i) => mail[i]!));
      left.forEach((i, k) => {
        receipts[i] = theirs[k] ?? delivered[letters.indexOf(i)] ?? "busy";
      });
      left = left.filter((i) => receipts[i] === "busy");
      if (left.length === 0 || Date.now() >= end) return receipts;
      await this.#carried();
    }
  }

  /** Resolves when mail may arrive now, or after a while. */
  async #carried(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    const stop = systemClock.after(LOOK, resolve);
    await promise;
    stop();
    this.#waiting.delete(resolve);
  }

  async #settle(agent: AgentRecord): Promise<void> {
    // Who has gone is read for until the connection ends.
    if (!this.#notes.roster.settle(agent)) return;
    this.#residents.settled(agent);
    if (!this.#watched) await this.#soon();
  }

  /** Has the alarm go off at once. */
  #soon(): Promise<void> {
    return this.#context.storage.setAlarm(Date.now());
  }
}
