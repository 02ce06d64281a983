import type {
  LanguageModelV4CustomPart,
  LanguageModelV4FilePart,
  LanguageModelV4ReasoningFilePart,
  LanguageModelV4ReasoningPart,
  LanguageModelV4TextPart,
  LanguageModelV4ToolCallPart,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart,
  SharedV4FileData,
  SharedV4ProviderOptions,
} from "@ai-sdk/provider";
import type { Json } from "../core/json.ts";

/** A part of a message, as the AI SDK has it. */
export type PromptPart =
  | LanguageModelV4TextPart
  | LanguageModelV4FilePart
  | LanguageModelV4ReasoningPart
  | LanguageModelV4ReasoningFilePart
  | LanguageModelV4CustomPart
  | LanguageModelV4ToolCallPart
  | LanguageModelV4ToolResultPart;

type Given = Readonly<Record<string, unknown>>;

/**
 * The parts of a message as a provider can take them, whoever wrote its file: what is no part, or says nothing, is left
 * out. A text alone is one part.
 */
export function partsOf(content: Json): readonly PromptPart[] {
  const given = typeof content === "string" ? [{ type: "text", text: content }] : content;
  return (Array.isArray(given) ? given : []).flatMap((one: unknown) =>
    isObject(one) ? partOf(one) : [],
  );
}

function partOf(given: Given): readonly PromptPart[] {
  const { type, text, mediaType, kind, toolCallId } = given;
  const more = optionsOf(given);
  switch (type) {
    case "text":
      // Providers refuse a text of nothing but white space.
      return typeof text === "string" && text.trim() !== "" ? [{ type, text, ...more }] : [];
    case "reasoning":
      return typeof text === "string" ? [{ type, text, ...more }] : [];
    case "file": {
      const data = fileOf(given["data"]);
      if (data === undefined || typeof mediaType !== "string" || mediaType === "") return [];
      const { filename } = given;
      const named = typeof filename === "string" && { filename };
      return [{ type, mediaType, data, ...named, ...more }];
    }
    case "reasoning-file": {
      const data = fileOf(given["data"]);
      if (data?.type !== "data" && data?.type !== "url") return [];
      return typeof mediaType === "string" ? [{ type, mediaType, data, ...more }] : [];
    }
    case "custom":
      return typeof kind === "string" && kind.includes(".")
        ? [{ type, kind: kind as `${string}.${string}`, ...more }]
        : [];
    case "tool-call": {
      if (typeof toolCallId !== "string") return [];
      const input = isObject(given["input"]) ? given["input"] : {};
      const own = given["providerExecuted"] === true && { providerExecuted: true };
      return [{ type, toolCallId, toolName: toolName(given), input, ...own, ...more }];
    }
    case "tool-result": {
      if (typeof toolCallId !== "string") return [];
      const output = outputOf(given["output"]);
      return [{ type, toolCallId, toolName: toolName(given), output, ...more }];
    }
    default:
      return [];
  }
}

/** A name that all providers take; a model may have called for what none would. */
function toolName({ toolName: name }: Given): string {
  const given = typeof name === "string" ? name : "";
  return given.replaceAll(/[^\w-]/g, "_").slice(0, 64) || "_";
}

function outputOf(given: unknown): LanguageModelV4ToolResultOutput {
  const { type, value, reason } = isObject(given) ? given : {};
  switch (type) {
    case "text":
    case "error-text":
      return { type, value: typeof value === "string" ? value : JSON.stringify(value ?? null) };
    case "json":
    case "error-json":
      return { type, value: (value ?? null) as never };
    case "execution-denied":
      return typeof reason === "string" ? { type, reason } : { type };
    case "content": {
      const parts = partsOf(value as Json).filter(
        (part) => part.type === "text" || part.type === "file",
      );
      return parts.length > 0 ? { type, value: [...parts] } : { type: "text", value: "Done" };
    }
    default:
      return { type: "json", value: (given ?? null) as never };
  }
}

/** Addresses were kept as text, and the AI SDK has them as `URL`. */
function fileOf(given: unknown): SharedV4FileData | undefined {
  if (!isObject(given)) return undefined;
  const { type, data, url, text, reference } = given;
  switch (type) {
    case "data":
      return typeof data === "string" && /^[\w+/-]*={0,2}$/.test(data) ? { type, data } : undefined;
    case "url":
      return typeof url === "string" && URL.canParse(url) ? { type, url: new URL(url) } : undefined;
    case "text":
      return typeof text === "string" ? { type, text } : undefined;
    case "reference":
      return isObject(reference) && Object.values(reference).every((id) => typeof id === "string")
        ? { type, reference: reference as Record<string, string> }
        : undefined;
    default:
      return undefined;
  }
}

/** What a provider alone knows: by the provider's name. */
function optionsOf({ providerOptions }: Given): { providerOptions?: SharedV4ProviderOptions } {
  if (!isObject(providerOptions)) return {};
  const known = Object.entries(providerOptions).filter(([, options]) => isObject(options));
  return known.length > 0
    ? { providerOptions: Object.fromEntries(known) as SharedV4ProviderOptions }
    : {};
}

function isObject(value: unknown): value is Given {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
