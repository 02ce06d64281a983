import type { LanguageModelV4Usage } from "@ai-sdk/provider";
import type { Usage } from "../core/ports/model.ts";

export type { Usage } from "../core/ports/model.ts";

export const NO_USAGE: Usage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };

/**
 * What a provider says of a call, made whole: a total that is missing or too small is the sum of its
 * parts, and what is no whole number above 0 is rounded up or 0.
 */
export function usageOf(given: LanguageModelV4Usage | undefined): Usage {
  const { inputTokens, outputTokens } = (given ?? {}) as Partial<LanguageModelV4Usage>;
  const cacheRead = whole(inputTokens?.cacheRead);
  const cacheWrite = whole(inputTokens?.cacheWrite);
  const reasoning = whole(outputTokens?.reasoning);
  return {
    input: Math.max(
      whole(inputTokens?.total),
      whole(inputTokens?.noCache) + cacheRead + cacheWrite,
    ),
    output: Math.max(whole(outputTokens?.total), whole(outputTokens?.text) + reasoning),
    cacheRead,
    cacheWrite,
    reasoning,
  };
}

/** Both together. */
export function addUsage(a: Usage, b: Usage): Usage {
  return {
    input: a.input + b.input,
    output: a.output + b.output,
    cacheRead: a.cacheRead + b.cacheRead,
    cacheWrite: a.cacheWrite + b.cacheWrite,
    reasoning: a.reasoning + b.reasoning,
  };
}

/** More tokens than any call has, and few enough that sums of them stay whole. */
const MOST = 1e12;

function whole(tokens: unknown): number {
  if (typeof tokens !== "number" || !(tokens > 0)) return 0;
  return Math.min(Math.ceil(tokens), MOST);
}
