import { FileError } from "../../core/file-error.ts";
import type { FileService, FileStat, WriteOptions } from "../../core/ports/index.ts";
import { joinPath, nameOf, parentOf } from "../../vfs/path.ts";
import { statIfThere } from "./file-bytes.ts";

/** What is written at once, bytes; more goes in parts where a file takes them. */
const AT_ONCE = 8 * 1_048_576;

/** What is to be written, and how much it is where that is known. */
export interface Source {
  readonly size?: number | undefined;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/**
 * Puts a content into the place of a file, which is made if need be; gives the path that it has then. Up to
 * 8 MiB, and files that take no parts, are written as a whole or not at all. Longer ones are written beside
 * the file where that is there, and take its place at the end; a new one that cannot be finished is removed.
 * @throws EFBIG before anything is written, for what is known to be more than it may have
 */
export async function putFile(
  files: FileService,
  path: string,
  { size, bytes }: Source,
): Promise<string> {
  const there = await statIfThere(files, path);
  const room = there ?? (await statIfThere(files, parentOf(path)));
  const limit = room?.limit ?? Number.POSITIVE_INFINITY;
  if ((size ?? 0) > limit) throw tooMuch(path, limit);
  const chunks = bytes[Symbol.asyncIterator]();
  try {
    const gathered = new Gathered();
    // What is not known to take parts could do something with the first of them.
    const most = inParts(there, room) ? AT_ONCE : Number.POSITIVE_INFINITY;
    while (gathered.size <= most) {
      const next = await chunks.next();
      if (next.done === true) return (await files.write(path, gathered.whole())).path;
      gathered.add(next.value);
      if (gathered.size > limit) throw tooMuch(path, limit);
    }
    return await putParts(files, { path, there, gathered, chunks });
  } finally {
    await chunks.return?.();
  }
}

/** All of a content. @throws EFBIG for more than a limit, before all of it is read */
export async function gather(
  { size, bytes }: Source,
  {
    path,
    limit = Number.POSITIVE_INFINITY,
  }: { readonly path: string; readonly limit?: number | undefined },
): Promise<Uint8Array> {
  const gathered = new Gathered();
  if ((size ?? 0) > limit) throw tooMuch(path, limit);
  for await (const chunk of bytes) {
    gathered.add(chunk);
    if (gathered.size > limit) throw tooMuch(path, limit);
  }
  return gathered.whole();
}

function tooMuch(path: string, limit: number): FileError {
  return new FileError("EFBIG", `Cannot write "${path}": it may have ${limit} bytes at most`);
}

/** Only a directory with no limit may have files of parts: one with a limit is for short ones. */
function inParts(there: FileStat | undefined, room: FileStat | undefined): boolean {
  return there === undefined ? room?.limit === undefined : there.nature === "ranged";
}

interface Parts {
  readonly path: string;
  readonly there: FileStat | undefined;
  readonly gathered: Gathered;
  readonly chunks: AsyncIterator<Uint8Array>;
}

async function putParts(
  files: FileService,
  { path, there, gathered, chunks }: Parts,
): Promise<string> {
  const to = there === undefined ? path : besides(path);
  let offset = 0;
  const put = async (options?: WriteOptions): Promise<string> => {
    const part = gathered.whole();
    const written = await files.write(to, part, options);
    offset += part.byteLength;
    gathered.clear();
    return written.path;
  };
  const first = gathered.whole();
  const made = await put({ create: "only" });
  try {
    if (made !== to) throw new FileError("EFBIG", `Cannot write "${path}": it takes no parts`);
    const ranged = (await files.stat(made)).nature === "ranged";
    if (!ranged) {
      offset = 0;
      gathered.add(first);
    }
    for (;;) {
      const next = await chunks.next();
      if (next.done === true) break;
      gathered.add(next.value);
      if (ranged && gathered.size >= AT_ONCE) await put({ at: offset, create: "never" });
    }
    if (ranged && gathered.size > 0) await put({ at: offset, create: "never" });
    if (!ranged) await put();
    if (to !== path) await files.rename(to, path);
    return path;
  } catch (error) {
    await files.remove(made).catch(() => undefined);
    throw error;
  }
}

/** A name beside a file that nobody else has. */
function besides(path: string): string {
  const name = nameOf(path).slice(0, 50).toWellFormed();
  return joinPath(parentOf(path), `.${name}.${crypto.randomUUID().slice(0, 8)}.part`);
}

/** Bytes that have come so far. */
class Gathered {
  #chunks: Uint8Array[] = [];
  size = 0;

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.size += chunk.byteLength;
  }

  clear(): void {
    this.#chunks = [];
    this.size = 0;
  }

  whole(): Uint8Array {
    const whole = new Uint8Array(this.size);
    let at = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, at);
      at += chunk.byteLength;
    }
    return whole;
  }
}
