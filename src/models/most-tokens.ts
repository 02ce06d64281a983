import type {
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  SharedV4FileData,
} from "@ai-sdk/provider";
import { byteLength } from "../core/byte-length.ts";

/** Bytes of a prompt that are one token at most, as budgets take it: texts have 2 to 4. */
const TOKEN_BYTES = 2;
/** Base64 characters that are one token of a picture or another file, and what each file is at least. */
const FILE_TOKEN_SIZE = 50;
const FILE_TOKENS = 2_000;

type Part = Exclude<LanguageModelV4Message["content"], string>[number];

/** About the most tokens that a prompt has, with its tools. */
export function mostTokens({
  prompt,
  tools = [],
}: Pick<LanguageModelV4CallOptions, "prompt" | "tools">): number {
  let sum = textTokens(tools);
  for (const { content } of prompt) {
    if (typeof content === "string") sum += textTokens(content);
    else for (const part of content) sum += partTokens(part);
  }
  return sum;
}

function partTokens(part: Part): number {
  if (part.type === "file" || part.type === "reasoning-file") return fileTokens(part.data);
  if (part.type !== "tool-result" || part.output.type !== "content") return textTokens(part);
  return part.output.value.reduce(
    (sum, one) => sum + (one.type === "file" ? fileTokens(one.data) : textTokens(one)),
    0,
  );
}

/** A provider makes of a file what it wants; of one by its address nobody here knows how large it is. */
function fileTokens(data: SharedV4FileData): number {
  if (data.type === "text") return textTokens(data);
  const size = data.type === "data" ? data.data.length : 0;
  return Math.max(FILE_TOKENS, Math.ceil(size / FILE_TOKEN_SIZE));
}

function textTokens(value: unknown): number {
  return Math.ceil(byteLength(JSON.stringify(value)) / TOKEN_BYTES);
}
