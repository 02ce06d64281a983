import { OpenAgentsError } from "../core/errors.ts";
import type { EventSigner } from "./event-signer.ts";
import { tagValue } from "./event.ts";
import type { EventTemplate, NostrEvent } from "./event.ts";
import { giftWrap, rumorOf } from "./nip59.ts";
import type { Rumor, WrapOptions } from "./nip59.ts";
import { isRelayUrl } from "./relay-url.ts";
import { isPublicKey } from "./secp.ts";

/** The kinds of NIP-17. */
export const CHAT_MESSAGE = 14;
export const FILE_MESSAGE = 15;
export const DM_RELAYS = 10_050;

/** Above this NIP-17 advises another scheme: each recipient has an event of its own. */
const MAX_RECIPIENTS = 100;
/** NIP-17 advises 1 to 3; what is above this many in a list is not read. */
const MAX_RELAYS = 10;

/** A direct message, without what is around it. Keys are x-only, lower-case hex. */
export interface DirectMessage {
  /** Plain text; of a file message, the address of the file. */
  readonly text: string;
  /** Public keys of the recipients, without the sender's. With it they make up the chat room. */
  readonly to: readonly string[];
  /** The topic of the conversation from here on. */
  readonly subject?: string;
  /** The id of the message that this one answers. */
  readonly replyTo?: string;
}

/** A direct message that somebody sent. */
export interface ReceivedMessage extends DirectMessage {
  readonly id: string;
  /** The sender's public key. */
  readonly from: string;
  /** Seconds since 1970, by the sender's clock. */
  readonly sentAt: number;
  readonly kind: typeof CHAT_MESSAGE | typeof FILE_MESSAGE;
}

/** A gift wrap, and the public key that it is for. */
export interface Addressed {
  readonly to: string;
  readonly event: NostrEvent;
}

/**
 * The rumor of a chat message (NIP-17, kind 14).
 * @param from the sender's public key
 * @param now milliseconds since 1970
 * @throws INVALID for recipients that are none, none at all or more than 100, and no right text
 */
export function directMessage(message: DirectMessage, from: string, now: number): Rumor {
  const { text, to, subject, replyTo } = message;
  const others = new Set(to);
  if (others.size === 0 || others.size > MAX_RECIPIENTS) {
    throw refused("write", `it has ${others.size} recipients, use 1 to ${MAX_RECIPIENTS}`);
  }
  for (const key of others) if (!isPublicKey(key)) throw refused("write", "a recipient is no key");
  const tags = [...others].map((key) => ["p", key]);
  if (replyTo !== undefined) tags.push(["e", replyTo]);
  if (subject !== undefined) tags.push(["subject", subject]);
  const created_at = Math.floor(now / 1000);
  return rumorOf({ kind: CHAT_MESSAGE, created_at, tags, content: text }, from);
}

/**
 * The direct message in a rumor that `unwrap` gave. What a file message says beside its address
 * stays in the rumor's tags.
 * @throws INVALID for a rumor of another kind
 */
export function readDirectMessage(rumor: Rumor): ReceivedMessage {
  const { kind, id, pubkey, created_at, content, tags } = rumor;
  if (kind !== CHAT_MESSAGE && kind !== FILE_MESSAGE) {
    throw refused("read", `it has kind ${kind}, not ${CHAT_MESSAGE} or ${FILE_MESSAGE}`);
  }
  const to = new Set<string>();
  for (const [name, key] of tags) if (name === "p" && isPublicKey(key)) to.add(key);
  to.delete(pubkey);
  const answers = tags.filter(([name, event]) => name === "e" && isPublicKey(event));
  const replyTo = (answers.find((tag) => tag[3] === "reply") ?? answers[0])?.[1];
  const subject = tagValue(rumor, "subject");
  return {
    kind,
    id,
    from: pubkey,
    sentAt: created_at,
    text: content,
    to: [...to],
    ...(subject !== undefined && { subject }),
    ...(replyTo !== undefined && { replyTo }),
  };
}

/**
 * Gift wraps of a direct message: one for each recipient, and the last one for the sender, whose
 * other clients find it there. Each goes to the relays that its recipient reads (`dmRelays`).
 * @throws INVALID as `giftWrap` does
 */
export async function wrapDirectMessage(
  signer: EventSigner,
  rumor: Rumor,
  options: Omit<WrapOptions, "relay">,
): Promise<readonly Addressed[]> {
  const wrapped: Addressed[] = [];
  for (const to of new Set([...readDirectMessage(rumor).to, signer.publicKey])) {
    wrapped.push({ to, event: await giftWrap(signer, rumor, to, options) });
  }
  return wrapped;
}

/**
 * The relays on which somebody reads direct messages, from their event of kind 10050: its
 * addresses of relays, at most 10, each once. When there is none, nothing may be sent to them.
 * @throws INVALID for an event of another kind
 */
export function dmRelays(event: Pick<NostrEvent, "kind" | "tags">): readonly string[] {
  if (event.kind !== DM_RELAYS) throw refused("read relays for", `it has kind ${event.kind}`);
  const relays = new Set<string>();
  for (const [name, url = ""] of event.tags) {
    if (name === "relay" && isRelayUrl(url)) relays.add(url);
  }
  return [...relays].slice(0, MAX_RELAYS);
}

/**
 * What says on which relays a key reads direct messages (kind 10050), for its signer to sign.
 * @param now milliseconds since 1970
 * @throws INVALID for an address that is none
 */
export function dmRelaysTemplate(relays: readonly string[], now: number): EventTemplate {
  const wrong = relays.find((url) => !isRelayUrl(url));
  if (wrong !== undefined) throw refused("name relays for", `"${wrong}" is no relay`);
  const tags = relays.map((url) => ["relay", url]);
  return { kind: DM_RELAYS, created_at: Math.floor(now / 1000), tags, content: "" };
}

function refused(action: string, detail: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot ${action} direct message: ${detail}`);
}
