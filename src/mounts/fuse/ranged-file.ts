import { FileError, errnoOf } from "../../core/file-error.ts";
import type { FileService } from "../../core/ports/files.ts";
import type { OpenFile } from "./open-file.ts";
import { O } from "./protocol.ts";
import { cut } from "./snapshot.ts";

export interface RangedFileOptions {
  readonly files: FileService;
  /** Where it is. @throws when it was removed */
  readonly path: () => string;
  /** Of open(2). */
  readonly flags: number;
  /** Its content is another one now. */
  readonly written: () => void;
}

/** A file that can be written at any place: everything goes to the service at once, in its order. */
export class RangedFile implements OpenFile {
  readonly #options: RangedFileOptions;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: RangedFileOptions) {
    this.#options = options;
  }

  async read(offset: number, size: number): Promise<Uint8Array> {
    const { files, path } = this.#options;
    return cut(await files.read(path(), { offset, length: size }), 0, size);
  }

  write(offset: number, data: Uint8Array): Promise<void> {
    const { files, path, flags } = this.#options;
    const at = flags & O.APPEND ? "end" : offset;
    return this.#next(async () => {
      await files.write(path(), data, { at });
    });
  }

  truncate(size: number): Promise<void> {
    const { files, path } = this.#options;
    return this.#next(() => resize(files, path(), size));
  }

  /** A write was answered when it was done: there is nothing that waits. */
  flush(): void {}

  sync(): void {}

  release(): void {}

  #next(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.then(this.#options.written, () => {});
    return done;
  }
}

/** Cuts a file off or fills it up, whether it is ranged or written as a whole. */
export async function resize(files: FileService, path: string, size: number): Promise<void> {
  if (size === 0 && files.resize === undefined) {
    await files.write(path, new Uint8Array(0));
    return;
  }
  try {
    if (files.resize !== undefined) {
      await files.resize(path, size);
      return;
    }
  } catch (error) {
    if (errnoOf(error) !== "ENOTSUP") throw error;
  }
  const { limit, size: now } = await files.stat(path);
  if (size > (limit ?? RESIZED_LIMIT) || (now ?? 0) > RESIZED_LIMIT) {
    throw new FileError(
      "EFBIG",
      `Cannot resize "${path}": ${size} bytes are more than it may have`,
    );
  }
  const content = size === 0 ? undefined : await files.read(path);
  const resized = new Uint8Array(size);
  if (content !== undefined) resized.set(content.subarray(0, size));
  await files.write(path, resized);
}

/** The most bytes that are held here to resize a file that the service only takes as a whole. */
const RESIZED_LIMIT = 256 << 20;
