import { TerminalError } from "../core/errors.ts";

/** Bytes of a body in one piece, and of one event of a stream: more than any answer has. */
const LONGEST = 32 * 1024 * 1024;

/**
 * A `fetch` whose answers are bounded once they are unpacked: a body of at most `limit` bytes, or, of an event stream,
 * events of at most so many. Packages of providers keep those whole, so that a server could fill the memory of a
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
    // What is wrong is read as one piece, whatever it says that it is.
    const isStream = response.ok && headers.get("content-type")?.includes("text/event-stream");
    const own = new Headers(headers);
    // They are about what was sent, and not about what is read.
    own.delete("content-encoding");
    own.delete("content-length");
    return new Response(body.pipeThrough(bounded(isStream === true, limit)), {
      status,
      statusText,
      headers: own,
    });
  };
}

function bounded(isStream: boolean, limit: number): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  let last = 0;
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const end = isStream ? endOfEvents(chunk, last) : -1;
      last = chunk.at(-1) ?? last;
      bytes = end === -1 ? bytes + chunk.length : chunk.length - end;
      if (bytes > limit) {
        const what = isStream ? "an event of its answer" : "its answer";
        throw new TerminalError(`The provider sends too much: ${what} has over ${limit} bytes`, {
          code: "LIMIT",
        });
      }
      controller.enqueue(chunk);
    },
  });
}

/** Where the last event that ends in a chunk does, by an empty line; `before` is the byte before the chunk. */
function endOfEvents(chunk: Uint8Array, before: number): number {
  for (let i = chunk.length - 1; i >= 0; i -= 1) {
    const other = chunk[i]!;
    if (!isEnd(other)) continue;
    const one = i === 0 ? before : chunk[i - 1]!;
    if (isEnd(one) && !(one === CR && other === LF)) return i + 1;
  }
  return -1;
}

const LF = 10;
const CR = 13;

function isEnd(byte: number): boolean {
  return byte === LF || byte === CR;
}
