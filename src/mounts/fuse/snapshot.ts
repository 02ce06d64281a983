import type { FileService } from "../../core/ports/files.ts";
import { EMPTY } from "./open-file.ts";

/** Bytes from which on a file of known size is read piece by piece. */
const PIECES_FROM = 16 << 20;

/** Bytes of a piece for who reads on and on: a service may have to make all of it for a part of it. */
const PIECE = 8 << 20;

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
 * reads that takes; a read from the start, or after the end was met, sees what there is then. Only a very
 * large file is read piece by piece.
 */
export class Snapshot {
  readonly #of: SnapshotOf;
  #content: Promise<Uint8Array> | Uint8Array | undefined;
  /** The piece that was read last, and where it begins. */
  #piece: { readonly start: number; readonly bytes: Uint8Array } | undefined;
  /** Where the last read ended. */
  #at = 0;

  constructor(of: SnapshotOf) {
    this.#of = of;
  }

  /** The next read sees what there is then. */
  forget(): void {
    this.#content = undefined;
    this.#piece = undefined;
  }

  async read(offset: number, size: number): Promise<Uint8Array> {
    if ((this.#of.size ?? 0) > PIECES_FROM) return this.#readPiece(offset, size);
    const { files, path } = this.#of;
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

  async #readPiece(offset: number, size: number): Promise<Uint8Array> {
    const { files, path } = this.#of;
    const there = this.#piece;
    const goesOn = offset === this.#at && offset > 0;
    this.#at = offset + size;
    if (there !== undefined && offset > 0) {
      const from = offset - there.start;
      if (from >= 0 && from + size <= there.bytes.byteLength) return cut(there.bytes, from, size);
    }
    const length = goesOn ? Math.max(size, PIECE) : size;
    const bytes = await files.read(path(), { offset, length });
    this.#piece = goesOn ? { start: offset, bytes } : undefined;
    return cut(bytes, 0, size);
  }
}

/** `size` bytes from `offset`, or what there is of them. */
export function cut(content: Uint8Array, offset: number, size: number): Uint8Array {
  if (offset === 0 && content.byteLength <= size) return content;
  return content.subarray(offset, offset + size);
}
