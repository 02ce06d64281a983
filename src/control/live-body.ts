export interface LiveOptions {
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
  /** Asked before anything is sent, and now and then: the body ends when it says no. */
  readonly mayGoOn: () => boolean | Promise<boolean>;
  /** Sent first, and when nothing else was for a while: a comment. Default: nothing. */
  readonly comment?: Uint8Array | undefined;
}

/** How long nothing may come before it is asked again whether it may go on, ms. */
const PATIENCE = 15_000;

/**
 * A body of what comes, as it comes, for as long as somebody reads it. It is taken only as fast as it is
 * read. What fails at once is thrown; what fails later ends the body, and whoever asks again hears why.
 */
export async function liveBody(
  open: (signal: AbortSignal) => AsyncIterable<Uint8Array>,
  { signal, mayGoOn, comment }: LiveOptions,
): Promise<ReadableStream<Uint8Array>> {
  const ending = new AbortController();
  const over = new Promise<"over">((resolve) => {
    ending.signal.addEventListener("abort", () => resolve("over"));
  });
  const source = open(ending.signal)[Symbol.asyncIterator]();
  const end = (): void => {
    signal?.removeEventListener("abort", end);
    ending.abort();
    // It may rest where it gave something, and never hear of that.
    source.return?.().catch(() => undefined);
  };
  signal?.addEventListener("abort", end);
  if (signal?.aborted === true) end();
  const next = (): Promise<IteratorResult<Uint8Array>> => {
    const result = source.next();
    result.catch(() => undefined);
    return result;
  };
  let coming = next();
  try {
    await Promise.race([coming, after(0).promise]);
  } catch (error) {
    end();
    throw error;
  }
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (comment !== undefined) controller.enqueue(comment);
      },
      async pull(controller) {
        try {
          for (;;) {
            const late = after(PATIENCE);
            const result = await Promise.race([coming, late.promise, over]);
            late.cancel();
            if (result === "over" || (result !== "late" && result.done) || !(await mayGoOn()))
              break;
            if (result === "late") {
              if (comment === undefined) continue;
              return controller.enqueue(comment);
            }
            coming = next();
            return controller.enqueue(result.value);
          }
        } catch {
          // What comes next says why.
        }
        end();
        controller.close();
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}

function after(ms: number): { readonly promise: Promise<"late">; readonly cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(resolve, ms, "late");
  return { promise, cancel: () => clearTimeout(timer) };
}
