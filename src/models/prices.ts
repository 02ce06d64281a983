import { OpenAgentsError } from "../core/errors.ts";
import type { Price, Prices, Rates } from "../core/ports/model.ts";
import { PRICE_TABLE } from "./price-table.ts";
import type { Usage } from "./usage.ts";

export type { Price, Prices, Rates } from "../core/ports/model.ts";

/** Which model was called, as a model of the AI SDK names itself. */
export interface ModelName {
  /** `"openai.responses"`: what stands before the dot counts. */
  readonly provider: string;
  readonly modelId: string;
}

/** A model's entry in the JSON of LiteLLM (`model_prices_and_context_window.json`): USD for one token. */
export interface LiteLLMPrice {
  readonly input_cost_per_token?: number;
  readonly output_cost_per_token?: number;
  readonly cache_read_input_token_cost?: number;
  readonly cache_creation_input_token_cost?: number;
  /** Also `…_above_128k_tokens` and the like, for each of the four. */
  readonly [more: string]: unknown;
}

/**
 * A model in the table: its id, which other ids it is for, rates of input, output, cache read and cache write
 * (what is absent costs as input does), and the same for inputs above a number of tokens, which stands first.
 */
type PriceRow = readonly [
  string,
  Match | null,
  readonly number[],
  ...(readonly [number, ...number[]])[],
];

/** Which model ids a row is for. */
type Match =
  | { readonly equals: string }
  | { readonly starts_with: string }
  | { readonly ends_with: string }
  | { readonly contains: string }
  | { readonly regex: string }
  | { readonly or: readonly Match[] }
  | { readonly and: readonly Match[] };

/** The table as far as it was asked for, by provider. */
const parsed = new Map<string, readonly PriceRow[]>();

/** What providers are called in the table, where the AI SDK has another word. */
const TABLE_NAMES: Readonly<Record<string, string>> = {
  "amazon-bedrock": "aws",
  bedrock: "aws",
  "azure-openai": "azure",
  vertex: "google",
  xai: "x-ai",
  togetherai: "together",
};

/**
 * What a model costs: as `overrides` have it, else as the table that comes with this package does, which
 * needs no network. Undefined where neither knows it: whoever has a budget of money refuses such a model.
 */
export function priceOf(model: ModelName, overrides: Prices = {}): Price | undefined {
  const { modelId } = model;
  const said = model.provider.split(".")[0]!;
  const own = [`${said}/${modelId}`, modelId].find((key) => Object.hasOwn(overrides, key));
  if (own !== undefined) return overrides[own];
  const provider = TABLE_NAMES[said] ?? said;
  if (!Object.hasOwn(PRICE_TABLE, provider)) return undefined;
  const id = modelId.toLowerCase();
  const rows = rowsOf(provider);
  const row =
    rows.find(([name]) => name === id) ??
    rows.find(([, match]) => match !== null && fits(match, id));
  if (row === undefined) return undefined;
  const [, , rates, ...tiers] = row;
  return {
    ...ratesOf(rates),
    ...(tiers.length > 0 && {
      tiers: tiers.map(([above, ...rates]) => ({ above, ...ratesOf(rates) })),
    }),
  };
}

/** What the tokens cost in micro-USD: a whole number, rounded up once. */
export function costOf(usage: Usage, price: Price): number {
  const { input, output, cacheRead, cacheWrite } = usage;
  const rates = price.tiers?.findLast(({ above }) => input > above) ?? price;
  const plain = Math.max(0, input - cacheRead - cacheWrite);
  const parts = [
    [plain, rates.input],
    [cacheRead, rates.cacheRead],
    [cacheWrite, rates.cacheWrite],
    [output, rates.output],
  ] as const;
  // The product of many tokens and a high price is beyond what a number holds exactly.
  const total = parts.reduce((sum, [tokens, rate]) => sum + BigInt(tokens) * BigInt(rate), 0n);
  return Number((total + 999_999n) / 1_000_000n);
}

/**
 * Prices in the JSON of LiteLLM as overrides: rounded up to a whole micro-USD for a million tokens. What has
 * no price for a token, such as one for images, is left out.
 * @throws CONFIG for a price that is no number from 0 on
 */
export function pricesFromLiteLLM(entries: Readonly<Record<string, LiteLLMPrice>>): Prices {
  const prices: Record<string, Price> = {};
  for (const [id, entry] of Object.entries(entries)) {
    const base = litellmRates(id, entry, "");
    if (base === undefined) continue;
    const marks = Object.keys(entry).map((key) =>
      /^input_cost_per_token(_above_(\d+)k_tokens)$/.exec(key),
    );
    const tiers = marks
      .filter((mark) => mark !== null)
      .map(([, suffix, k]) => ({
        above: Number(k) * 1000,
        ...litellmRates(id, entry, suffix!, base)!,
      }))
      .sort((a, b) => a.above - b.above);
    prices[id] = { ...base, ...(tiers.length > 0 && { tiers }) };
  }
  return prices;
}

function litellmRates(
  id: string,
  entry: LiteLLMPrice,
  suffix: string,
  base?: Rates,
): Rates | undefined {
  const rate = (key: string): number | undefined => {
    const usd = entry[key + suffix];
    if (usd === undefined || usd === null) return undefined;
    if (typeof usd !== "number" || !Number.isFinite(usd) || usd < 0 || usd > 1) {
      throw new OpenAgentsError(
        "CONFIG",
        `Cannot take the price of model "${id}": "${key + suffix}" must be USD for one token, a number from 0 to 1`,
      );
    }
    // 2.5e-6 is not exactly that: digits that only the float has would round up.
    return Math.ceil(Number((usd * 1e12).toPrecision(12)));
  };
  const input = rate("input_cost_per_token") ?? base?.input;
  const output = rate("output_cost_per_token") ?? base?.output;
  if (input === undefined || output === undefined) return undefined;
  return {
    input,
    output,
    cacheRead:
      rate("cache_read_input_token_cost") ?? (base && Math.max(input, base.cacheRead)) ?? input,
    cacheWrite:
      rate("cache_creation_input_token_cost") ??
      (base && Math.max(input, base.cacheWrite)) ??
      input,
  };
}

/** Read when it is first asked for: most of the table never is. */
function rowsOf(provider: string): readonly PriceRow[] {
  let rows = parsed.get(provider);
  if (rows === undefined) {
    const lines = PRICE_TABLE[provider]!.trim().split("\n");
    rows = lines.map((line) => JSON.parse(line) as PriceRow);
    parsed.set(provider, rows);
  }
  return rows;
}

function ratesOf([
  input = 0,
  output = 0,
  cacheRead = input,
  cacheWrite = input,
]: readonly number[]): Rates {
  return { input, output, cacheRead, cacheWrite };
}

function fits(match: Match, id: string): boolean {
  if ("equals" in match) return id === match.equals;
  if ("starts_with" in match) return id.startsWith(match.starts_with);
  if ("ends_with" in match) return id.endsWith(match.ends_with);
  if ("contains" in match) return id.includes(match.contains);
  if ("regex" in match) return new RegExp(match.regex).test(id);
  if ("or" in match) return match.or.some((one) => fits(one, id));
  return match.and.every((one) => fits(one, id));
}
