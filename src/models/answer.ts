import type {
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
  SharedV4ProviderMetadata,
  SharedV4Warning,
} from "@ai-sdk/provider";
import { byteLength } from "../core/byte-length.ts";
import { BrokenAnswer } from "./call-failure.ts";
import { messageOf } from "./message-of.ts";
import { plain } from "./plain.ts";

/** One part of the answer that is under way. */
type Block = LanguageModelV4Content & { type: "text" | "reasoning" };

/** Characters that a part counts for, whatever is in it: it takes memory. */
const PART_SIZE = 64;

/**
 * An answer as it comes in: the parts of a stream, put together. What packages give is not what their types say
 * when what they read is wrong: nothing here relies on it.
 */
export class Answer {
  readonly content: LanguageModelV4Content[] = [];
  warnings: readonly SharedV4Warning[] = [];
  usage: LanguageModelV4Usage | undefined;
  finishReason: LanguageModelV4FinishReason | undefined;
  metadata: SharedV4ProviderMetadata | undefined;
  responseId: string | undefined;
  /** Characters of all that came; a part without text counts as one, and one that is kept as 64 more. */
  size = 0;
  /** Bytes of what the model made, and those of them that were reasoning. */
  bytes = 0;
  reasoningBytes = 0;
  readonly #open = new Map<string, Block>();
  /** Bytes of tool input that came in pieces, which come again with the whole call. */
  readonly #inputs = new Map<string, number>();

  /** Whether the model had said something, so that it is paid for. */
  get hasBegun(): boolean {
    return this.bytes > 0 || this.content.length > 0 || this.#inputs.size > 0;
  }

  /** Takes in a part. @throws what the provider streamed as an error */
  add(part: LanguageModelV4StreamPart): void {
    this.size += 1;
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
        this.#begin(part.type === "text-start" ? "text" : "reasoning", part);
        return;
      case "text-delta":
      case "reasoning-delta": {
        const kind = part.type === "text-delta" ? "text" : "reasoning";
        const block = this.#open.get(`${kind} ${part.id}`) ?? this.#begin(kind, part);
        const delta = textOf(part.delta);
        block.text += delta;
        this.#describe(block, part.providerMetadata);
        const bytes = this.#made(delta);
        if (kind === "reasoning") this.reasoningBytes += bytes;
        return;
      }
      case "text-end":
      case "reasoning-end": {
        const key = `${part.type === "text-end" ? "text" : "reasoning"} ${part.id}`;
        const block = this.#open.get(key);
        if (block !== undefined) this.#describe(block, part.providerMetadata);
        this.#open.delete(key);
        return;
      }
      case "tool-input-start":
        this.size += PART_SIZE;
        this.#inputs.set(part.id, this.#inputs.get(part.id) ?? 0);
        return;
      case "tool-input-delta": {
        const bytes = this.#made(textOf(part.delta));
        this.#inputs.set(part.id, (this.#inputs.get(part.id) ?? 0) + bytes);
        return;
      }
      case "tool-call": {
        const input = inputOf(part.input);
        const before = this.#inputs.get(part.toolCallId) ?? 0;
        this.#made(before > 0 ? "" : input);
        this.#keep({ ...part, input, toolName: textOf(part.toolName) });
        return;
      }
      case "tool-result":
      case "tool-approval-request":
      case "source":
      case "custom":
        this.size += sizeOf(part);
        this.#keep(part);
        return;
      case "file":
      case "reasoning-file":
        if (part.data?.type === "data") this.size += part.data.data.length;
        this.#keep(part);
        return;
      case "stream-start":
        this.size += sizeOf(part.warnings);
        this.warnings = Array.isArray(part.warnings) ? part.warnings : [];
        return;
      case "response-metadata":
        this.responseId = textOf(part.id) || this.responseId;
        return;
      case "finish":
        this.usage = part.usage;
        this.finishReason = part.finishReason;
        this.metadata = part.providerMetadata;
        this.size += sizeOf(this.metadata);
        return;
      case "error":
        throw isCallError(part.error)
          ? part.error
          : new BrokenAnswer(messageOf(part.error), { cause: part.error });
      default:
        return;
    }
  }

  /** @throws BrokenAnswer when the stream was over before the model was */
  end(): void {
    const { unified, raw } = this.finishReason ?? {};
    // A provider whose stream was cut at its end makes up a reason, and has nothing to say of tokens.
    const isMadeUp =
      unified === "other" &&
      raw === undefined &&
      this.usage?.inputTokens?.total === undefined &&
      this.usage?.outputTokens?.total === undefined;
    if (unified === undefined || unified === "interrupted" || isMadeUp) {
      throw new BrokenAnswer("The answer ended before it was whole");
    }
    // Servers that pass on answers of others say "error", which packages do not know.
    if (unified === "error" || (unified === "other" && raw === "error"))
      throw new BrokenAnswer("The provider says that the answer failed");
    // A block of no text says nothing, and providers refuse it in the next prompt.
    const whole = this.content.filter((part) => part.type !== "text" || part.text !== "");
    this.content.splice(0, this.content.length, ...withOwnIds(whole));
  }

  /** Counts what the model made; in bytes. */
  #made(text: string): number {
    const bytes = byteLength(text);
    this.size += text.length;
    this.bytes += bytes;
    return bytes;
  }

  #keep(part: LanguageModelV4Content): void {
    this.size += PART_SIZE;
    this.content.push(part);
  }

  #begin(
    type: "text" | "reasoning",
    {
      id,
      providerMetadata,
    }: { readonly id: string; readonly providerMetadata?: SharedV4ProviderMetadata },
  ): Block {
    const block: Block = { type, text: "" };
    this.#describe(block, providerMetadata);
    this.#open.set(`${type} ${id}`, block);
    this.#keep(block);
    return block;
  }

  /** What came last of a provider's own facts counts: a signature of reasoning is complete at its end. */
  #describe(block: Block, metadata: SharedV4ProviderMetadata | undefined): void {
    if (metadata === undefined) return;
    this.size += sizeOf(metadata);
    block.providerMetadata = { ...block.providerMetadata, ...metadata };
  }
}

/** Each call to be carried out has an id that no other of this answer has: results go by it. */
function withOwnIds(content: readonly LanguageModelV4Content[]): readonly LanguageModelV4Content[] {
  const taken = new Map<string, number>();
  return content.map((part) => {
    if (part.type !== "tool-call" || part.providerExecuted === true) return part;
    const given = textOf(part.toolCallId) || "call";
    let toolCallId = given;
    // Where it goes on counting: an answer may have one id for thousands of calls.
    let count = taken.get(given) ?? 0;
    for (; taken.has(toolCallId); toolCallId = `${given}-${count}`) count += 1;
    taken.set(given, count);
    taken.set(toolCallId, Math.max(count, taken.get(toolCallId) ?? 0));
    return toolCallId === part.toolCallId ? part : { ...part, toolCallId };
  });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A package may have parsed it already. */
function inputOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(plain(value)) ?? "");
}

/** Characters of it as JSON. */
function sizeOf(value: unknown): number {
  return JSON.stringify(plain(value)).length;
}

/** One that says itself whether it passes. */
function isCallError(error: unknown): boolean {
  return (
    typeof (error as { readonly isRetryable?: unknown } | undefined | null)?.isRetryable ===
    "boolean"
  );
}
