import { PUBLIC } from "../../core/envelope.ts";
import type { Envelope } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Carrier, Clock, Random, Receipt } from "../../core/ports/index.ts";
import type { EventDraft } from "../../core/public-event.ts";
import { tagValue, verifyEvent } from "../../identity/event.ts";
import type { NostrEvent } from "../../identity/event.ts";
import { giftWrap } from "../../identity/nip59.ts";
import type { Secp } from "../../identity/secp.ts";
import type { Announcer } from "./announcer.ts";
import type { Keys } from "./keys.ts";
import { eventOf, keyOf, rumorFor } from "./letter.ts";
import type { NostrLimits } from "./limits.ts";
import type { Mailboxes } from "./mailboxes.ts";
import type { Pool } from "./pool.ts";
import { isJob, NOTE, publicReply } from "./public-event.ts";
import { Recent } from "./recent.ts";
import type { Resident, Residents } from "./residents.ts";

export interface CarrierOptions {
  readonly pool: Pool;
  readonly residents: Residents;
  readonly mailboxes: Mailboxes;
  readonly announcer: Announcer;
  /** What is sent is signed: while they are locked all of it is `busy`. */
  readonly keys: Keys;
  readonly clock: Clock;
  readonly random: Random;
  readonly secp: Secp;
  readonly limits: Pick<NostrLimits, "eventLength">;
  /** Told when mail that was `busy` has arrived, or may arrive now: to be delivered again. */
  readonly carried: () => void;
}

/** How long the courier is kept waiting for relays, ms: what takes longer goes on without it. */
const GRACE = 250;
/** How many senders' mail is under way at once, and how much of it waits. */
const PATHS = 64;
const WAITING = 1000;
/** For how long mail waits for a recipient that says nowhere where it reads, ms: it may be about to. */
const UNSETTLED = 600_000;
/** How many results are kept for the courier's next look, and events for replies to them. */
const KEPT = 10_000;
const ORIGINALS = 200;
/** How often an agent replies in one thread of notes: two that wake each other would never end. */
const REPLIES = 10;
/** With these a relay says no for now (NIP-01); with any other word it will not change its mind. */
const FOR_NOW = /^(?:rate-limited|error|auth-required):|^$/;
/** The same for a notice, which is free text. */
const SLOWER = /rate.?limit|slow|too (?:fast|many)|later/i;
/** What silence of a relay that is there weighs, and how much of it is a refusal for good. */
const SILENCE = { late: 2, notice: 3, closed: 3 } as const;
const SILENT = 6;
/** What the message of a relay has around an event, at most, in UTF-16 units. */
const AROUND = 100;

/** Mail of one sender to one recipient, which arrives in order. */
interface Path {
  readonly queue: Envelope[];
  readonly done: Promise<void>;
  /** How many wait to see what becomes of it. */
  watchers: number;
}

/** The ids of each agent's replies, by its key and the root of the thread, beside what relays have. */
type Threads = Recent<Set<string>>;

/** What the ways of an envelope share. */
interface Trip {
  readonly originals: Recent<NostrEvent>;
  readonly threads: Threads;
  readonly silences: Recent<number>;
  /** The how manieth envelope it is. */
  readonly n: number;
}

/**
 * Takes mail to npubs that are not here: as a direct message (NIP-17) in a gift wrap (NIP-59) to the
 * relays that the recipient names, or, for a reply to a note or a job request, as an event in public.
 * It has arrived when one relay at least said so. The same envelope is the same message each time, so
 * that a second one is known by its id. What relays take too long for is `busy` and goes on.
 */
export function nostrCarrier(options: CarrierOptions): Carrier {
  const { clock, carried } = options;
  const paths = new Map<string, Path>();
  const receipts = new Recent<Receipt>(KEPT);
  const originals = new Recent<NostrEvent>(ORIGINALS);
  const threads: Threads = new Recent(KEPT);
  // Of each relay and envelope: each try has another event.
  const silences = new Recent<number>(KEPT);
  let waiting = 0;
  // The same for each try, as it is a part of the message.
  const numbers = new Recent<number>(KEPT);
  let count = 0;

  /** Whether something came to its end. */
  const work = async (queue: Envelope[]): Promise<boolean> => {
    let arrived = false;
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      const id = idOf(next);
      const n = numbers.get(id) ?? (count += 1);
      numbers.set(id, n);
      const receipt = await carry(options, next, { originals, threads, silences, n }).catch(
        outcomeOf,
      );
      // Behind what has to wait, all of this path waits. That it did is not kept: it would be the
      // answer the next time, while what was sent after it went ahead.
      const over = receipt === "busy" ? queue.length : 1;
      if (receipt !== "busy") receipts.set(id, receipt);
      arrived ||= receipt !== "busy";
      queue.splice(0, over);
      waiting -= over;
    }
    return arrived;
  };
  const begin = (path: string): Path | undefined => {
    if (paths.size >= PATHS) return undefined;
    const queue: Envelope[] = [];
    // In the next turn of promises, when the queue has its mail.
    const done = Promise.resolve()
      .then(() => work(queue))
      .then((arrived) => {
        paths.delete(path);
        if (arrived && begun.watchers === 0) carried();
      });
    const begun: Path = { queue, done, watchers: 0 };
    paths.set(path, begun);
    return begun;
  };

  const deliver = async (mail: readonly Envelope[]): Promise<readonly Receipt[]> => {
    const under = new Set<Path>();
    for (const envelope of mail) {
      const id = idOf(envelope);
      if (receipts.has(id)) continue;
      const path = pathOf(envelope);
      const running = paths.get(path);
      if (running?.queue.some((other) => idOf(other) === id) !== true) {
        if (waiting >= WAITING) continue;
        const queue = (running ?? begin(path))?.queue;
        if (queue === undefined) continue;
        queue.push(envelope);
        waiting += 1;
      }
      under.add(paths.get(path)!);
    }
    if (under.size > 0) {
      const watched = [...under];
      for (const path of watched) path.watchers += 1;
      const late = Promise.withResolvers<void>();
      const stop = clock.after(GRACE, late.resolve);
      await Promise.race([Promise.all(watched.map(({ done }) => done)), late.promise]);
      stop();
      for (const path of watched) path.watchers -= 1;
    }
    return mail.map((envelope) => {
      const id = idOf(envelope);
      const receipt = receipts.get(id) ?? "busy";
      receipts.delete(id);
      return receipt;
    });
  };
  return {
    deliver,
    async publish(envelope) {
      const [receipt] = await deliver([envelope]);
      return receipt!;
    },
  };
}

/** Takes one envelope to where it goes. */
async function carry(options: CarrierOptions, envelope: Envelope, trip: Trip): Promise<Receipt> {
  if (options.keys.locked) return "busy";
  const from = keyOf(envelope.from);
  const sender = from === undefined ? undefined : await options.residents.find(from);
  if (sender === undefined) return "unreachable";
  if (envelope.type === "control") return "unknown";
  if (envelope.to === PUBLIC) return proclaim(options, { envelope, sender, ...trip });
  const to = keyOf(envelope.to);
  if (to === undefined) return "unknown";
  const written = eventOf(envelope.replyTo);
  if (written !== undefined && (written.kind === NOTE || isJob(written.kind))) {
    return say(options, { envelope, sender, id: written.id, ...trip });
  }
  return write(options, { envelope, sender, to, ...trip });
}

interface Parcel extends Trip {
  readonly envelope: Envelope;
  readonly sender: Resident;
}

/** Sends a direct message. */
async function write(
  options: CarrierOptions,
  { envelope, sender, to, n, silences }: Parcel & { readonly to: string },
): Promise<Receipt> {
  const { mailboxes, announcer, clock, random, secp } = options;
  // Whoever gets it must be able to answer.
  await announcer.announce(sender).catch(() => undefined);
  const relays = await mailboxes.of(to);
  if (relays === undefined) return "busy";
  if (relays.length === 0) {
    const since = Math.max(mailboxes.noneSince(to) ?? 0, envelope.sentAt);
    return clock.now() - since < UNSETTLED ? "busy" : "unreachable";
  }
  const { signer } = sender;
  const opened = await sender.opened(envelope);
  const rumor = rumorFor(opened, { from: signer.publicKey, to, n });
  if (JSON.stringify(rumor).length > options.limits.eventLength) return "oversized";
  const { expiresAt } = envelope;
  const event = await giftWrap(signer, rumor, to, {
    now: clock.now(),
    random,
    secp,
    ...(expiresAt !== undefined && { expiration: Math.ceil(expiresAt / 1000) }),
  });
  const receipt = await hand(options, { urls: relays, event, envelope, silences });
  if (receipt !== "accepted") mailboxes.forget(to);
  return receipt;
}

/** Replies in public. */
async function say(
  options: CarrierOptions,
  { envelope, sender, id, originals, threads, silences }: Parcel & { readonly id: string },
): Promise<Receipt> {
  const { pool, secp } = options;
  const original = originals.get(id) ?? (await find(pool, id, secp));
  if (original === undefined) return "unreachable";
  originals.set(id, original);
  const template = publicReply(await sender.opened(envelope), original);
  if (template === undefined) return "accepted";
  const event = await sender.signer.signEvent(template);
  const parcel = { urls: urlsOf(pool), event, envelope, silences };
  if (event.kind !== NOTE) return hand(options, parcel);
  const said = await repliesOf(options, event, threads);
  // A second try of one that is there already says nothing more.
  if (said.size >= REPLIES && !said.has(event.id)) return "repetitive";
  const receipt = await hand(options, parcel);
  if (receipt === "accepted") said.add(event.id);
  return receipt;
}

/** The ids of an agent's replies in the thread of this one, as far as they are known here and at relays. */
async function repliesOf(
  { pool, secp }: CarrierOptions,
  reply: NostrEvent,
  threads: Threads,
): Promise<Set<string>> {
  const { pubkey } = reply;
  const root = tagValue(reply, "e")!;
  const key = `${pubkey} ${root}`;
  // Relays may answer with what they had a moment ago.
  const known = threads.get(key) ?? new Set();
  threads.set(key, known);
  if (known.size >= REPLIES) return known;
  const filter = { authors: [pubkey], kinds: [NOTE], "#e": [root], limit: REPLIES + 1 };
  const answers = await Promise.allSettled(pool.own.map((relay) => relay.query(filter)));
  for (const answer of answers) {
    for (const event of answer.status === "fulfilled" ? answer.value : []) {
      const { id, kind, tags } = event;
      if (kind !== NOTE || event.pubkey !== pubkey || known.has(id)) continue;
      const fits = tags.some(([name, value]) => name === "e" && value === root);
      if (fits && verifyEvent(event, secp)) known.add(id);
    }
  }
  const failed = answers.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected" && known.size === 0) throw failed.reason;
  return known;
}

/** Publishes what an agent has to say to everybody. */
async function proclaim(
  options: CarrierOptions,
  { envelope, sender, silences }: Parcel,
): Promise<Receipt> {
  const { payload, sentAt } = envelope;
  const { kind, content, tags } = payload as unknown as EventDraft;
  const created_at = Math.floor(sentAt / 1000);
  const event = await sender.signer.signEvent({ kind, created_at, tags, content });
  return hand(options, { urls: urlsOf(options.pool), event, envelope, silences });
}

/** Hands over an event that no receiver would refuse for its length, and not for ever to one that is silent. */
async function hand(
  { pool, limits }: CarrierOptions,
  {
    urls,
    event,
    envelope,
    silences,
  }: Pick<Parcel, "envelope" | "silences"> & {
    readonly urls: readonly string[];
    readonly event: NostrEvent;
  },
): Promise<Receipt> {
  if (JSON.stringify(event).length + AROUND > limits.eventLength) return "oversized";
  const id = idOf(envelope);
  const silence = {
    of: (url: string) => silences.get(`${url} ${id}`) ?? 0,
    set: (url: string, weight: number) => void silences.set(`${url} ${id}`, weight),
  };
  return publish(pool, urls, { event, silence });
}

function urlsOf({ own }: Pool): readonly string[] {
  return own.map(({ url }) => url);
}

/** The event with this id; undefined when our relays do not have it. @throws UNREACHABLE */
async function find(pool: Pool, id: string, secp: Secp): Promise<NostrEvent | undefined> {
  const filter = { ids: [id], limit: 1 };
  const answers = await Promise.allSettled(pool.own.map((relay) => relay.query(filter)));
  for (const answer of answers) {
    const events = answer.status === "fulfilled" ? answer.value : [];
    const found = events.find((event) => event.id === id && verifyEvent(event, secp));
    if (found !== undefined) return found;
  }
  const failed = answers.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
  return undefined;
}

/** How silent each relay was to what is handed to it, in the weights of `SILENCE`. */
interface Silence {
  of(url: string): number;
  set(url: string, weight: number): void;
}

/** Hands an event to relays; `accepted` as soon as one of them has it. */
export async function publish(
  pool: Pool,
  urls: readonly string[],
  { event, silence }: { readonly event: NostrEvent; readonly silence?: Silence },
): Promise<Receipt> {
  let mayLater = false;
  const accepted = urls.map(async (url): Promise<void> => {
    const before = silence?.of(url) ?? 0;
    const refused = (why: string): never => {
      throw new OpenAgentsError("DENIED", `Cannot publish to relay "${url}": ${why}`);
    };
    if (before >= SILENT) refused("it does not answer to this event");
    const relay = await pool.reach(url).catch((error: unknown) => {
      mayLater = true;
      throw error;
    });
    if (relay === undefined) throw new OpenAgentsError("DENIED", `Cannot use relay "${url}"`);
    const published = await relay.publish(event).catch((error: unknown) => {
      mayLater = true;
      throw error;
    });
    const { reason, unanswered } = published;
    pool.answered(url, unanswered === undefined || unanswered === "notice");
    if (published.accepted) return;
    if (unanswered === undefined) mayLater ||= FOR_NOW.test(reason);
    else {
      const weight = unanswered === "notice" && SLOWER.test(reason) ? 0 : SILENCE[unanswered];
      silence?.set(url, before + weight);
      mayLater ||= before + weight < SILENT;
    }
    refused(reason);
  });
  try {
    await Promise.any(accepted);
    return "accepted";
  } catch {
    return mayLater ? "busy" : "unreachable";
  }
}

/** What an envelope that cannot be made into a message comes to. */
function outcomeOf(error: unknown): Receipt {
  // Too long, or what no event can hold.
  return error instanceof OpenAgentsError && error.code === "INVALID" ? "unreachable" : "busy";
}

function idOf({ from, to, id }: Envelope): string {
  return `${from} ${to} ${id}`;
}

function pathOf({ from, to }: Envelope): string {
  return `${from} ${to}`;
}
