import type { FileService } from "../../core/ports/files.ts";
import { EMPTY } from "./open-file.ts";

/** Bytes from which on a file of known size is read piece by piece. */
const PIECES_FROM = 1 << 20;

/** What a snapshot is of. */
export interface SnapshotOf {
  readonly files: FileService;
  /** @throws when it is nowhere any more */
  readonly path: () => string;
  /** Bytes, when that is known. */
  readonly size: number | undefined;
}

/**
 * The content of a file for one reader. What is read from start to end is of one moment, however many
 * reads that takes; a read from the start, or after the end was met, sees what there is then.
 */
export class Snapshot {
  readonly #of: SnapshotOf;
  #content: Promise<Uint8Array> | Uint8Array | undefined;

  constructor(of: SnapshotOf) {
    this.#of = of;
  }

  /** The next read sees what there is then. */
  forget(): void {
    this.#content = undefined;
  }

  async read(offset: number, size: number): Promise<Uint8Array> {
    const { files, path } = this.#of;
    if (this.#of.size !== undefined && this.#of.size > PIECES_FROM) {
      return cut(await files.read(path(), { offset, length: size }), 0, size);
    }
    if (offset === 0 || this.#content === undefined) {
      this.#content = files.read(path());
    }
    const taken = this.#content;
    let content: Uint8Array;
    try {
      content = await taken;
    } catch (error) {
      if (this.#content === taken) this.#content = undefined;
      throw error;
    }
    if (this.#content === taken) this.#content = offset < content.byteLength ? content : undefined;
    return offset < content.byteLength ? cut(content, offset, size) : EMPTY;
  }
}

/** `size` bytes from `offset`, or what there is of them. */
export function cut(content: Uint8Array, offset: number, size: number): Uint8Array {
  if (offset === 0 && content.byteLength <= size) return content;
  return content.subarray(offset, offset + size);
}
