import type {
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
  SharedV4ProviderMetadata,
  SharedV4Warning,
} from "@ai-sdk/provider";
import { BrokenAnswer } from "./call-failure.ts";
import { messageOf } from "./message-of.ts";

/** One part of the answer that is under way. */
type Block = LanguageModelV4Content & { type: "text" | "reasoning" };

/** An answer as it comes in: the parts of a stream, put together. */
export class Answer {
  readonly content: LanguageModelV4Content[] = [];
  warnings: readonly SharedV4Warning[] = [];
  usage: LanguageModelV4Usage | undefined;
  finishReason: LanguageModelV4FinishReason | undefined;
  metadata: SharedV4ProviderMetadata | undefined;
  responseId: string | undefined;
  responseModel: string | undefined;
  /** Characters of all that came; a part without text counts as one. */
  size = 0;
  readonly #open = new Map<string, Block>();

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
        block.text += part.delta;
        this.size += part.delta.length;
        describe(block, part.providerMetadata);
        return;
      }
      case "text-end":
      case "reasoning-end": {
        const key = `${part.type === "text-end" ? "text" : "reasoning"} ${part.id}`;
        const block = this.#open.get(key);
        if (block !== undefined) describe(block, part.providerMetadata);
        this.#open.delete(key);
        return;
      }
      case "tool-input-delta":
        this.size += part.delta.length;
        return;
      case "tool-call":
        this.size += part.input.length;
        this.content.push(part);
        return;
      case "tool-result":
      case "tool-approval-request":
      case "source":
      case "custom":
        this.content.push(part);
        return;
      case "file":
      case "reasoning-file":
        if (part.data.type === "data") this.size += part.data.data.length;
        this.content.push(part);
        return;
      case "stream-start":
        this.warnings = part.warnings;
        return;
      case "response-metadata":
        this.responseId = part.id ?? this.responseId;
        this.responseModel = part.modelId ?? this.responseModel;
        return;
      case "finish":
        this.usage = part.usage;
        this.finishReason = part.finishReason;
        this.metadata = part.providerMetadata;
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
      this.usage?.inputTokens.total === undefined &&
      this.usage?.outputTokens.total === undefined;
    if (unified === undefined || unified === "interrupted" || isMadeUp) {
      throw new BrokenAnswer("The answer ended before it was whole");
    }
    // Servers that pass on answers of others say "error", which packages do not know.
    if (unified === "error" || (unified === "other" && raw === "error"))
      throw new BrokenAnswer("The provider says that the answer failed");
    // A block of no text says nothing, and providers refuse it in the next prompt.
    const whole = this.content.filter((part) => part.type !== "text" || part.text !== "");
    this.content.splice(0, this.content.length, ...whole);
  }

  #begin(
    type: "text" | "reasoning",
    {
      id,
      providerMetadata,
    }: { readonly id: string; readonly providerMetadata?: SharedV4ProviderMetadata },
  ): Block {
    const block: Block = { type, text: "" };
    describe(block, providerMetadata);
    this.#open.set(`${type} ${id}`, block);
    this.content.push(block);
    return block;
  }
}

/** What came last of a provider's own facts counts: a signature of reasoning is complete at its end. */
function describe(block: Block, metadata: SharedV4ProviderMetadata | undefined): void {
  if (metadata !== undefined) block.providerMetadata = { ...block.providerMetadata, ...metadata };
}

/** One that says itself whether it passes. */
function isCallError(error: unknown): boolean {
  return (
    typeof (error as { readonly isRetryable?: unknown } | undefined)?.isRetryable === "boolean"
  );
}
