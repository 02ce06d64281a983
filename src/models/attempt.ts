import type { LanguageModelV4, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { TerminalError } from "../core/errors.ts";
import type { Clock } from "../core/ports/index.ts";
import type { Answer } from "./answer.ts";
import { BrokenAnswer } from "./call-failure.ts";
import type { ModelRequest } from "./call.ts";
import { nameOf } from "./model-name.ts";
import { promptFor } from "./prompt-for.ts";

/** What one try of a call goes with. */
export interface AttemptOptions {
  readonly request: ModelRequest;
  /** Ends the try, also at the provider. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Ms without a part after which the try is over. */
  readonly stall: number;
  /** Characters of the answer. */
  readonly answerSize: number;
  readonly onPart: ((part: LanguageModelV4StreamPart) => void) | undefined;
}

/** Whoever is told the parts threw: that is no failure of the model. */
export class ListenerFailed extends Error {
  override readonly name: string = "ListenerFailed";
}

/**
 * One request, and its answer to the end, into `answer`, which has what came also when this fails. The provider is
 * let go of in any case: its request is aborted, and its stream cancelled.
 * @throws what `signal` was aborted with; BrokenAnswer; LIMIT (terminal); what the model throws
 */
export async function attempt(
  model: LanguageModelV4,
  answer: Answer,
  options: AttemptOptions,
): Promise<void> {
  const { request, signal, clock, stall, answerSize, onPart } = options;
  const own = new AbortController();
  const cut = (): void => own.abort(signal.reason);
  signal.addEventListener("abort", cut);
  if (signal.aborted) cut();
  // One timer that looks again, and not one for each part.
  let heard = clock.now();
  let stopTimer = (): void => undefined;
  const watch = (ms: number): void => {
    stopTimer = clock.after(ms, () => {
      const silent = clock.now() - heard;
      if (silent < stall) return watch(stall - silent);
      own.abort(new BrokenAnswer(`Nothing came for ${stall} ms`));
    });
  };
  watch(stall);
  try {
    own.signal.throwIfAborted();
    const reader = await begun(model, request, own.signal);
    // A provider may not heed the signal. A read that waits ends with its stream; a race of promises for each
    // part would keep something of all of them.
    own.signal.addEventListener("abort", () => void reader.cancel(own.signal.reason).catch(ignore));
    own.signal.throwIfAborted();
    for (;;) {
      const { done, value } = await reader.read();
      own.signal.throwIfAborted();
      if (done) break;
      heard = clock.now();
      answer.add(value);
      if (answer.size > answerSize) {
        throw new TerminalError(
          `Cannot take the answer of model "${nameOf(model)}": it is longer than ${answerSize} characters (answerSize)`,
          { code: "LIMIT" },
        );
      }
      tell(onPart, value);
    }
    answer.end();
  } catch (error) {
    const reason: unknown = own.signal.aborted ? own.signal.reason : error;
    own.abort(reason);
    throw reason;
  } finally {
    stopTimer();
    signal.removeEventListener("abort", cut);
  }
}

/** The stream of a model, which may say nothing for ever: what comes after the signal is let go of. */
async function begun(
  model: LanguageModelV4,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<ReadableStreamDefaultReader<LanguageModelV4StreamPart>> {
  const answering = Promise.resolve(
    model.doStream({
      ...request,
      prompt: promptFor(request.prompt, model.provider),
      abortSignal: signal,
    }),
  );
  const { stream } = await new Promise<Awaited<typeof answering>>((resolve, reject) => {
    signal.addEventListener("abort", () => {
      reject(signal.reason as Error);
      answering.then(({ stream }) => stream.cancel(signal.reason)).catch(ignore);
    });
    answering.then(resolve, reject);
  });
  return stream.getReader();
}

function tell(onPart: AttemptOptions["onPart"], part: LanguageModelV4StreamPart): void {
  try {
    onPart?.(part);
  } catch (error) {
    throw new ListenerFailed("Whoever is told the parts threw", { cause: error });
  }
}

function ignore(): void {
  // Whoever cares was told otherwise.
}
