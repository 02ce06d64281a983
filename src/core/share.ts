import { lower } from "./budget.ts";
import type { Amount, Budget, BudgetOptions } from "./budget.ts";
import { OpenAgentsError } from "./errors.ts";
import { microUsd, usdText } from "./money.ts";

const KINDS = ["usd", "tokens"] as const;

/** What a child has by default of each limit of its parent. */
const DEFAULT_PART = 10;

/** What agent code asks for a child. @throws INVALID */
export function askedShare(given: BudgetOptions): Budget {
  const refuse = (why: string): never => {
    throw new OpenAgentsError("INVALID", `Cannot spawn: ${why}`);
  };
  if (!hasOnly(given, ["perDay"])) refuse('"budget" must be { perDay: { usd, tokens } }');
  const { perDay } = given;
  if (!hasOnly(perDay, KINDS)) refuse('"budget.perDay" must have "usd", "tokens" or both');
  const { tokens } = perDay;
  const usd = perDay.usd === undefined ? undefined : microUsd(perDay.usd);
  if (perDay.usd !== undefined && usd === undefined) {
    refuse('"budget.perDay.usd" must be dollars as text, with at most 6 decimals: "0.10"');
  }
  if (tokens !== undefined && !isAmount(tokens)) {
    refuse('"budget.perDay.tokens" must be a whole number from 0');
  }
  return { perDay: withoutAbsent({ usd, tokens }) };
}

function hasOnly(value: unknown, known: readonly string[]): boolean {
  const isPlain = typeof value === "object" && value !== null && !Array.isArray(value);
  return isPlain && Object.keys(value).every((member) => known.includes(member));
}

function withoutAbsent({ usd, tokens }: Amount): Amount {
  return { ...(usd !== undefined && { usd }), ...(tokens !== undefined && { tokens }) };
}

/** The lower of two budgets, each limit by itself; undefined where neither limits anything. */
export function lowerBudget(a: Budget | undefined, b: Budget | undefined): Budget | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return { perDay: lower(a.perDay, b.perDay) };
}

/** What is left of a limit when these shares are taken from it; never below nothing. */
export function withoutShares(limit: Budget, taken: readonly (Budget | undefined)[]): Amount {
  const left = (kind: keyof Amount): number | undefined => {
    const whole = limit.perDay[kind];
    if (whole === undefined) return undefined;
    const given = taken.reduce((sum, share) => sum + (share?.perDay[kind] ?? 0), 0);
    return Math.max(0, whole - given);
  };
  return withoutAbsent({ usd: left("usd"), tokens: left("tokens") });
}

/**
 * The share of a new child: what is asked for, and by default a tenth of each limit of its parent. Undefined
 * where neither limits anything. @throws LIMIT when there is less left
 */
export function newShare(
  limit: Budget | undefined,
  asked: Budget | undefined,
  left: Amount,
): Budget | undefined {
  const amount: { usd?: number; tokens?: number } = {};
  for (const kind of KINDS) {
    const whole = limit?.perDay[kind];
    const part = whole === undefined ? undefined : Math.floor(whole / DEFAULT_PART);
    const wanted = asked?.perDay[kind] ?? part;
    const most = left[kind];
    if (wanted === undefined) continue;
    if (most !== undefined && wanted > most) {
      throw new OpenAgentsError(
        "LIMIT",
        `Cannot spawn: the child's share of the budget would be ${textOf(kind, wanted)} a day, and ${textOf(kind, most)} of ${textOf(kind, whole ?? 0)} are left beside the shares of other children and what was spent today: give it less, or end one of them`,
      );
    }
    amount[kind] = wanted;
  }
  return Object.keys(amount).length === 0 ? undefined : { perDay: amount };
}

/** True for a share as it is stored. */
export function isShareText(text: unknown): boolean {
  if (typeof text !== "string" || text.length > 200) return false;
  try {
    const { perDay } = JSON.parse(text) as Budget;
    return KINDS.every((kind) => perDay[kind] === undefined || isAmount(perDay[kind]));
  } catch {
    return false;
  }
}

function isAmount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function textOf(kind: keyof Amount, amount: number): string {
  return kind === "usd" ? `$${usdText(amount)}` : `${amount} tokens`;
}
