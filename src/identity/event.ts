import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

import { OpenAgentsError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import type { Random } from "../core/ports/index.ts";
import { isPublicKey, nobleSecp } from "./secp.ts";
import type { Secp } from "./secp.ts";

/** The most UTF-16 units that the parts of an event may have together: about a mebibyte. */
export const MAX_EVENT_LENGTH = 1_048_576;
/** The greatest kind that NIP-01 has. */
export const MAX_KIND = 65_535;

/** What its author says of an event before it is signed (NIP-01). */
export interface EventTemplate {
  /** 0 to 65,535. */
  readonly kind: number;
  /** Seconds since 1970. */
  readonly created_at: number;
  readonly tags: readonly (readonly string[])[];
  readonly content: string;
}

/** An event that is not signed: the id is already certain. */
export interface UnsignedEvent extends EventTemplate {
  /** x-only, lower-case hex. */
  readonly pubkey: string;
}

/** An event as relays carry it (NIP-01). The names of its members are those of the wire. */
export interface NostrEvent extends UnsignedEvent {
  /** `eventId` of the rest, lower-case hex. */
  readonly id: string;
  /** BIP-340 signature of the id, lower-case hex. */
  readonly sig: string;
}

/**
 * The id of an event (NIP-01): the SHA-256, in hex, of the JSON of
 * `[0, pubkey, created_at, kind, tags, content]` without white space. Control characters that JSON
 * has no short form for are written `\u00XX`, as all implementations do.
 * @throws INVALID for anything that NIP-01 does not allow in an event, text with a lone surrogate,
 * of which implementations make different ids, and more than `MAX_EVENT_LENGTH`
 */
export function eventId(event: UnsignedEvent): string {
  const wrong = whatIsWrong(event);
  if (wrong !== undefined) throw new OpenAgentsError("INVALID", `Cannot make event: ${wrong}`);
  return idOf(event);
}

/**
 * Signs an event. Members of the template that are not those of an event are left out.
 * @throws INVALID for a private key that is none, and what `eventId` refuses
 */
export function signEvent(
  template: EventTemplate,
  secret: Uint8Array,
  { random, secp = nobleSecp }: { readonly random: Random; readonly secp?: Secp },
): NostrEvent {
  const event = { ...templateOf(template), pubkey: secp.publicKey(secret) };
  const id = eventId(event);
  return { ...event, id, sig: bytesToHex(secp.sign(hexToBytes(id), secret, random.bytes(32))) };
}

/**
 * True for an event of the right form and size whose id is that of its contents and whose signature
 * is good. It computes both each time. False, and never an error, for anything else.
 */
export function verifyEvent(event: unknown, secp: Secp = nobleSecp): event is NostrEvent {
  let parts: Pick<NostrEvent, "id" | "sig" | "pubkey">;
  try {
    if (whatIsWrong(event) !== undefined) return false;
    const { id, sig, pubkey } = event as NostrEvent;
    if (typeof sig !== "string" || !/^[0-9a-f]{128}$/.test(sig)) return false;
    if (id !== idOf(event as NostrEvent)) return false;
    parts = { id, sig, pubkey };
  } catch {
    // An object that will not even be read.
    return false;
  }
  return secp.verify(hexToBytes(parts.sig), hexToBytes(parts.id), parts.pubkey);
}

/**
 * When an event expires, in seconds since 1970 (NIP-40); undefined when it never does, or says so in
 * a way that cannot be read. Whoever reads events must drop those that expired: relays need not.
 */
export function expiration(event: Pick<EventTemplate, "tags">): number | undefined {
  const text = tagValue(event, "expiration");
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

/** The value of the first tag of a name; undefined when there is none. */
export function tagValue(event: Pick<EventTemplate, "tags">, name: string): string | undefined {
  return event.tags.find((tag) => tag[0] === name)?.[1];
}

/** A copy of what is signed, and nothing else that an object may carry. */
export function templateOf({ kind, created_at, tags, content }: EventTemplate): EventTemplate {
  return { kind, created_at, tags, content };
}

function idOf({ pubkey, created_at, kind, tags, content }: UnsignedEvent): string {
  return sha256Hex(JSON.stringify([0, pubkey, created_at, kind, tags, content]));
}

/** What keeps a value from being an unsigned event; undefined when nothing does. */
function whatIsWrong(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return "it is no object";
  const { pubkey, created_at, kind, tags, content } = value as Record<keyof UnsignedEvent, unknown>;
  if (!isPublicKey(pubkey)) return '"pubkey" is not 64 lower-case hex digits';
  if (!isWhole(created_at, Number.MAX_SAFE_INTEGER)) return '"created_at" is not whole seconds';
  if (!isWhole(kind, MAX_KIND)) return `"kind" is not a whole number from 0 to ${MAX_KIND}`;
  if (typeof content !== "string" || !content.isWellFormed()) return '"content" is no right text';
  if (!Array.isArray(tags)) return '"tags" is no array';
  let length = content.length;
  for (const tag of tags as unknown[]) {
    if (!Array.isArray(tag)) return "a tag is no array";
    length += 3;
    for (const item of tag as unknown[]) {
      if (typeof item !== "string" || !item.isWellFormed())
        return "a tag has what is no right text";
      length += item.length + 3;
    }
    if (length > MAX_EVENT_LENGTH) break;
  }
  return length > MAX_EVENT_LENGTH ? `it is longer than ${MAX_EVENT_LENGTH} characters` : undefined;
}

function isWhole(value: unknown, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;
}
