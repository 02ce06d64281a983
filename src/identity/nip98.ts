import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { base64 } from "@scure/base";

import { OpenAgentsError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import type { Clock, Random } from "../core/ports/index.ts";
import type { EventSigner } from "./event-signer.ts";
import { verifyEvent } from "./event.ts";
import type { NostrEvent } from "./event.ts";
import { textOf } from "./nip44.ts";
import { nobleSecp } from "./secp.ts";
import type { Secp } from "./secp.ts";

/** The kind of NIP-98. */
export const HTTP_AUTH = 27_235;
/** Characters of a header that is read; a token has about 700. */
const LONGEST_HEADER = 8192;
/** Seconds, as NIP-98 suggests. */
const WINDOW = 60;

/** What a token is for. */
export interface TokenRequest {
  readonly method: string;
  /** Absolute, with its query. Two ways to write one address (RFC 3986, as URL has it) are the same. */
  readonly url: string;
  /** What is sent as the body; text as UTF-8. Nothing and an empty one are the same. */
  readonly body?: string | Uint8Array;
}

/**
 * The `Authorization` header by which a key proves that it makes a request (NIP-98): `Nostr` and the
 * base64 of a signed event that names method, address and, when there is a body, its SHA-256. It is
 * good once, and for about a minute. A random tag keeps two of one second apart, as they would have
 * the same id otherwise.
 * @param made.now milliseconds since 1970
 * @throws INVALID for an address that is not absolute
 */
export async function httpToken(
  signer: EventSigner,
  request: TokenRequest,
  made: { readonly now: number; readonly random: Random },
): Promise<string> {
  const { method, body = "" } = request;
  const tags = [
    ["u", address(request.url)],
    ["method", method.toUpperCase()],
    ["nonce", bytesToHex(made.random.bytes(16))],
  ];
  if (body.length > 0) tags.push(["payload", sha256Hex(body)]);
  const created_at = Math.floor(made.now / 1000);
  const event = await signer.signEvent({ kind: HTTP_AUTH, created_at, tags, content: "" });
  return `Nostr ${base64.encode(utf8ToBytes(JSON.stringify(event)))}`;
}

/** How tokens are checked. */
export interface HttpTokensOptions {
  readonly clock: Pick<Clock, "now">;
  /** Seconds by which a token's time may differ from ours. Default 60. */
  readonly window?: number;
  /** How many tokens are accepted in twice that time. Default 10,000. */
  readonly limit?: number;
  /** Default `nobleSecp`. */
  readonly secp?: Secp;
}

/**
 * The side of a server in NIP-98. It remembers each token that it accepted for as long as that could
 * be used again, so one of these serves one process, and a server of many needs an affinity of
 * clients to them.
 */
export class HttpTokens {
  readonly #clock: Pick<Clock, "now">;
  readonly #window: number;
  readonly #limit: number;
  readonly #secp: Secp;
  /** Ids of accepted tokens. A token is of no use after two windows, which is when these move up. */
  #seen: Set<string> = new Set();
  #seenBefore: ReadonlySet<string> = new Set();
  #movedAt: number;

  constructor({ clock, window = WINDOW, limit = 10_000, secp = nobleSecp }: HttpTokensOptions) {
    this.#clock = clock;
    this.#window = window;
    this.#limit = limit;
    this.#secp = secp;
    this.#movedAt = this.#seconds();
  }

  /**
   * The public key that makes a request. Which keys may make it is for the caller to say.
   * @param header the request's `Authorization`
   * @throws DENIED when the header is no token, or one with a bad signature, for another request or
   * body, of another time, or used before; LIMIT when too many were accepted to remember another one
   */
  check(header: string | null | undefined, request: TokenRequest): string {
    const event = this.verify(header, request);
    this.#remember(event.id, this.#seconds());
    return event.pubkey;
  }

  /**
   * The event of a token, which is not remembered: for whoever does nothing twice that the same event asks
   * for twice. @throws DENIED as `check`, but for one that was used before
   */
  verify(header: string | null | undefined, request: TokenRequest): NostrEvent {
    const event = readToken(header);
    if (event?.kind !== HTTP_AUTH) throw denied("there is no token");
    // What costs nothing comes first: anybody can send tokens.
    const { method, body = "" } = request;
    if (tag(event, "method")?.toUpperCase() !== method.toUpperCase()) {
      throw denied("the token is for another method");
    }
    if (!isAddress(tag(event, "u"), request.url)) throw denied("the token is for another address");
    const payload = tag(event, "payload");
    if ((body.length > 0 || payload !== undefined) && payload !== sha256Hex(body)) {
      throw denied("the token is for another body");
    }
    const now = this.#seconds();
    if (!(Math.abs(now - event.created_at) <= this.#window)) {
      throw denied(`the token is not of the last ${this.#window} seconds`);
    }
    if (!verifyEvent(event, this.#secp)) throw denied("the token or its signature is wrong");
    return event;
  }

  #remember(id: string, now: number): void {
    const age = now - this.#movedAt;
    if (age > 2 * this.#window) {
      this.#seenBefore = age > 4 * this.#window ? new Set() : this.#seen;
      this.#seen = new Set();
      this.#movedAt = now;
    }
    if (this.#seen.has(id) || this.#seenBefore.has(id)) throw denied("the token was used before");
    if (this.#seen.size >= this.#limit) {
      throw new OpenAgentsError(
        "LIMIT",
        `Cannot accept request: more than ${this.#limit} tokens came in ${2 * this.#window} seconds`,
      );
    }
    this.#seen.add(id);
  }

  #seconds(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

/** The event in a header, of which nothing is checked but that its tags can be looked through. */
function readToken(header: string | null | undefined): NostrEvent | undefined {
  if (typeof header !== "string" || header.length > LONGEST_HEADER) return undefined;
  const token = /^nostr +([a-z0-9+/]+={0,2})$/i.exec(header.trim())?.[1];
  if (token === undefined) return undefined;
  try {
    const event = JSON.parse(textOf(base64.decode(token))) as NostrEvent | null;
    return event?.tags.every((tag) => Array.isArray(tag)) === true ? event : undefined;
  } catch {
    return undefined;
  }
}

/** The value of a tag that is there once; one that is there twice would say two things. */
function tag({ tags }: NostrEvent, name: string): string | undefined {
  const found = tags.filter((tag) => tag[0] === name);
  const value: unknown = found[0]?.[1];
  if (found.length > 1) throw denied(`the token has the tag "${name}" twice`);
  return typeof value === "string" ? value : undefined;
}

function isAddress(given: string | undefined, url: string): boolean {
  return given !== undefined && URL.canParse(given) && address(given) === address(url);
}

/** The one form of an absolute address, without the part that is not sent. */
function address(url: string): string {
  if (!URL.canParse(url)) {
    throw new OpenAgentsError("INVALID", `Cannot use token: "${url}" is no absolute address`);
  }
  const { href, hash } = new URL(url);
  return hash === "" ? href.replace(/#$/, "") : href.slice(0, -hash.length);
}

function denied(detail: string): OpenAgentsError {
  return new OpenAgentsError("DENIED", `Cannot accept request: ${detail}`);
}
