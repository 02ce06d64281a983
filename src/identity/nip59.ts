import { OpenAgentsError } from "../core/errors.ts";
import type { Random } from "../core/ports/index.ts";
import type { EventSigner } from "./event-signer.ts";
import { eventId, expiration, signEvent, templateOf, verifyEvent } from "./event.ts";
import type { EventTemplate, NostrEvent, UnsignedEvent } from "./event.ts";
import { conversationKey, encryptText } from "./nip44.ts";
import { isRelayUrl } from "./relay-url.ts";
import { isPublicKey, nobleSecp } from "./secp.ts";
import type { Secp } from "./secp.ts";

/** The kinds of NIP-59. */
export const SEAL = 13;
export const GIFT_WRAP = 1059;

const DAY = 86_400;
/** Seconds by which a seal and a gift wrap may be dated back. */
const BACKDATED = 2 * DAY;
/** Seconds: how far another's clock may be ahead of ours. */
const AHEAD = 900;
/** Seconds that a message may have waited on a relay. */
const WAITED = 30 * DAY;

/** An event that nobody signed, so that whoever gives it away can prove nothing (NIP-59). */
export interface Rumor extends UnsignedEvent {
  /** `eventId` of the rest. */
  readonly id: string;
}

/** What is around and beside a gift wrap. */
export interface WrapOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Its bytes must be unpredictable: they are keys. */
  readonly random: Random;
  /** Default `nobleSecp`. */
  readonly secp?: Secp;
  /** Where the recipient reads, for the `p` tag. */
  readonly relay?: string;
  /** Seconds since 1970: relays and readers drop the gift wrap then (NIP-40). */
  readonly expiration?: number;
}

/** How a gift wrap is opened. */
export interface UnwrapOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Default `nobleSecp`. */
  readonly secp?: Secp;
  /** Seconds that a message may have waited on a relay. Default 30 days. */
  readonly maxAge?: number;
}

/** What was in a gift wrap. */
export interface Unwrapped {
  readonly rumor: Rumor;
  /** The public key that sealed it, which is that of the rumor. */
  readonly sender: string;
}

/**
 * Why a gift wrap is not opened: it is of another kind, or what is in it is; its own id or signature
 * is wrong; its seal was not made by the sender that its rumor names, or the rumor passes for another
 * one; one of its times cannot be; it expired. What is `forged` became so on its way; all else is the
 * doing of whoever made it.
 */
export type WrapFault = "malformed" | "forged" | "impostor" | "future" | "stale" | "expired";

/** A gift wrap that is not opened. The signer's own errors are not of this class. */
export class GiftWrapError extends OpenAgentsError {
  override readonly name: string = "GiftWrapError";
  readonly fault: WrapFault;

  constructor(fault: WrapFault, detail: string, options?: { readonly cause?: unknown }) {
    const code = fault === "malformed" ? "INVALID" : "DENIED";
    super(code, `Cannot open gift wrap: ${detail}`, options);
    this.fault = fault;
  }
}

/** An event of a public key, unsigned. @throws INVALID for what NIP-01 does not allow */
export function rumorOf(template: EventTemplate, publicKey: string): Rumor {
  const event = { ...templateOf(template), pubkey: publicKey };
  return { ...event, id: eventId(event) };
}

/**
 * Seals a rumor of the signer's key for one recipient and wraps the seal with a key that is used
 * once (NIP-59). Seal and wrap are dated back by up to two days, each by another while.
 * @throws INVALID for a rumor of another key, a recipient that is none, or one too long to be wrapped
 */
export async function giftWrap(
  signer: EventSigner,
  rumor: Rumor,
  recipient: string,
  options: WrapOptions,
): Promise<NostrEvent> {
  const { now, random, secp = nobleSecp, relay, expiration } = options;
  if (rumor.pubkey !== signer.publicKey || rumor.id !== eventId(rumor)) {
    throw refused("it is no rumor of this key");
  }
  if (!isPublicKey(recipient)) throw refused("the recipient is no public key");
  if (relay !== undefined && !isRelayUrl(relay)) throw refused(`"${relay}" is no relay`);
  const dated = (): number => Math.floor(now / 1000) - below(random, BACKDATED);

  const { id, pubkey } = rumor;
  const inner = JSON.stringify({ id, pubkey, ...templateOf(rumor) });
  const content = await signer.encrypt(recipient, inner);
  const seal = await signer.signEvent({ kind: SEAL, created_at: dated(), tags: [], content });

  const secret = random.bytes(32);
  const key = conversationKey(secret, recipient, secp);
  try {
    const tags = [relay === undefined ? ["p", recipient] : ["p", recipient, relay]];
    if (expiration !== undefined) tags.push(["expiration", String(expiration)]);
    return signEvent(
      {
        kind: GIFT_WRAP,
        created_at: dated(),
        tags,
        content: encryptText(JSON.stringify(seal), key, random.bytes(32)),
      },
      secret,
      { random, secp },
    );
  } finally {
    secret.fill(0);
    key.fill(0);
  }
}

/**
 * Opens a gift wrap (NIP-59) and proves who sent what is in it: the wrap's signature and the seal's
 * are good, the seal has no tags, the rumor's id is that of its contents, and its key is the one that
 * sealed it. All three have a time that can be: not further ahead than a quarter of an hour, and no
 * further back than `maxAge` and the two days of backdating. The same gift wrap is opened again each
 * time it is given: whoever acts on what is in it dedups by the rumor's id.
 * @throws INVALID for what is no gift wrap; DENIED when it is not for this key, was altered, was sealed
 * by another than its sender, has an impossible time, or expired (NIP-40)
 */
export async function unwrap(
  signer: EventSigner,
  event: unknown,
  { now, secp = nobleSecp, maxAge = WAITED }: UnwrapOptions,
): Promise<Unwrapped> {
  const seconds = now / 1000;
  const dated = (what: string, time: number): void => {
    if (time > seconds + AHEAD) throw new GiftWrapError("future", `${what} is of the future`);
    if (time < seconds - maxAge - BACKDATED) {
      throw new GiftWrapError("stale", `${what} is too old`);
    }
  };
  const expired = (event: EventTemplate): boolean => (expiration(event) ?? Infinity) <= seconds;
  // What costs nothing comes first: anybody can send gift wraps.
  if (kindOf(event) !== GIFT_WRAP) throw new GiftWrapError("malformed", "it is of another kind");
  if (!verifyEvent(event, secp)) {
    throw new GiftWrapError("forged", "it or its signature is wrong");
  }
  dated("it", event.created_at);
  if (expired(event)) throw new GiftWrapError("expired", "it expired");

  const seal = parse("seal", await signer.decrypt(event.pubkey, event.content));
  if (kindOf(seal) !== SEAL) {
    throw new GiftWrapError("malformed", "what is in it is no seal");
  }
  if (!verifyEvent(seal, secp)) {
    throw new GiftWrapError("impostor", "its seal or the seal's signature is wrong");
  }
  if (seal.tags.length > 0) throw new GiftWrapError("malformed", "its seal has tags");
  dated("its seal", seal.created_at);

  const rumor = parse("rumor", await signer.decrypt(seal.pubkey, seal.content)) as Rumor;
  let made: Rumor;
  try {
    made = rumorOf(rumor, rumor.pubkey);
  } catch (cause) {
    throw new GiftWrapError("malformed", "its rumor is wrong", { cause });
  }
  if (made.pubkey !== seal.pubkey) {
    throw new GiftWrapError("impostor", "its rumor names another sender than its seal");
  }
  if (made.id !== rumor.id) {
    throw new GiftWrapError("impostor", "the id of its rumor is that of another");
  }
  dated("its rumor", made.created_at);
  if (expired(made)) throw new GiftWrapError("expired", "its rumor expired");
  return { rumor: made, sender: seal.pubkey };
}

function kindOf(event: unknown): unknown {
  return typeof event === "object" && event !== null && "kind" in event ? event.kind : undefined;
}

function parse(what: string, text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
  }
  if (typeof value === "object" && value !== null) return value;
  throw new GiftWrapError("malformed", `its ${what} is no JSON object`);
}

/** A whole number from 0 to below `limit`. */
function below(random: Random, limit: number): number {
  return new DataView(random.bytes(4).slice().buffer).getUint32(0) % limit;
}

function refused(detail: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot wrap gift wrap: ${detail}`);
}
