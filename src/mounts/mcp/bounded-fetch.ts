import { TooLarge } from "./failures.ts";

/** How answers are let through. */
export interface BoundedOptions {
  /** Bytes of one answer. */
  readonly most: number;
  /** Streams that only tell what changes are opened. */
  readonly follows: boolean;
  /** Told of one that is above it: whoever reads it may keep that to himself. */
  readonly onTooLarge: (error: TooLarge) => void;
}

/**
 * `fetch` whose answers fail beyond so many bytes, whatever a server says of their length, and however they
 * are packed on the way.
 */
export function boundedFetch(
  fetcher: typeof globalThis.fetch,
  { most, follows, onTooLarge }: BoundedOptions,
): typeof globalThis.fetch {
  return async (input, init) => {
    // A server that has no such stream says the same, so that nobody waits for it.
    if (!follows && init?.method === "GET") return new Response(null, { status: 405 });
    const response = await fetcher(input, init);
    if (response.body === null || response.status < 200) return response;
    let left = most;
    const counting = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        left -= chunk.byteLength;
        if (left >= 0) controller.enqueue(chunk);
        else {
          const error = new TooLarge(most);
          onTooLarge(error);
          controller.error(error);
        }
      },
    });
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(counting), { status, statusText, headers });
  };
}
