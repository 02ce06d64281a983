import type { NostrEvent } from "../../identity/event.ts";

/** What a relay is asked for (NIP-01). Times are in seconds since 1970. */
export interface Filter {
  readonly ids?: readonly string[];
  readonly authors?: readonly string[];
  readonly kinds?: readonly number[];
  readonly "#p"?: readonly string[];
  readonly "#e"?: readonly string[];
  readonly since?: number;
  readonly until?: number;
  readonly limit?: number;
}

/** A message to a relay (NIP-01, NIP-42). */
export type ToRelay =
  | readonly ["EVENT", NostrEvent]
  | readonly ["REQ", string, ...Filter[]]
  | readonly ["CLOSE", string]
  | readonly ["AUTH", NostrEvent];

/** A message from a relay, each with the members that its kind has. The event is not verified. */
export type FromRelay =
  | { readonly type: "EVENT"; readonly id: string; readonly event: NostrEvent }
  | { readonly type: "EOSE"; readonly id: string }
  | { readonly type: "CLOSED"; readonly id: string; readonly reason: string }
  | {
      readonly type: "OK";
      readonly event: string;
      readonly accepted: boolean;
      readonly reason: string;
    }
  | { readonly type: "NOTICE"; readonly text: string }
  | { readonly type: "AUTH"; readonly challenge: string };

/** The most tags that an event may have, and the most texts that one of them may. */
const TAGS = 2500;
const TEXTS = 100;

/**
 * Reads a message from a relay; undefined for one that is no such message, or that holds an event
 * whose members do not have their types. Kinds of messages that are not known are undefined too.
 */
export function readMessage(text: string): FromRelay | undefined {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(message)) return undefined;
  const [type, first, second, third] = message as unknown[];
  switch (type) {
    case "EVENT":
      if (!isText(first) || !isEvent(second)) return undefined;
      return { type, id: first, event: second };
    case "EOSE":
      return isText(first) ? { type, id: first } : undefined;
    case "CLOSED":
      return isText(first) ? { type, id: first, reason: textOf(second) } : undefined;
    case "OK":
      if (!isText(first) || typeof second !== "boolean") return undefined;
      return { type, event: first, accepted: second, reason: textOf(third) };
    case "NOTICE":
      return { type, text: textOf(first) };
    case "AUTH":
      return isText(first) && first.length <= 1000 ? { type, challenge: first } : undefined;
    default:
      return undefined;
  }
}

/** True for an object with the members of an event, each of its type; whether it is signed is not checked. */
export function isEvent(value: unknown): value is NostrEvent {
  if (typeof value !== "object" || value === null) return false;
  const { id, pubkey, created_at, kind, tags, content, sig } = value as Partial<
    Record<keyof NostrEvent, unknown>
  >;
  return (
    isHex(id, 64) &&
    isHex(pubkey, 64) &&
    isHex(sig, 128) &&
    Number.isSafeInteger(created_at) &&
    (created_at as number) >= 0 &&
    Number.isInteger(kind) &&
    (kind as number) >= 0 &&
    (kind as number) <= 65_535 &&
    typeof content === "string" &&
    Array.isArray(tags) &&
    tags.length <= TAGS &&
    tags.every(isTag)
  );
}

/** The values of the tags with this name, those without a value left out. */
export function tagValues({ tags }: Pick<NostrEvent, "tags">, name: string): readonly string[] {
  return tags.flatMap(([tag, value]) => (tag === name && value !== undefined ? [value] : []));
}

/**
 * The one form of a relay's address: lower-case host, no trailing slash, no fragment. Undefined for
 * what is no WebSocket address, or has a user name in it.
 */
export function relayUrl(text: string): string | undefined {
  const url = URL.parse(text.trim());
  if (url === null || (url.protocol !== "ws:" && url.protocol !== "wss:")) return undefined;
  if (url.username !== "" || url.password !== "" || url.href.length > 500) return undefined;
  url.hash = "";
  return url.pathname.endsWith("/") && url.search === "" ? url.href.replace(/\/+$/, "") : url.href;
}

function isTag(tag: unknown): boolean {
  return Array.isArray(tag) && tag.length <= TEXTS && tag.every((text) => typeof text === "string");
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isHex(value: unknown, length: number): boolean {
  return typeof value === "string" && value.length === length && /^[0-9a-f]+$/.test(value);
}

/** A relay's own words, short enough to be shown. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 500).toWellFormed() : "";
}
