import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  SharedV4ProviderMetadata,
  SharedV4Warning,
} from "@ai-sdk/provider";
import { toMs } from "../core/duration.ts";
import { OpenAgentsError, RetryableError, TerminalError } from "../core/errors.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { Clock, Random } from "../core/ports/index.ts";
import type { CallLimits } from "../core/ports/model.ts";
import { systemRandom } from "../core/system.ts";
import { Answer } from "./answer.ts";
import { attempt, ListenerFailed } from "./attempt.ts";
import { failureOf, terminalIn } from "./call-failure.ts";
import type { CallFailure } from "./call-failure.ts";
import { nameOf } from "./model-name.ts";
import { plain } from "./plain.ts";
import { addUsage, measure, NO_USAGE } from "./usage.ts";
import type { Usage } from "./usage.ts";
import { waitingClock } from "./waiting-clock.ts";

/** What a model is asked: what the AI SDK has for one call, but the signal. */
export type ModelRequest = Omit<LanguageModelV4CallOptions, "abortSignal" | "includeRawChunks">;

/** A part of the answer as it comes; `retry`: what came so far is void, as it is tried again. */
export type ModelPart =
  | LanguageModelV4StreamPart
  | { readonly type: "retry"; readonly model: string; readonly reason: string };

export type { CallLimits } from "../core/ports/model.ts";
export { nameOf } from "./model-name.ts";

/** What a try used that broke off after its answer had begun: it is paid for, and nobody has it. */
export interface LostTry {
  readonly model: { readonly provider: string; readonly modelId: string };
  /** As the provider said, where it came to that, else a token for each 4 bytes. */
  readonly usage: Usage;
  /** As that of a result. */
  readonly estimated?: true | undefined;
}

export interface CallOptions {
  readonly model: LanguageModelV4;
  /** Asked in turn when the one before cannot answer. */
  readonly fallbacks?: readonly LanguageModelV4[] | undefined;
  /** Ends the call, also at the provider. */
  readonly signal?: AbortSignal | undefined;
  /** What it throws ends the call, and is thrown. */
  readonly onPart?: ((part: ModelPart) => void) | undefined;
  /** Told of each try that is lost as it is, also where the call fails at last. */
  readonly onLost?: ((lost: LostTry) => void) | undefined;
  /** Asked before each try but the first, also of a fallback: what it throws ends the call, and is thrown. */
  readonly mayTry?: (() => Promise<void>) | undefined;
  /** Takes secrets out of what a provider says of a failure. */
  readonly clean?: ((text: string) => string) | undefined;
  readonly limits?: Partial<CallLimits> | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

/** The whole answer, as JSON, so that a step can keep it. */
export interface ModelResult {
  /** As the model sent it: bytes are Base64, addresses are text. */
  readonly content: readonly LanguageModelV4Content[];
  /** All text together. */
  readonly text: string;
  readonly toolCalls: readonly ModelToolCall[];
  readonly finish: LanguageModelV4FinishReason["unified"];
  /** Of the try that gave the answer. */
  readonly usage: Usage;
  /** The provider did not say all of `usage`: what is missing is counted as a token for each 4 bytes. */
  readonly estimated?: true | undefined;
  /** Of the tries before it whose answers had begun, all together. */
  readonly lost: Usage;
  /** Who answered. */
  readonly model: { readonly provider: string; readonly modelId: string };
  readonly responseId?: string | undefined;
  readonly warnings: readonly SharedV4Warning[];
  readonly metadata?: SharedV4ProviderMetadata | undefined;
  /** How many tries it took, with those of other models. */
  readonly tries: number;
}

export interface ModelToolCall {
  readonly id: string;
  readonly name: string;
  /** As the model wrote it: JSON, if it is right. */
  readonly input: string;
}

const DEFAULTS: CallLimits = {
  retries: 2,
  backoff: "1s",
  maxBackoff: "30s",
  maxWait: "1m",
  timeout: "5m",
  stall: "1m",
  answerSize: 4 * 1024 * 1024,
};

/**
 * Asks a model and reads the whole answer. What passes (429, 408, 409, 5xx, a broken connection, an answer
 * that is cut off or stalls) is tried again with backoff, or after the `Retry-After` that came with it; then
 * the fallbacks are asked. Arguments of tool calls stay text, right or wrong.
 * @throws what `signal` was aborted with; CONFIG for a model that is none of specification v4; LIMIT
 *   (terminal) for an answer that is too long; DENIED or INVALID (terminal) for what a provider refuses;
 *   RATE_LIMITED, UNREACHABLE and TIMEOUT (retryable) for what may pass; FAILED for the rest
 */
export async function callModel(request: ModelRequest, options: CallOptions): Promise<ModelResult> {
  return new Call(request, options).run();
}

class Call {
  readonly #request: ModelRequest;
  readonly #options: CallOptions;
  readonly #limits: CallLimits;
  readonly #clock: Clock;
  readonly #ended = new AbortController();
  #tries = 0;
  #lost: Usage = NO_USAGE;

  constructor(request: ModelRequest, options: CallOptions) {
    this.#request = request;
    this.#options = options;
    this.#limits = { ...DEFAULTS, ...given(options.limits) };
    this.#clock = options.clock ?? waitingClock;
  }

  async run(): Promise<ModelResult> {
    const { signal, model, fallbacks = [] } = this.#options;
    signal?.throwIfAborted();
    for (const one of [model, ...fallbacks]) checkModel(one);
    const timeout = toMs(this.#limits.timeout);
    const late = new RetryableError(
      `Cannot call model "${nameOf(model)}": it took longer than ${timeout} ms`,
      { code: "TIMEOUT" },
    );
    const stopTimer = this.#clock.after(timeout, () => this.#ended.abort(late));
    const cut = (): void => this.#ended.abort(signal!.reason);
    signal?.addEventListener("abort", cut);
    try {
      return await this.#anyOf([model, ...fallbacks]);
    } finally {
      stopTimer();
      signal?.removeEventListener("abort", cut);
    }
  }

  async #anyOf(models: readonly LanguageModelV4[]): Promise<ModelResult> {
    const problems: string[] = [];
    for (const [i, model] of models.entries()) {
      const before = this.#tries;
      const outcome = await this.#one(model);
      if ("result" in outcome) return outcome.result;
      const { failure, error } = outcome;
      const tries = this.#tries - before;
      problems.unshift(
        `"${nameOf(model)}": ${failure.message}${tries > 1 ? ` (tried ${tries} times)` : ""}`,
      );
      const next = models[i + 1];
      if (next === undefined) throw this.#error(problems, failure, error);
      await this.#again(next, failure);
    }
    throw new OpenAgentsError("CONFIG", "Cannot call a model: there is none");
  }

  /** All tries of one model. @throws what cannot be helped by another one either */
  async #one(
    model: LanguageModelV4,
  ): Promise<
    { readonly result: ModelResult } | { readonly failure: CallFailure; readonly error: unknown }
  > {
    const { retries, backoff, maxBackoff, maxWait } = this.#limits;
    for (let tried = 0; ; tried += 1) {
      this.#tries += 1;
      try {
        return { result: this.#result(model, await this.#try(model)) };
      } catch (error) {
        this.#ended.signal.throwIfAborted();
        if (error instanceof ListenerFailed) throw error.cause;
        const terminal = terminalIn(error);
        if (terminal !== undefined) throw terminal;
        const failure = failureOf(error, this.#clock.now(), this.#options.clean);
        const wait =
          failure.wait ?? this.#jittered(Math.min(toMs(backoff) * 2 ** tried, toMs(maxBackoff)));
        if (!failure.passes || tried >= retries || wait > toMs(maxWait)) return { failure, error };
        await this.#again(model, failure);
        await this.#pause(wait);
      }
    }
  }

  /** A try has failed and there is to be another one. @throws what forbids it */
  async #again(model: LanguageModelV4, { message }: CallFailure): Promise<void> {
    await this.#options.mayTry?.();
    this.#ended.signal.throwIfAborted();
    this.#options.onPart?.({ type: "retry", model: nameOf(model), reason: message });
  }

  async #try(model: LanguageModelV4): Promise<Answer> {
    const answer = new Answer();
    try {
      await attempt(model, answer, {
        request: this.#request,
        signal: this.#ended.signal,
        clock: this.#clock,
        stall: toMs(this.#limits.stall),
        answerSize: this.#limits.answerSize,
        onPart: this.#options.onPart,
      });
      return answer;
    } catch (error) {
      if (answer.hasBegun) {
        const { provider, modelId } = model;
        const { usage, isEstimated } = measure(answer, this.#request);
        this.#lost = addUsage(this.#lost, usage);
        const estimated = isEstimated && { estimated: true as const };
        this.#options.onLost?.({ model: { provider, modelId }, usage, ...estimated });
      }
      throw error;
    }
  }

  #result(model: LanguageModelV4, answer: Answer): ModelResult {
    const { provider, modelId } = model;
    const content = plain(answer.content) as unknown as readonly LanguageModelV4Content[];
    const calls = content.filter((part) => part.type === "tool-call");
    const { usage, isEstimated } = measure(answer, this.#request);
    return {
      content,
      text: content.map((part) => (part.type === "text" ? part.text : "")).join(""),
      toolCalls: calls
        .filter(({ providerExecuted }) => providerExecuted !== true)
        .map(({ toolCallId, toolName, input }) => ({ id: toolCallId, name: toolName, input })),
      finish: answer.finishReason!.unified,
      usage,
      ...(isEstimated && { estimated: true as const }),
      lost: this.#lost,
      model: { provider, modelId },
      ...(answer.responseId !== undefined && { responseId: answer.responseId }),
      warnings: plain(answer.warnings) as unknown as readonly SharedV4Warning[],
      ...(answer.metadata !== undefined && {
        metadata: plain(answer.metadata) as unknown as SharedV4ProviderMetadata,
      }),
      tries: this.#tries,
    };
  }

  /** From half of it to all of it, so that many agents do not come back at once. */
  #jittered(ms: number): number {
    const [byte = 0] = (this.#options.random ?? systemRandom).bytes(1);
    return Math.round(ms * (0.5 + byte / 510));
  }

  /** @throws what ended the call */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#ended;
    await new Promise<void>((resolve) => {
      const stop = this.#clock.after(ms, end);
      function end(): void {
        stop();
        signal.removeEventListener("abort", end);
        resolve();
      }
      signal.addEventListener("abort", end);
    });
    signal.throwIfAborted();
  }

  #error(problems: readonly string[], failure: CallFailure, cause: unknown): OpenAgentsError {
    const [last, ...before] = problems;
    const text = `Cannot call model ${last}${before.map((problem) => `; before it ${problem}`).join("")}`;
    const { passes, status, wait } = failure;
    if (passes) {
      const code: ErrorCode = status === 429 ? "RATE_LIMITED" : "UNREACHABLE";
      return new RetryableError(text, {
        code,
        cause,
        ...(wait !== undefined && { retryAfter: wait }),
      });
    }
    if (status === undefined || status < 400) return new OpenAgentsError("FAILED", text, { cause });
    const code: ErrorCode = status === 401 || status === 403 ? "DENIED" : "INVALID";
    return new TerminalError(text, { code, cause });
  }
}

/** @throws CONFIG for what is no model of specification v4 */
function checkModel(model: LanguageModelV4): void {
  const { specificationVersion, doStream, provider, modelId } = model as Partial<LanguageModelV4>;
  if (specificationVersion === "v4" && typeof doStream === "function") return;
  const said = specificationVersion ?? "nothing";
  throw new TerminalError(
    `Cannot call model "${provider}/${modelId}": it must be a LanguageModel of the AI SDK, specification "v4", and says "${said}": install a newer version of its package`,
    { code: "CONFIG" },
  );
}

function given<T extends object>(members: T | undefined): T {
  return Object.fromEntries(Object.entries(members ?? {}).filter(([, v]) => v !== undefined)) as T;
}
