import { base64urlnopad } from "@scure/base";
import { OpenAgentsError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import type { Clock, HomeFiles, Random } from "../core/ports/index.ts";
import { sameText } from "./access.ts";
import type { Principal, Scope } from "./access.ts";

/** A stored token, without its secret, which is nowhere. */
export interface TokenInfo {
  readonly id: string;
  /** What it is for, as its maker said. */
  readonly name: string;
  readonly scope: Scope;
  readonly agents?: readonly string[] | undefined;
  readonly labels?: readonly string[] | undefined;
  /** Requests in a minute. */
  readonly rate?: number | undefined;
  readonly createdAt: number;
  readonly expiresAt?: number | undefined;
}

export type NewToken = Omit<TokenInfo, "id" | "createdAt">;

/** A token as it is made: its text is shown this once. */
export interface MadeToken extends TokenInfo {
  readonly token: string;
}

/** Says whose a token is. */
export interface TokenCheck {
  /** Undefined for one that is wrong, revoked or out of date. */
  check(token: string): Promise<Principal | undefined>;
}

/** The stored tokens of a home. */
export interface Tokens extends TokenCheck {
  create(wanted: NewToken): Promise<MadeToken>;
  /** In order of id, after `after`. */
  list(after: string, limit: number): Promise<readonly TokenInfo[]>;
  /** It lets nobody in from then on. @throws NOT_FOUND */
  revoke(id: string): Promise<void>;
}

interface StoredToken extends TokenInfo {
  /** SHA-256 of the text, hex. */
  readonly hash: string;
}

/** `oat_`, an id of 16 letters and digits, 32 bytes in base64url, and 6 letters and digits of checksum. */
const TOKEN = /^(oat_([0-9a-f]{16})_[\w-]{43})([0-9A-Za-z]{6})$/;

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Six base62 digits of the first 32 bits of a text's SHA-256: it shows slips, and keeps nobody out. */
function checksum(text: string): string {
  let rest = Number.parseInt(sha256Hex(text).slice(0, 8), 16);
  let digits = "";
  while (digits.length < 6) {
    digits = BASE62[rest % 62]! + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

/** The id of a token that is whole; undefined for text that is none, also for one with a slip in it. */
function idOf(token: string): string | undefined {
  const [, text, id, sum] = TOKEN.exec(token) ?? [];
  return text !== undefined && checksum(text) === sum ? id : undefined;
}

/** True for text that may be a stored token. */
export function isToken(text: string): boolean {
  return idOf(text) !== undefined;
}

const PREFIX = "tokens/";

/** When the token with this id ends, ms since 1970: never is infinite, and 0 is for one that is not there. */
export async function tokenEnd(files: Pick<HomeFiles, "read">, id: string): Promise<number> {
  const value = await files.read(PREFIX + id);
  if (value === undefined) return 0;
  return (JSON.parse(value) as StoredToken).expiresAt ?? Number.POSITIVE_INFINITY;
}

export interface TokensOptions {
  readonly files: HomeFiles;
  readonly clock: Pick<Clock, "now">;
  readonly random: Random;
}

/**
 * Tokens in a home's files, each as its hash: what is read there opens nothing. A token has 256 bits of
 * chance, which no list of guesses can hold, so that the hash needs no salt and no work.
 */
export function storedTokens({ files, clock, random }: TokensOptions): Tokens {
  const absent = forgetful(clock);
  return {
    async create(wanted) {
      const id = [...random.bytes(8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      const text = `oat_${id}_${base64urlnopad.encode(random.bytes(32))}`;
      const token = text + checksum(text);
      const info: TokenInfo = { id, ...wanted, createdAt: clock.now() };
      const stored: StoredToken = { ...info, hash: sha256Hex(token) };
      await files.write({ put: [{ path: PREFIX + id, value: JSON.stringify(stored) }] });
      return { ...info, token };
    },
    async list(after, limit) {
      const rows = await files.list({ prefix: PREFIX, after: PREFIX + after, limit });
      return rows.map(({ value }) => {
        const { hash: _hash, ...info } = JSON.parse(value) as StoredToken;
        return info;
      });
    },
    async revoke(id) {
      const path = PREFIX + id;
      const value = await files.read(path);
      if (value === undefined) throw new OpenAgentsError("NOT_FOUND", `There is no token "${id}"`);
      await files.write({ remove: [path] });
    },
    async check(token) {
      const id = idOf(token);
      if (id === undefined || absent.has(id)) return undefined;
      const value = await files.read(PREFIX + id);
      if (value === undefined) {
        absent.add(id);
        return undefined;
      }
      const { hash, ...info } = JSON.parse(value) as StoredToken;
      if (!sameText(hash, sha256Hex(token))) return undefined;
      if (info.expiresAt !== undefined && info.expiresAt <= clock.now()) return undefined;
      return principalOf(info);
    },
  };
}

/** How long it is remembered that there is no token with an id, ms: those that come have ids of their own. */
const ABSENT = 5_000;

/** Ids that were looked for in vain a moment ago, of which the oldest make room. */
function forgetful(clock: Pick<Clock, "now">): { has(id: string): boolean; add(id: string): void } {
  const until = new Map<string, number>();
  return {
    has(id) {
      const end = until.get(id);
      if (end !== undefined && clock.now() < end) return true;
      until.delete(id);
      return false;
    },
    add(id) {
      if (until.size >= KEPT) until.delete(until.keys().next().value!);
      until.set(id, clock.now() + ABSENT);
    },
  };
}

function principalOf({ id, scope, agents, labels, rate }: TokenInfo): Principal {
  return {
    id: `token:${id}`,
    scope,
    ...(agents !== undefined && { agents }),
    ...(labels !== undefined && { labels }),
    ...(rate !== undefined && { rate }),
  };
}

/** How long a token that was good may still let in once it is revoked elsewhere, ms. */
const REMEMBERED = 5_000;
/** How many tokens are remembered, of the good and of the absent. */
const KEPT = 1_000;

/**
 * The same tokens, where to look at them costs a call: one that was good is good for five seconds more.
 * What is revoked through this one lets nobody in here from then on.
 */
export function rememberedTokens(tokens: Tokens, clock: Pick<Clock, "now">): Tokens {
  const good = new Map<string, { readonly principal: Principal; readonly until: number }>();
  return {
    ...tokens,
    async check(token) {
      const known = good.get(token);
      if (known !== undefined && clock.now() < known.until) return known.principal;
      good.delete(token);
      const principal = await tokens.check(token);
      if (principal === undefined) return undefined;
      if (good.size >= KEPT) good.delete(good.keys().next().value!);
      good.set(token, { principal, until: clock.now() + REMEMBERED });
      return principal;
    },
    async revoke(id) {
      for (const [token, { principal }] of good) {
        if (principal.id === `token:${id}`) good.delete(token);
      }
      await tokens.revoke(id);
    },
  };
}
