import { OpenAgentsError } from "./errors.ts";
import { microUsd, usdText } from "./money.ts";

/** The most that an agent may spend of what is its parent's; what is absent has no limit. */
export interface Share {
  /** For each day, in UTC. */
  readonly perDay: ShareAmount;
}

/** Whole micro-USD, and tokens of models. */
export interface ShareAmount {
  readonly usd?: number | undefined;
  readonly tokens?: number | undefined;
}

/** A share as agent code asks for it. */
export interface ShareOptions {
  readonly perDay: {
    /** In dollars, as text: `"0.10"`. */
    readonly usd?: string | undefined;
    readonly tokens?: number | undefined;
  };
}

const KINDS = ["usd", "tokens"] as const;

/** What a child has by default of each limit of its parent. */
const DEFAULT_PART = 10;

/** What agent code asks for. @throws INVALID */
export function askedShare(given: ShareOptions): Share {
  const refuse = (why: string): never => {
    throw new OpenAgentsError("INVALID", `Cannot spawn: ${why}`);
  };
  checkMembers(given, ["perDay"], '"budget" must be { perDay: { usd, tokens } }', refuse);
  const { perDay } = given;
  checkMembers(perDay, KINDS, '"budget.perDay" must have "usd", "tokens" or both', refuse);
  const { tokens } = perDay;
  const usd = perDay.usd === undefined ? undefined : microUsd(perDay.usd);
  if (perDay.usd !== undefined && usd === undefined) {
    refuse('"budget.perDay.usd" must be dollars as text, with at most 6 decimals: "0.10"');
  }
  if (tokens !== undefined && !isAmount(tokens)) {
    refuse('"budget.perDay.tokens" must be a whole number from 0');
  }
  return shareOf({ usd, tokens });
}

function checkMembers(
  value: unknown,
  known: readonly string[],
  need: string,
  refuse: (why: string) => never,
): void {
  const isPlain = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isPlain || Object.keys(value).some((member) => !known.includes(member))) refuse(need);
}

/** A share of which something is limited; one of nothing is `undefined` where it is stored. */
export function shareOf({ usd, tokens }: ShareAmount): Share {
  return {
    perDay: { ...(usd !== undefined && { usd }), ...(tokens !== undefined && { tokens }) },
  };
}

/** The lower of two limits, each by itself; what is absent has no limit. */
export function lowerShare(a: Share | undefined, b: Share | undefined): Share | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const least = (kind: keyof ShareAmount): number | undefined => {
    const both = [a.perDay[kind], b.perDay[kind]].filter((limit) => limit !== undefined);
    return both.length === 0 ? undefined : Math.min(...both);
  };
  return shareOf({ usd: least("usd"), tokens: least("tokens") });
}

/** What is left of a limit when these shares are taken from it; never below nothing. */
export function withoutShares(limit: Share, taken: readonly (Share | undefined)[]): Share {
  const left = (kind: keyof ShareAmount): number | undefined => {
    const whole = limit.perDay[kind];
    if (whole === undefined) return undefined;
    const given = taken.reduce((sum, share) => sum + (share?.perDay[kind] ?? 0), 0);
    return Math.max(0, whole - given);
  };
  return shareOf({ usd: left("usd"), tokens: left("tokens") });
}

/**
 * The share of a new child: what is asked for, and by default a tenth of each limit. Undefined where neither
 * limits anything. @throws LIMIT when there is less left
 */
export function newShare(
  limit: Share | undefined,
  asked: Share | undefined,
  taken: readonly (Share | undefined)[],
): Share | undefined {
  const left = limit && withoutShares(limit, taken);
  const amount: { usd?: number; tokens?: number } = {};
  for (const kind of KINDS) {
    const whole = limit?.perDay[kind];
    const part = whole === undefined ? undefined : Math.floor(whole / DEFAULT_PART);
    const wanted = asked?.perDay[kind] ?? part;
    const most = left?.perDay[kind];
    if (wanted === undefined) continue;
    if (most !== undefined && wanted > most) {
      throw new OpenAgentsError(
        "LIMIT",
        `Cannot spawn: the child's share of the budget would be ${textOf(kind, wanted)} a day, and ${textOf(kind, most)} of ${textOf(kind, whole!)} are left beside those of other children: give it less, or end one of them`,
      );
    }
    amount[kind] = wanted;
  }
  return Object.keys(amount).length === 0 ? undefined : shareOf(amount);
}

/** True for a share as it is stored. */
export function isShareText(text: unknown): boolean {
  if (typeof text !== "string" || text.length > 200) return false;
  try {
    const { perDay } = JSON.parse(text) as Share;
    return KINDS.every((kind) => perDay[kind] === undefined || isAmount(perDay[kind]));
  } catch {
    return false;
  }
}

function isAmount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function textOf(kind: keyof ShareAmount, amount: number): string {
  return kind === "usd" ? `$${usdText(amount)}` : `${amount} tokens`;
}
