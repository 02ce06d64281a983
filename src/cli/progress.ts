import { sizeText } from "./output.ts";

/** Between two showings, ms. */
const PAUSE = 100;

/** How far long work is. */
export interface Progress {
  /** This many bytes more are done. */
  readonly add: (bytes: number) => void;
  /** Takes away what is shown. Idempotent. */
  readonly end: () => void;
}

/** What work is shown, and how much of it there is when that is known. */
export interface ProgressOptions {
  /** As in `Sending it to URL`. */
  readonly what: string;
  readonly total?: number | undefined;
}

/** Bytes and their rate on stderr, in one line that is written over; nothing where that is no terminal. */
export function showProgress({ what, total }: ProgressOptions): Progress {
  const { stderr } = process;
  const started = Date.now();
  let done = 0;
  let shown = 0;
  return {
    add(bytes) {
      done += bytes;
      const now = Date.now();
      if (!stderr.isTTY || now - shown < PAUSE) return;
      shown = now;
      stderr.write(`\r\u001b[K${what}: ${progressText({ done, total, ms: now - started })}`);
    },
    end() {
      if (shown > 0) stderr.write("\r\u001b[K");
      shown = 0;
    },
  };
}

/** How much is done, how much that is of all, and how fast it goes. */
export function progressText({
  done,
  total,
  ms,
}: {
  readonly done: number;
  readonly total?: number | undefined;
  readonly ms: number;
}): string {
  const part = total ? ` of ${sizeText(total)} (${Math.floor((done / total) * 100)}%)` : "";
  const rate = ms < 500 ? "" : `, ${sizeText(Math.round((done / ms) * 1000))}/s`;
  return `${sizeText(done)}${part}${rate}`;
}

/** The same bytes, counted as they go by. */
export function counted(
  bytes: ReadableStream<Uint8Array>,
  count: (bytes: number) => void,
): ReadableStream<Uint8Array> {
  return bytes.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        count(chunk.length);
        controller.enqueue(chunk);
      },
    }),
  );
}
