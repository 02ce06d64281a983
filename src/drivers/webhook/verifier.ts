import { sameText } from "./hmac.ts";

/** A request as its signature is checked: before anything in it is read. */
export interface Signed {
  readonly headers: Headers;
  /** The body as it came, byte for byte. */
  readonly body: Uint8Array;
  /** The secrets, any of which may have been used; none is empty. */
  readonly secrets: readonly string[];
  /** ms since 1970. */
  readonly now: number;
  /** How far the time of the signature may be from now, ms. */
  readonly tolerance: number;
}

/** What a request with a good signature is. */
export interface Verified {
  /**
   * The same for the same delivery, however often it comes, and for no other one of this sender;
   * undefined where the sender should have given one and did not.
   */
  readonly id: string | undefined;
  /** The sender asks whether there is anybody: what to answer, as plain text. No agent hears of it. */
  readonly challenge?: string;
}

/** Undefined for a request that is not signed, wrongly signed, or signed too long ago or ahead. */
export type Verifier = (signed: Signed) => Promise<Verified | undefined>;

/** The most signatures that are looked at in one header. */
const MOST_SIGNATURES = 16;

/** The time in a header, in seconds or milliseconds since 1970, as ms; undefined for what is none. */
export function timeOf(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined) return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text) * 1000;
  return /^\d{13}$/.test(text) ? Number(text) : undefined;
}

/** True for a time that is not too far from now, on either side. */
export function isRecent(time: number | undefined, { now, tolerance }: Signed): boolean {
  return time !== undefined && Math.abs(now - time) <= tolerance;
}

/**
 * True when one of the secrets has made one of the signatures: `made` gives the texts that are good by a
 * secret, once for each, as what is hashed for that may be large.
 */
export async function anyMatches(
  secrets: readonly string[],
  given: readonly string[],
  made: (secret: string) => Promise<readonly string[]>,
): Promise<boolean> {
  const signatures = given.slice(0, MOST_SIGNATURES);
  let good = false;
  for (const secret of secrets) {
    for (const expected of await made(secret)) {
      // All are looked at, whatever the first ones say.
      for (const signature of signatures) good = sameText(signature, expected) || good;
    }
  }
  return good;
}

/** The JSON object in a body; undefined when it is none. */
export function objectIn(body: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return value as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}
