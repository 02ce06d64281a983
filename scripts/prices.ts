import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { findProvider } from "@pydantic/genai-prices";
import type { ModelPrice } from "@pydantic/genai-prices";

// Writes src/models/price-table.ts from the table of @pydantic/genai-prices: `node scripts/prices.ts [FILE]`.
// The date below says which of a model's prices hold; move it on with the package.
const AS_OF = "2026-11-28";
const PROVIDERS = [
  "anthropic",
  "aws",
  "azure",
  "cerebras",
  "cohere",
  "deepseek",
  "fireworks",
  "google",
  "groq",
  "mistral",
  "moonshotai",
  "openai",
  "openrouter",
  "perplexity",
  "together",
  "x-ai",
];
const KEYS = ["input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok"] as const;

type Rates = (number | undefined)[];

/** Micro-USD for a million tokens, rounded up; digits that only the float has are dropped. */
function micro(usd: number): number {
  return Math.ceil(Number((usd * 1e6).toPrecision(12)));
}

/** Where it has several prices: the last that holds on the date; by time of day, the highest of all. */
function pricesOf(
  given: readonly { constraint?: object; prices: ModelPrice }[] | ModelPrice,
): readonly ModelPrice[] {
  if (!Array.isArray(given)) return [given as ModelPrice];
  const entries = given as readonly {
    constraint?: { type: string; start_date?: string };
    prices: ModelPrice;
  }[];
  if (entries.some(({ constraint }) => constraint?.type === "time_of_date")) {
    return entries.map(({ prices }) => prices);
  }
  const holding = entries.filter(({ constraint }) => (constraint?.start_date ?? "") <= AS_OF);
  return [holding.at(-1)!.prices];
}

/** The rates that hold for an input above `tokens`. */
function ratesAt(prices: ModelPrice, tokens: number): Rates {
  const at = (key: string): number | undefined => {
    const price = prices[key];
    if (price === undefined || typeof price === "number") return price;
    return price.tiers.findLast(({ start }) => start <= tokens)?.price ?? price.base;
  };
  const rates = KEYS.map(at);
  const reasoning = at("output_reasoning_mtok");
  if (reasoning !== undefined) rates[1] = Math.max(rates[1] ?? 0, reasoning);
  const trimmed = rates.slice(0, rates.findLastIndex((rate) => rate !== undefined) + 1);
  return trimmed.map((rate) => micro(rate ?? rates[0]!));
}

function highest(all: readonly Rates[]): Rates {
  const length = Math.max(...all.map((rates) => rates.length));
  return Array.from({ length }, (_, i) => Math.max(...all.map((rates) => rates[i] ?? rates[0]!)));
}

function rowsOf(provider: string): string[] {
  return findProvider({ providerId: provider })!.models.flatMap((model) => {
    const prices = pricesOf(model.prices);
    if (
      prices.some(
        ({ input_mtok, output_mtok }) => input_mtok === undefined || output_mtok === undefined,
      )
    )
      return [];
    const starts = prices.flatMap((one) =>
      KEYS.flatMap((key) => {
        const price = one[key];
        return typeof price === "object" ? price.tiers.map(({ start }) => start) : [];
      }),
    );
    const tiers = [...new Set(starts)].sort((a, b) => a - b);
    const rates = (tokens: number): Rates => highest(prices.map((one) => ratesAt(one, tokens)));
    const id = model.id.toLowerCase();
    const { match } = model;
    const row = [
      id,
      "equals" in match && match.equals === id ? null : match,
      rates(0),
      ...tiers.map((start) => [start, ...rates(start)]),
    ];
    return [JSON.stringify(row)];
  });
}

const { version } = JSON.parse(
  readFileSync(
    new URL("../node_modules/@pydantic/genai-prices/package.json", import.meta.url),
    "utf8",
  ),
) as { version: string };
const text = `// Made by scripts/prices.ts from @pydantic/genai-prices ${version} (MIT, Copyright Pydantic Services Inc.),
// prices as of ${AS_OF}. Do not edit: give overrides, or make it anew.

/** Rows of models by provider, each a line of JSON: what it means, prices.ts says. */
export const PRICE_TABLE: Readonly<Record<string, string>> = {
${PROVIDERS.map((id) => `  ${/^\w+$/.test(id) ? id : JSON.stringify(id)}: String.raw\`\n${rowsOf(id).join("\n")}\`,`).join("\n")}
};
`;
const file = process.argv[2] ?? new URL("../src/models/price-table.ts", import.meta.url).pathname;
writeFileSync(file, text);
execFileSync("npx", ["oxfmt", file]);
process.stdout.write(`${file}\n`);
