import { FileError } from "../../core/file-error.ts";

/** Bytes that are written at any place, up to a limit. */
export class BytesWriter {
  readonly #limit: number;
  readonly #name: string;
  #bytes: Uint8Array;
  #length: number;

  /** `limit`: the most bytes there may be. `content` is taken over. */
  constructor(name: string, limit: number, content: Uint8Array = new Uint8Array(0)) {
    this.#name = name;
    this.#limit = limit;
    this.#bytes = content;
    this.#length = content.byteLength;
  }

  get length(): number {
    return this.#length;
  }

  /** A copy of them. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Those from `offset` on, `size` at most; not a copy. */
  view(offset: number, size: number): Uint8Array {
    return this.#bytes.subarray(offset, Math.min(this.#length, offset + size));
  }

  /** What is between the end and `offset` becomes zeros. @throws EFBIG */
  write(offset: number, data: Uint8Array): void {
    this.#grow(offset + data.byteLength);
    this.#bytes.set(data, offset);
    this.#length = Math.max(this.#length, offset + data.byteLength);
  }

  /** Cuts it off or fills it up with zeros. @throws EFBIG */
  truncate(size: number): void {
    this.#grow(size);
    if (size < this.#length) this.#bytes.fill(0, size, this.#length);
    this.#length = size;
  }

  #grow(length: number): void {
    if (length > this.#limit) {
      throw new FileError(
        "EFBIG",
        `Cannot write "${this.#name}": more than the ${this.#limit} bytes that it may have`,
      );
    }
    if (length <= this.#bytes.byteLength) return;
    const room = Math.min(this.#limit, Math.max(length, this.#bytes.byteLength * 2, 4096));
    const bytes = new Uint8Array(room);
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
  }
}
