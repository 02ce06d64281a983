import type {
  JSONValue,
  LanguageModelV4Content,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolCallPart,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart,
} from "@ai-sdk/provider";
import type { Json } from "../core/json.ts";
import type { ConversationContext, Message } from "../core/ports/memory.ts";
import { plain } from "./plain.ts";
import { markedBy } from "./prompt-for.ts";
import { partsOf } from "./prompt-parts.ts";
import type { PromptPart } from "./prompt-parts.ts";

type AssistantContent = Extract<LanguageModelV4Message, { role: "assistant" }>["content"];

/**
 * The prompt of the next call: instructions, the summary of what is no longer there, and the messages. What
 * would make a provider refuse it is put right, or no tick of the agent would pass any more: a call without its result
 * gets one, a result without its call goes, ids are made different and names such as providers take, what is no part of
 * a message is left out, and one without a word says so. What is in `always` is there even when it did not fit.
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
  const calls = new Calls();
  for (const message of shown) {
    const { role } = message;
    const parts = partsOf(message.content);
    if (role === "tool") {
      prompt.push(...calls.answered(parts));
      continue;
    }
    prompt.push(...calls.answered([]));
    if (role === "system") {
      const content = textOf(message);
      if (content.trim() !== "") prompt.push({ role, content });
    } else if (role === "user") {
      const content = parts.filter((part) => part.type === "text" || part.type === "file");
      prompt.push(content.length > 0 ? { role, content } : userText(NO_WORDS));
    } else {
      const content = calls.begun(parts, message.n);
      if (content.length > 0) prompt.push({ role, content });
    }
  }
  prompt.push(...calls.answered([]));
  return prompt;
}

/** What stands for a message without a word: providers refuse it, and all that come after it in its conversation. */
const NO_WORDS = "[a message without text]";

/**
 * The calls of a prompt: each has an id that no other of it has and that all providers take, and a result in the
 * message after it.
 */
class Calls {
  readonly #taken = new Set<string>();
  /** Those of the last message, in order, with the ids that they were kept with. */
  #open: { readonly kept: string; readonly part: LanguageModelV4ToolCallPart }[] = [];

  /** The parts of an answer of the model, in message `n`. */
  begun(parts: readonly PromptPart[], n: number): AssistantContent {
    // Results of what a provider carried out stand beside their calls.
    const results = new Set(
      parts.flatMap((part) => (part.type === "tool-result" ? [part.toolCallId] : [])),
    );
    const own = new Set(
      parts.flatMap((part) =>
        part.type === "tool-call" && part.providerExecuted === true ? [part.toolCallId] : [],
      ),
    );
    return parts.flatMap((part, i): AssistantContent => {
      if (part.type === "tool-result") return own.has(part.toolCallId) ? [part] : [];
      if (part.type !== "tool-call") return [part];
      if (part.providerExecuted === true) return results.has(part.toolCallId) ? [part] : [];
      const given = { ...part, toolCallId: this.#idFor(part.toolCallId, `call-${n}-${i}`) };
      this.#open.push({ kept: part.toolCallId, part: given });
      return [given];
    });
  }

  /** The message with results of the calls before it, where there were any. */
  answered(parts: readonly PromptPart[]): LanguageModelV4Message[] {
    const results = parts.filter((part) => part.type === "tool-result");
    const content = this.#open.map(({ kept, part }) => {
      const at = results.findIndex(({ toolCallId }) => toolCallId === kept);
      const [found] = at === -1 ? [] : results.splice(at, 1);
      if (found === undefined) return lostResult(part);
      return { ...found, toolCallId: part.toolCallId, toolName: part.toolName };
    });
    this.#open = [];
    return content.length > 0 ? [{ role: "tool", content }] : [];
  }

  #idFor(kept: string, otherwise: string): string {
    let id = /^[\w-]{1,64}$/.test(kept) ? kept : otherwise;
    if (this.#taken.has(id)) id = otherwise;
    for (let i = 2; this.#taken.has(id); i += 1) id = `${otherwise}-${i}`;
    this.#taken.add(id);
    return id;
  }
}

/**
 * What the model of a provider answered, as a message of the prompts that follow. Whose it is goes with what others
 * cannot take as it is.
 */
export function contentOf(answer: readonly LanguageModelV4Content[], provider: string): Json {
  const parts: AssistantContent = answer.flatMap((part): AssistantContent => {
    const marked = markedBy(provider, part.providerMetadata);
    const options = part.providerMetadata === undefined ? {} : marked;
    switch (part.type) {
      case "text":
        return [{ type: part.type, text: part.text, ...options }];
      case "reasoning":
        return [{ type: part.type, text: part.text, ...marked }];
      case "tool-call": {
        const { toolCallId, toolName, input, providerExecuted } = part;
        const own = providerExecuted === true && { providerExecuted, ...marked };
        return [
          { type: part.type, toolCallId, toolName, input: parsed(input), ...options, ...own },
        ];
      }
      case "tool-result": {
        const { toolCallId, toolName, result, isError } = part;
        const output = {
          type: isError === true ? ("error-json" as const) : ("json" as const),
          value: result,
        };
        return [{ type: part.type, toolCallId, toolName, output, ...marked }];
      }
      case "file":
      case "reasoning-file":
        return [{ type: part.type, mediaType: part.mediaType, data: part.data, ...marked }];
      case "custom":
        return [{ type: part.type, kind: part.kind, ...marked }];
      default:
        return [];
    }
  });
  return plain(parts);
}

/** The text that a message has, whoever wrote it into its file. */
export function textOf({ content }: Pick<Message, "content">): string {
  if (typeof content === "string") return content;
  return partsOf(content)
    .map(partText)
    .filter((text) => text !== "")
    .join("\n");
}

function partText(part: PromptPart): string {
  if (part.type === "text") return part.text;
  if (part.type === "tool-call") {
    return `[calls ${part.toolName} with ${JSON.stringify(part.input)}]`;
  }
  if (part.type !== "tool-result") return "";
  const { output } = part;
  if (output.type === "execution-denied") return "[result: denied]";
  if (output.type === "content") return `[result: ${textsOf(output.value)}]`;
  const { value } = output;
  return `[result: ${typeof value === "string" ? value : JSON.stringify(value)}]`;
}

/** Pictures are not for a text. */
function textsOf(
  parts: Extract<LanguageModelV4ToolResultOutput, { type: "content" }>["value"],
): string {
  return parts.map((part) => (part.type === "text" ? part.text : "[a file]")).join(" ");
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
