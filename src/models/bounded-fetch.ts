import { TerminalError } from "../core/errors.ts";

/** Bytes of a body in one piece, and of one line of a stream: more than any answer has. */
const LONGEST = 32 * 1024 * 1024;

/**
 * A `fetch` whose answers are bounded once they are unpacked: a body of at most `limit` bytes, or, of an event stream,
 * lines of at most so many. Packages of providers keep those whole, so that a server could fill the memory of a
 * process with one of them; of an answer in events the call itself says how long it may be.
 * @throws LIMIT (terminal), in reading the body
 */
export function boundedFetch(
  fetch: typeof globalThis.fetch = (input, init) => globalThis.fetch(input, init),
  limit: number = LONGEST,
): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const { body, status, statusText, headers } = response;
    if (body === null) return response;
    const isStream = headers.get("content-type")?.includes("text/event-stream") === true;
    const own = new Headers(headers);
    // They are about what was sent, and not about what is read.
    own.delete("content-encoding");
    own.delete("content-length");
    return new Response(body.pipeThrough(bounded(isStream, limit)), {
      status,
      statusText,
      headers: own,
    });
  };
}

function bounded(isStream: boolean, limit: number): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const end = isStream ? Math.max(chunk.lastIndexOf(10), chunk.lastIndexOf(13)) : -1;
      bytes = end === -1 ? bytes + chunk.length : chunk.length - end - 1;
      if (bytes > limit) {
        const what = isStream ? "a line of its answer" : "its answer";
        throw new TerminalError(`The provider sends too much: ${what} has over ${limit} bytes`, {
          code: "LIMIT",
        });
      }
      controller.enqueue(chunk);
    },
  });
}
