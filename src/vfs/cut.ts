/** What can be taken away from whoever iterates. */
export interface Cuttable<T> {
  readonly values: AsyncGenerator<T>;
  /** Ends it with an error, at once: what its source may still give is let go. */
  readonly cut: (error: unknown) => void;
}

/**
 * What `begin` gives, until `signal` aborts or it is cut. Whether the source heeds its signal or not, it
 * ends then.
 * @param onEnd called when it ends, however it does
 */
export function cuttable<T>(
  begin: (signal: AbortSignal) => AsyncIterable<T>,
  signal: AbortSignal,
  onEnd: () => void = () => undefined,
): Cuttable<T> {
  const inner = new AbortController();
  let lost: { readonly error: unknown } | undefined;
  // One promise for each step: what waits for a promise of the whole would pile up behind it.
  let step: PromiseWithResolvers<IteratorResult<T>> | undefined;
  const stop = (): void => {
    inner.abort();
    step?.resolve({ done: true, value: undefined });
  };

  async function* values(): AsyncGenerator<T> {
    let source: AsyncIterator<T> | undefined;
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (signal.aborted) return;
      for (;;) {
        if (lost !== undefined) throw lost.error;
        if (inner.signal.aborted) return;
        source ??= begin(inner.signal)[Symbol.asyncIterator]();
        step = Promise.withResolvers();
        source.next().then(step.resolve, step.reject);
        const result = await step.promise;
        if (result.done === true) return;
        yield result.value;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      inner.abort();
      onEnd();
      // A source that never comes back is not waited for.
      void source?.return?.().catch(() => undefined);
    }
  }

  return {
    values: values(),
    cut(error) {
      lost ??= { error };
      inner.abort();
      step?.reject(error);
    },
  };
}
