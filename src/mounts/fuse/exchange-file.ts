import { errnoOf, FileError } from "../../core/file-error.ts";
import type { FileService } from "../../core/ports/files.ts";
import { BytesWriter } from "./bytes-writer.ts";
import { EMPTY } from "./open-file.ts";
import type { OpenFile } from "./open-file.ts";
import { O } from "./protocol.ts";
import { cut } from "./snapshot.ts";

export interface ExchangeFileOptions {
  readonly files: FileService;
  readonly path: () => string;
  /** The most bytes that may be handed over at once. */
  readonly limit: number;
  /** Of open(2). */
  readonly flags: number;
}

/**
 * A file that answers what is written to it. Each open has its own question and answer. The first read
 * after a write hands over what was written, and the answer begins where that read is; who opened it
 * for writing alone hands over with close(2). Read before anything was written, it is what it says of itself.
 */
export class ExchangeFile implements OpenFile {
  readonly #options: ExchangeFileOptions;
  #question: BytesWriter | undefined;
  #answer: Promise<Uint8Array> | undefined;
  /** The offset at which the answer begins. */
  #start = 0;

  constructor(options: ExchangeFileOptions) {
    this.#options = options;
  }

  async read(offset: number, size: number): Promise<Uint8Array> {
    if (this.#question !== undefined) {
      this.#start = offset;
      this.#answer = this.#ask();
    }
    this.#answer ??= this.#content();
    return cut(await this.#answer, Math.max(0, offset - this.#start), size);
  }

  write(_offset: number, data: Uint8Array): void {
    this.#question ??= new BytesWriter(this.#options.path(), this.#options.limit);
    this.#question.write(this.#question.length, data);
  }

  /** Emptying it asks nothing. */
  truncate(): void {
    this.#question = undefined;
  }

  async flush(): Promise<void> {
    if (this.#question === undefined) return;
    if ((this.#options.flags & O.ACCMODE) === O.WRONLY) await this.#ask();
  }

  sync(): void {}

  release(): void {}

  /** What is read where nothing was asked: what the file says of itself, if it does. */
  async #content(): Promise<Uint8Array> {
    const { files, path } = this.#options;
    try {
      return await files.read(path());
    } catch (error) {
      if (errnoOf(error) === "EACCES") return EMPTY;
      throw error;
    }
  }

  async #ask(): Promise<Uint8Array> {
    const question = this.#question?.copy() ?? EMPTY;
    this.#question = undefined;
    const { files, path } = this.#options;
    if (files.exchange === undefined) {
      throw new FileError("ENOTSUP", `Cannot ask "${path()}": nothing here answers`);
    }
    return files.exchange(path(), question);
  }
}
