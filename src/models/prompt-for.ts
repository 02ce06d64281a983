import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  SharedV4ProviderMetadata,
  SharedV4ProviderOptions,
} from "@ai-sdk/provider";
import type { PromptPart } from "./prompt-parts.ts";

/** Among the options by provider, those of a part that say whose it is. */
const MARK = "openagents";
/** Characters that are told of what a provider's own tool was given, and of what it gave. */
const TOLD = 2_000;

type Options = { readonly providerOptions?: SharedV4ProviderOptions };

/** What a provider says of a part of its answer, with who that was: no other can make anything of it. */
export function markedBy(
  provider: string,
  metadata: SharedV4ProviderMetadata | undefined,
): { readonly providerOptions: SharedV4ProviderOptions } {
  return { providerOptions: { ...metadata, [MARK]: { provider } } };
}

/**
 * A prompt as this provider can take it. What another one answered is told as text where it has words, and left out
 * where it has none: what it thought, its own tools, files that it keeps. Packages of providers refuse whole prompts
 * for one such part.
 */
export function promptFor(prompt: LanguageModelV4Prompt, provider: string): LanguageModelV4Prompt {
  return prompt.flatMap((message): LanguageModelV4Message[] => {
    if (message.role === "system") return [message];
    if (message.role === "assistant") {
      const content = message.content.flatMap((part) => ofAnswer(part, provider));
      return content.length > 0 ? [{ ...message, content }] : [];
    }
    if (message.role === "user") {
      const content = message.content.map((part) => keptElsewhere(part, provider) ?? part);
      return [{ ...message, content }];
    }
    const content = message.content.map((part) => {
      if (part.type !== "tool-result" || part.output.type !== "content") return part;
      const value = part.output.value.map((one) => keptElsewhere(one, provider) ?? one);
      return { ...part, output: { ...part.output, value } };
    });
    return [{ ...message, content }];
  });
}

type AnswerPart = Extract<LanguageModelV4Message, { role: "assistant" }>["content"][number];

function ofAnswer(part: AnswerPart, provider: string): AnswerPart[] {
  const by = part.providerOptions?.[MARK]?.["provider"];
  if (by === provider) return [unmarked(part)];
  if (part.type === "tool-result") return toldOf(part);
  if (part.type === "tool-call" && part.providerExecuted === true) return toldOf(part);
  if (by === undefined) return [keptElsewhere(part, provider) ?? part];
  switch (part.type) {
    case "text":
    case "tool-call": {
      const { providerOptions: _, ...rest } = part;
      return [rest];
    }
    case "file":
      return [text(`[a file: ${part.mediaType}]`)];
    default:
      return [];
  }
}

/** What a provider's own tool was given, or gave, as words. */
function toldOf(part: PromptPart): AnswerPart[] {
  if (part.type === "tool-call") return [text(`[${part.toolName}: ${told(part.input)}]`)];
  if (part.type !== "tool-result") return [];
  const value = "value" in part.output ? part.output.value : null;
  return [text(`[${part.toolName} gave: ${told(value)}]`)];
}

function told(value: unknown): string {
  const words = typeof value === "string" ? value : JSON.stringify(value ?? null);
  return words.length <= TOLD ? words : `${words.slice(0, TOLD).toWellFormed()}…`;
}

/** Words for a file that another provider keeps. */
function keptElsewhere(
  part: { readonly type: string },
  provider: string,
): ReturnType<typeof text> | undefined {
  if (part.type !== "file") return undefined;
  const { data, mediaType } = part as LanguageModelV4FilePart;
  if (data.type !== "reference") return undefined;
  const [name = ""] = provider.split(".");
  return Object.hasOwn(data.reference, name) ? undefined : text(`[a file: ${mediaType}]`);
}

function unmarked<Part extends Options>(part: Part): Part {
  const { providerOptions = {}, ...rest } = part;
  const { [MARK]: _, ...others } = providerOptions;
  return {
    ...rest,
    ...(Object.keys(others).length > 0 && { providerOptions: others }),
  } as Part;
}

function text(words: string): { readonly type: "text"; readonly text: string } & Options {
  return { type: "text", text: words };
}
