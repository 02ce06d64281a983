import type {
  JSONValue,
  LanguageModelV4Content,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolCallPart,
  LanguageModelV4ToolResultPart,
  SharedV4ProviderMetadata,
} from "@ai-sdk/provider";
import type { Json } from "../core/json.ts";
import type { ConversationContext, Message } from "../core/ports/memory.ts";
import { plain } from "./plain.ts";

type AssistantContent = Extract<LanguageModelV4Message, { role: "assistant" }>["content"];

/**
 * The prompt of the next call: instructions, the summary of what is no longer there, and the messages. What
 * would make a provider refuse it is put right: a call without its result gets one, a result without its call
 * goes. What is in `always` is there even when it did not fit.
 */
export function promptOf(
  instructions: string | undefined,
  { summary, messages }: Pick<ConversationContext, "summary" | "messages">,
  always: readonly Message[] = [],
): LanguageModelV4Prompt {
  const prompt: LanguageModelV4Message[] = [];
  if (instructions !== undefined && instructions !== "") {
    prompt.push({ role: "system", content: instructions });
  }
  if (summary !== undefined) {
    prompt.push(userText(`[A summary of what was said before]\n${summary.text}`));
  }
  const numbers = new Set(messages.map(({ n }) => n));
  const missing = always.filter(({ n }) => !numbers.has(n));
  const fitting = [...missing, ...messages].sort((a, b) => a.n - b.n);
  // Providers want the first word to be the user's: an answer whose question is out goes too.
  const begin = summary === undefined ? fitting.findIndex(({ role }) => role === "user") : 0;
  const shown = fitting.slice(Math.max(begin, 0));
  let open = new Map<string, LanguageModelV4ToolCallPart>();
  const answerOpen = (): void => {
    const content = [...open.values()].map(lostResult);
    if (content.length > 0) prompt.push({ role: "tool", content });
    open = new Map();
  };
  for (const message of shown) {
    const made = modelMessage(message);
    if (made.role === "tool") {
      const content = made.content.filter(
        (part) => part.type === "tool-result" && open.delete(part.toolCallId),
      );
      const lost = [...open.values()].map(lostResult);
      open = new Map();
      if (content.length + lost.length > 0)
        prompt.push({ role: "tool", content: [...content, ...lost] });
      continue;
    }
    answerOpen();
    if (typeof made.content !== "string" && made.content.length === 0) continue;
    prompt.push(made);
    if (made.role !== "assistant") continue;
    const calls = made.content.filter((part) => part.type === "tool-call");
    open = new Map(
      calls
        .filter(({ providerExecuted }) => providerExecuted !== true)
        .map((call) => [call.toolCallId, call]),
    );
  }
  answerOpen();
  return prompt;
}

/** What the model answered, as a message of the prompts that follow. */
export function contentOf(answer: readonly LanguageModelV4Content[]): Json {
  const parts: AssistantContent = answer.flatMap((part): AssistantContent => {
    const options = optionsOf(part.providerMetadata);
    switch (part.type) {
      case "text":
      case "reasoning":
        return [{ type: part.type, text: part.text, ...options }];
      case "tool-call": {
        const { toolCallId, toolName, input, providerExecuted } = part;
        const own = providerExecuted === true && { providerExecuted };
        return [
          { type: part.type, toolCallId, toolName, input: parsed(input), ...own, ...options },
        ];
      }
      case "tool-result": {
        const { toolCallId, toolName, result, isError } = part;
        const output = {
          type: isError === true ? ("error-json" as const) : ("json" as const),
          value: result,
        };
        return [{ type: part.type, toolCallId, toolName, output, ...options }];
      }
      case "file":
      case "reasoning-file":
        return [{ type: part.type, mediaType: part.mediaType, data: part.data, ...options }];
      case "custom":
        return [{ type: part.type, kind: part.kind, ...options }];
      default:
        return [];
    }
  });
  return plain(parts);
}

/** The text that a message has. */
export function textOf({ content }: Pick<Message, "content">): string {
  if (typeof content === "string") return content;
  const parts = (Array.isArray(content) ? content : []) as unknown as readonly ShownPart[];
  return parts
    .map(partText)
    .filter((text) => text !== "")
    .join("\n");
}

/** What is read of a part, whoever wrote it into the file of the message. */
interface ShownPart {
  readonly type?: string;
  readonly text?: string;
  readonly toolName?: string;
  readonly input?: Json;
  readonly output?: { readonly value?: Json };
}

function partText({ type, text = "", toolName, input, output }: ShownPart): string {
  if (type === "text") return text;
  if (type === "tool-call") return `[calls ${toolName} with ${JSON.stringify(input)}]`;
  if (type !== "tool-result") return "";
  const value = output?.value;
  return `[result: ${typeof value === "string" ? value : JSON.stringify(value)}]`;
}

function modelMessage({ role, content }: Message): LanguageModelV4Message {
  if (role === "system") return { role, content: textOf({ content }) };
  if (role === "user" && typeof content === "string") return userText(content);
  const parts = typeof content === "string" ? [{ type: "text", text: content }] : content;
  return { role, content: revived(parts) } as LanguageModelV4Message;
}

/** Addresses of files were kept as text, and the AI SDK has them as `URL`. */
function revived(parts: Json | readonly object[]): unknown {
  const list = (Array.isArray(parts) ? parts : []) as readonly {
    readonly data?: { readonly type?: string; readonly url?: unknown };
  }[];
  return list.map((part) => {
    const { data } = part;
    if (data?.type !== "url" || typeof data.url !== "string" || !URL.canParse(data.url))
      return part;
    return { ...part, data: { ...data, url: new URL(data.url) } };
  });
}

function userText(text: string): LanguageModelV4Message {
  return { role: "user", content: [{ type: "text", text }] };
}

function lostResult({
  toolCallId,
  toolName,
}: LanguageModelV4ToolCallPart): LanguageModelV4ToolResultPart {
  const output = {
    type: "error-text" as const,
    value: "There is no result: it was not carried out",
  };
  return { type: "tool-result", toolCallId, toolName, output };
}

/** Providers take an object, also where the model wrote none; its result says what was wrong. */
function parsed(input: string): JSONValue {
  try {
    const value = JSON.parse(input) as JSONValue;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

function optionsOf(metadata: SharedV4ProviderMetadata | undefined): {
  providerOptions?: SharedV4ProviderMetadata;
} {
  return metadata === undefined ? {} : { providerOptions: metadata };
}
