import type {
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import { byteLength } from "../core/byte-length.ts";
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

/** Bytes for which a token is counted where nobody says how many there were. */
const TOKEN_BYTES = 4;
/** Tokens of a picture or another file, whatever it is. */
const FILE_TOKENS = 1_000;

/** What is known of an answer, whole or not. */
export interface Made {
  /** What the provider said, if it did. */
  readonly usage: LanguageModelV4Usage | undefined;
  /** Bytes of all that came, and those of them that were reasoning. */
  readonly bytes: number;
  readonly reasoningBytes: number;
}

/**
 * The usage of a call: what the provider said, and an estimate for what it did not. There is no prompt of no
 * tokens, and no answer either that says something.
 */
export function measure(
  made: Made,
  request: Pick<LanguageModelV4CallOptions, "prompt" | "tools">,
): { readonly usage: Usage; readonly isEstimated: boolean } {
  const said = usageOf(made.usage);
  const input = said.input > 0 ? said.input : promptTokens(request);
  const output = said.output > 0 ? said.output : Math.ceil(made.bytes / TOKEN_BYTES);
  const isEstimated = input !== said.input || output !== said.output;
  const reasoning = said.output > 0 ? said.reasoning : Math.ceil(made.reasoningBytes / TOKEN_BYTES);
  return { usage: { ...said, input, output, reasoning }, isEstimated };
}

/** About how many tokens a prompt has, with its tools. */
function promptTokens({
  prompt,
  tools,
}: Pick<LanguageModelV4CallOptions, "prompt" | "tools">): number {
  const bytes = prompt.reduce((sum, message) => sum + messageBytes(message), jsonBytes(tools));
  return Math.ceil(bytes / TOKEN_BYTES);
}

function messageBytes({ content }: LanguageModelV4Message): number {
  if (typeof content === "string") return byteLength(content);
  return content.reduce((sum, part) => {
    if (part.type === "text" || part.type === "reasoning") return sum + byteLength(part.text);
    if (part.type === "tool-call") return sum + byteLength(part.toolName) + jsonBytes(part.input);
    if (part.type === "tool-result") return sum + jsonBytes(part.output);
    return sum + FILE_TOKENS * TOKEN_BYTES;
  }, 0);
}

function jsonBytes(value: unknown): number {
  return value === undefined ? 0 : byteLength(JSON.stringify(value) ?? "");
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
