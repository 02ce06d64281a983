import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4Message,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import { pause, play } from "./script.ts";
import type { Played, Script, ScriptedAsk, ScriptedError, ScriptedMessage } from "./script.ts";

export type * from "./script.ts";
export { scriptedServer } from "./scripted-server.ts";
export type { ScriptedRequest, ScriptedServer } from "./scripted-server.ts";

/** A model of the AI SDK that says what a script has for it. */
export interface ScriptedModel extends LanguageModelV4 {
  /** What it was asked, in order, with the options as they were given. */
  readonly calls: readonly ScriptedCall[];
}

export interface ScriptedCall {
  readonly ask: ScriptedAsk;
  readonly options: LanguageModelV4CallOptions;
  /** How it ended; undefined while it goes on. */
  readonly ended: "done" | "failed" | "aborted" | undefined;
}

/** A scripted model, for tests: it needs no network and no key, and streams its replies in pieces. */
export function scriptedModel(
  script: Script,
  { provider = "scripted", modelId = "scripted" }: { provider?: string; modelId?: string } = {},
): ScriptedModel {
  const calls: {
    ask: ScriptedAsk;
    options: LanguageModelV4CallOptions;
    ended: ScriptedCall["ended"];
  }[] = [];
  const begin = async (options: LanguageModelV4CallOptions) => {
    const call = {
      ask: askOf(options, calls.length),
      options,
      ended: undefined as ScriptedCall["ended"],
    };
    calls.push(call);
    const signal = options.abortSignal;
    const played = await play(script, call.ask);
    await pause(played.reply.delay ?? 0, signal);
    const fail = (error: unknown): never => {
      call.ended = signal?.aborted === true ? "aborted" : "failed";
      throw error;
    };
    if (signal?.aborted === true) return fail(signal.reason);
    if (played.reply.error !== undefined) return fail(callError(played.reply.error));
    return { call, played, signal, fail };
  };

  return {
    specificationVersion: "v4",
    provider,
    modelId,
    supportedUrls: {},
    calls,
    async doGenerate(options) {
      const { call, played, signal, fail } = await begin(options);
      const { fault, text, reasoning } = played.reply;
      if (fault?.kind === "stall" || fault?.kind === "endless") {
        await new Promise((resolve) => signal?.addEventListener("abort", resolve));
        return fail(signal!.reason);
      }
      if (fault !== undefined) return fail(networkError());
      call.ended = "done";
      const content: LanguageModelV4Content[] = [];
      if (reasoning !== undefined) content.push({ type: "reasoning", text: reasoning });
      if (text !== undefined && text !== "") content.push({ type: "text", text });
      content.push(...played.calls.map(toolCall));
      return { content, finishReason: finishOf(played), usage: usageOf(played), warnings: [] };
    },
    async doStream(options) {
      const { call, played, signal } = await begin(options);
      const parts = partsOf(played, signal);
      const stream = new ReadableStream<LanguageModelV4StreamPart>({
        async pull(controller) {
          try {
            const { done, value } = await parts.next();
            if (call.ended === "aborted") return;
            if (!done) return controller.enqueue(value);
            call.ended = "done";
            controller.close();
          } catch (error) {
            call.ended = signal?.aborted === true ? "aborted" : "failed";
            controller.error(error);
          }
        },
        cancel() {
          call.ended = "aborted";
        },
      });
      return { stream };
    },
  };
}

async function* partsOf(
  played: Played,
  signal: AbortSignal | undefined,
): AsyncGenerator<LanguageModelV4StreamPart, void> {
  const { reply, calls, faultAfter } = played;
  yield { type: "stream-start", warnings: [] };
  let open: { readonly kind: "text" | "reasoning" | "tool-input"; readonly id: string } | undefined;
  const close = function* (): Generator<LanguageModelV4StreamPart> {
    if (open !== undefined) yield { type: `${open.kind}-end`, id: open.id };
    const call = calls.find(({ id }) => open?.kind === "tool-input" && id === open.id);
    if (call !== undefined) yield toolCall(call);
    open = undefined;
  };
  let sent = 0;
  for (const piece of played.pieces()) {
    if (sent === faultAfter) break;
    if (sent > 0) await pause(reply.pause ?? 0, signal);
    // An endless reply has to let others have their turn.
    if (reply.fault?.kind === "endless" && sent % 64 === 63) await pause(1, signal);
    signal?.throwIfAborted();
    sent += 1;
    if (piece.kind === "call") {
      yield* close();
      open = { kind: "tool-input", id: piece.id };
      yield { type: "tool-input-start", id: piece.id, toolName: piece.name };
    } else if (piece.kind === "input") {
      yield { type: "tool-input-delta", id: calls[piece.index]!.id, delta: piece.text };
    } else {
      if (open?.kind !== piece.kind) {
        yield* close();
        open = { kind: piece.kind, id: piece.kind };
        yield { type: `${piece.kind}-start`, id: piece.kind };
      }
      yield { type: `${piece.kind}-delta`, id: piece.kind, delta: piece.text };
    }
  }
  if (faultAfter !== undefined) {
    const { kind } = reply.fault!;
    if (kind === "end") return;
    if (kind === "stall") {
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      throw signal!.reason;
    }
    if (kind === "disconnect") throw networkError();
    yield { type: "error", error: new Error("Cannot read what the model sent: it is no JSON") };
  }
  yield* close();
  yield { type: "finish", finishReason: finishOf(played), usage: usageOf(played) };
}

function toolCall({
  id,
  name,
  input,
}: Played["calls"][number]): LanguageModelV4Content & { type: "tool-call" } {
  return { type: "tool-call", toolCallId: id, toolName: name, input };
}

function finishOf({ finish, reply }: Played): LanguageModelV4FinishReason {
  const isMalformed = reply.fault?.kind === "malformed";
  return { unified: isMalformed ? "error" : finish, raw: isMalformed ? undefined : finish };
}

const NOTHING_SAID: LanguageModelV4Usage = {
  inputTokens: {
    total: undefined,
    noCache: undefined,
    cacheRead: undefined,
    cacheWrite: undefined,
  },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};

function usageOf({ usage }: Played): LanguageModelV4Usage {
  if (usage === undefined) return NOTHING_SAID;
  const { input, output, cacheRead, cacheWrite, reasoning } = usage;
  return {
    inputTokens: { total: input, noCache: input - cacheRead - cacheWrite, cacheRead, cacheWrite },
    outputTokens: { total: output, text: output - reasoning, reasoning },
  };
}

function askOf({ prompt, tools = [] }: LanguageModelV4CallOptions, n: number): ScriptedAsk {
  const messages = prompt.map(messageOf);
  return { n, messages, last: messages.at(-1)?.text ?? "", tools: tools.map(({ name }) => name) };
}

function messageOf(message: LanguageModelV4Message): ScriptedMessage {
  const { role, content } = message;
  if (typeof content === "string") return { role, text: content, toolCalls: [] };
  const texts = content.flatMap((part) => {
    if (part.type === "text") return [part.text];
    if (part.type !== "tool-result") return [];
    const { output } = part;
    if (output.type === "execution-denied") return [output.reason ?? ""];
    return [typeof output.value === "string" ? output.value : JSON.stringify(output.value)];
  });
  const toolCalls = content.flatMap((part) =>
    part.type === "tool-call" ? [{ id: part.toolCallId, name: part.toolName }] : [],
  );
  return { role, text: texts.join("\n"), toolCalls };
}

/** What providers of the AI SDK throw, with the marks by which its `APICallError.isInstance` knows it. */
function callError({ status, message = `Status ${status}`, retryAfter }: ScriptedError): Error {
  return Object.assign(new Error(message), {
    name: "AI_APICallError",
    url: "scripted:",
    requestBodyValues: {},
    statusCode: status,
    responseHeaders: retryAfter === undefined ? {} : { "retry-after": String(retryAfter) },
    isRetryable: status === 408 || status === 409 || status === 429 || status >= 500,
    [Symbol.for("vercel.ai.error")]: true,
    [Symbol.for("vercel.ai.error.AI_APICallError")]: true,
  });
}

/** What `fetch` throws when a connection breaks. */
function networkError(): Error {
  return new TypeError("terminated", { cause: new Error("other side closed") });
}
