import { errnoOf } from "../../core/file-error.ts";
import type { FileService, FileStat } from "../../core/ports/index.ts";
import { passes } from "../follow.ts";
import { PART, statThrough } from "./file-bytes.ts";

/** Between two looks at a file that nobody tells about, and until agentd is tried again, ms. */
const PAUSE = 1000;

/** A file that changes are told of is looked at after so many of these nevertheless. */
const MOST_PAUSES = 10;

const NEWLINE = 10;

/** The last lines of what is known of a file: the bytes, and where it ends. */
export async function lastLines(
  files: FileService,
  path: string,
  { stat, lines }: { readonly stat: FileStat; readonly lines: number },
): Promise<{ readonly bytes: Uint8Array; readonly end: number }> {
  const { size, nature } = stat;
  if (size === undefined || nature === "stream") {
    const whole = await files.read(path);
    return { bytes: whole.subarray(startOf(whole, lines)), end: whole.byteLength };
  }
  // From its end, so far as that many lines go.
  let bytes = new Uint8Array();
  for (let from = size; from > 0;) {
    const length = Math.min(PART, from);
    from -= length;
    // All that is there by now behind it belongs to it as well.
    const part = await files.read(
      path,
      bytes.length === 0 ? { offset: from } : { offset: from, length },
    );
    const joined = new Uint8Array(part.byteLength + bytes.byteLength);
    joined.set(part);
    joined.set(bytes, part.byteLength);
    bytes = joined;
    const start = startOf(bytes, lines);
    if (start > 0 || from === 0)
      return { bytes: bytes.subarray(start), end: from + bytes.byteLength };
  }
  return { bytes, end: 0 };
}

/** Where the last lines begin; 0 when there are no more than these. */
function startOf(bytes: Uint8Array, lines: number): number {
  if (lines === 0) return bytes.byteLength;
  // A newline at the end ends the last line.
  let at = bytes.at(-1) === NEWLINE ? bytes.byteLength - 1 : bytes.byteLength;
  for (let left = lines; left > 0; left -= 1) {
    at = at === 0 ? -1 : bytes.lastIndexOf(NEWLINE, at - 1);
    if (at === -1) return 0;
  }
  return at + 1;
}

/** How a file is followed. */
export interface Following {
  /** Finds agentd anew each time: after a restart it may have another address. */
  readonly connect: () => FileService;
  /** By the agent's id, as its name may pass to another. */
  readonly path: string;
  /** How much of it is known. */
  readonly end: number;
  /** It has no end, and is told as it comes. */
  readonly stream: boolean;
  readonly signal: AbortSignal;
  /** Told of what a person should know: that it waits, and that the file was cut. */
  readonly talk: (text: string) => void;
  /** Default 1000 ms. */
  readonly pause?: number | undefined;
}

/** What is added to a file from now on, over restarts of agentd, until `signal` aborts. */
export async function* followFile(following: Following): AsyncIterable<Uint8Array> {
  const { connect, path, stream, signal, talk, pause = PAUSE } = following;
  let { end } = following;
  let told = false;
  while (!signal.aborted) {
    try {
      const files = connect();
      if (stream) {
        for await (const bytes of files.follow!(path, signal)) {
          told = false;
          yield bytes;
        }
      } else {
        for await (const _ of looks(files, { path, signal, pause })) {
          const { bytes, start } = await added(files, path, end);
          if (start < end)
            talk(`It was cut, and is shown from ${start === 0 ? "its start" : "there"}.`);
          end = start + bytes.byteLength;
          told = false;
          if (bytes.byteLength > 0) yield bytes;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!passes(error)) throw error;
      if (!told) talk(`${(error as Error).message}\nWaiting for it …`);
      told = true;
    }
    await rest(pause, signal);
  }
}

/** What a file has behind what is known of it; all of it when it is shorter by now. */
async function added(
  files: FileService,
  path: string,
  end: number,
): Promise<{ readonly bytes: Uint8Array; readonly start: number }> {
  const { size } = await statThrough(files, path);
  if (size === undefined) {
    const whole = await files.read(path);
    const start = whole.byteLength < end ? 0 : end;
    return { bytes: whole.subarray(start), start };
  }
  if (size === end) return { bytes: new Uint8Array(), start: end };
  const start = size < end ? 0 : end;
  return { bytes: await files.read(path, { offset: start }), start };
}

/** Yields whenever it is time to look: at once, and when something changes, or else each `pause`. */
async function* looks(
  files: FileService,
  {
    path,
    signal,
    pause,
  }: { readonly path: string; readonly signal: AbortSignal; readonly pause: number },
): AsyncIterable<void> {
  const ending = new AbortController();
  const until = AbortSignal.any([signal, ending.signal]);
  let changed = Promise.withResolvers<void>();
  let watched = true;
  let failure: unknown;
  const watching = (async () => {
    try {
      for await (const _ of files.watch(path, until)) changed.resolve();
    } catch (error) {
      if (!["ENOTSUP", "EACCES"].includes(errnoOf(error))) failure = error;
    }
    watched = false;
    changed.resolve();
  })();
  // Who tells may have begun to do so after the first look.
  let patience = pause;
  try {
    while (!signal.aborted) {
      yield;
      if (watched) {
        await Promise.race([changed.promise, rest(patience, signal)]);
        patience = Math.min(2 * patience, MOST_PAUSES * pause);
        changed = Promise.withResolvers<void>();
      } else {
        if (failure !== undefined) throw failure;
        await rest(pause, signal);
      }
    }
  } finally {
    ending.abort();
    await watching;
  }
}

/** Waits, or until `signal` aborts. */
export function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
