import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { bech32 } from "@scure/base";

import { OpenAgentsError } from "../core/errors.ts";
import { MAX_KIND } from "./event.ts";
import { decodeBech32, MAX_LENGTH, unreadable } from "./nip19.ts";
import { isRelayUrl } from "./relay-url.ts";
import { isPublicKey } from "./secp.ts";

/** Where somebody's profile is likely to be found (NIP-19 `nprofile`). */
export interface ProfilePointer {
  /** x-only, lower-case hex. */
  readonly publicKey: string;
  /** Addresses of relays, each as `isRelayUrl` has it. */
  readonly relays: readonly string[];
}

/** An event, and where it is likely to be found (NIP-19 `nevent`). */
export interface EventPointer {
  /** 64 lower-case hex digits. */
  readonly id: string;
  readonly relays: readonly string[];
  /** The public key of its author. */
  readonly author?: string;
  /** 0 to 65,535. */
  readonly kind?: number;
}

/** What stands for the newest of an author's addressable events (NIP-19 `naddr`). */
export interface AddressPointer {
  /** The value of its `d` tag, up to 255 bytes of UTF-8; empty for a replaceable event. */
  readonly identifier: string;
  readonly author: string;
  readonly kind: number;
  readonly relays: readonly string[];
}

type Prefix = "nprofile" | "nevent" | "naddr";

/** The types of items that NIP-19 knows. */
const TYPE = { special: 0, relay: 1, author: 2, kind: 3 } as const;

/** An item of the list of types, lengths and values. */
interface Item {
  readonly type: number;
  /** Up to 255 bytes. */
  readonly value: Uint8Array;
}

/** NIP-19 `nprofile1…`. @throws INVALID for a key or relay that is none, and too many relays */
export function encodeNprofile({ publicKey, relays }: ProfilePointer): string {
  return write("nprofile", [{ type: TYPE.special, value: key(publicKey) }, ...relays.map(relay)]);
}

/**
 * What an nprofile points to (NIP-19). Items of an unknown type are passed over, and so is a relay
 * that is no address: it is only a hint.
 * @throws INVALID when the prefix or checksum is wrong, or an item is cut off, missing, there twice
 * or of the wrong length; the text is not quoted
 */
export function decodeNprofile(text: string): ProfilePointer {
  const items = read("nprofile", text);
  return { publicKey: items.key(TYPE.special), relays: items.relays };
}

/** NIP-19 `nevent1…`. @throws INVALID for an id, key, kind or relay that is none, and too many relays */
export function encodeNevent({ id, relays, author, kind }: EventPointer): string {
  return write("nevent", [
    { type: TYPE.special, value: key(id) },
    ...relays.map(relay),
    ...(author === undefined ? [] : [{ type: TYPE.author, value: key(author) }]),
    ...(kind === undefined ? [] : [{ type: TYPE.kind, value: kindBytes(kind) }]),
  ]);
}

/** What an nevent points to (NIP-19). @throws INVALID as `decodeNprofile` does */
export function decodeNevent(text: string): EventPointer {
  const items = read("nevent", text);
  return {
    id: items.key(TYPE.special),
    relays: items.relays,
    ...(items.has(TYPE.author) && { author: items.key(TYPE.author) }),
    ...(items.has(TYPE.kind) && { kind: items.kind() }),
  };
}

/** NIP-19 `naddr1…`. @throws INVALID for a part that is none, and too many relays */
export function encodeNaddr({ identifier, author, kind, relays }: AddressPointer): string {
  if (!identifier.isWellFormed() || utf8ToBytes(identifier).length > 255) {
    throw unwritable("an identifier has 255 bytes of UTF-8 at most");
  }
  return write("naddr", [
    { type: TYPE.special, value: utf8ToBytes(identifier) },
    ...relays.map(relay),
    { type: TYPE.author, value: key(author) },
    { type: TYPE.kind, value: kindBytes(kind) },
  ]);
}

/** What an naddr points to (NIP-19). @throws INVALID as `decodeNprofile` does */
export function decodeNaddr(text: string): AddressPointer {
  const items = read("naddr", text);
  return {
    identifier: items.text(TYPE.special),
    author: items.key(TYPE.author),
    kind: items.kind(),
    relays: items.relays,
  };
}

function write(prefix: Prefix, items: readonly Item[]): string {
  const bytes = concatBytes(
    ...items.map(({ type, value }) => concatBytes(Uint8Array.of(type, value.length), value)),
  );
  const words = bech32.toWords(bytes);
  if (prefix.length + 1 + words.length + 6 > MAX_LENGTH) {
    throw unwritable(`it would have more than ${MAX_LENGTH} characters`);
  }
  return bech32.encode(prefix, words, false);
}

function key(text: string): Uint8Array {
  if (isPublicKey(text)) return hexToBytes(text);
  throw unwritable("a key or id is 64 lower-case hex digits");
}

function relay(url: string): Item {
  if (!isRelayUrl(url)) throw unwritable("a relay is an address in ASCII, ws: or wss:");
  return { type: TYPE.relay, value: utf8ToBytes(url) };
}

function kindBytes(kind: number): Uint8Array {
  if (!Number.isInteger(kind) || kind < 0 || kind > MAX_KIND) {
    throw unwritable(`a kind is a whole number from 0 to ${MAX_KIND}`);
  }
  return Uint8Array.of(0, 0, kind >> 8, kind & 255);
}

/** What is in a text, by type of item. Each look-up throws INVALID for what is not as it must be. */
interface Items {
  /** The relays among them that are addresses. */
  readonly relays: readonly string[];
  has(type: number): boolean;
  /** The one item of a type that has 32 bytes, in hex. */
  key(type: number): string;
  /** The one item of a type that has text. */
  text(type: number): string;
  kind(): number;
}

function read(prefix: Prefix, text: string): Items {
  const items = [...itemsOf(prefix, decodeBech32(prefix, text))];
  const of = (type: number): readonly Item[] => items.filter((item) => item.type === type);
  const one = (type: number): Uint8Array => {
    const [item, another] = of(type);
    if (item !== undefined && another === undefined) return item.value;
    throw unreadable(prefix, `it needs one item of type ${type}`);
  };
  const sized = (type: number, length: number): Uint8Array => {
    const value = one(type);
    if (value.length === length) return value;
    throw unreadable(prefix, `its item of type ${type} does not have ${length} bytes`);
  };
  return {
    relays: of(TYPE.relay)
      .map(({ value }) => String.fromCharCode(...value))
      .filter(isRelayUrl),
    has: (type) => of(type).length > 0,
    key: (type) => bytesToHex(sized(type, 32)),
    text(type) {
      try {
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(one(type));
      } catch (error) {
        if (error instanceof OpenAgentsError) throw error;
        throw unreadable(prefix, `its item of type ${type} is no text`);
      }
    },
    kind() {
      const kind = new DataView(sized(TYPE.kind, 4).slice().buffer).getUint32(0);
      if (kind <= MAX_KIND) return kind;
      throw unreadable(prefix, `its kind is above ${MAX_KIND}`);
    },
  };
}

function* itemsOf(prefix: Prefix, bytes: Uint8Array): Generator<Item> {
  for (let at = 0; at < bytes.length;) {
    const [type, length] = bytes.subarray(at);
    const end = at + 2 + (length ?? 0);
    if (length === undefined || end > bytes.length) throw unreadable(prefix, "an item is cut off");
    yield { type: type!, value: bytes.subarray(at + 2, end) };
    at = end;
  }
}

function unwritable(detail: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot write NIP-19 text: ${detail}`);
}
