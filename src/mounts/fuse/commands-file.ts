import type { FileService } from "../../core/ports/files.ts";
import { BytesWriter } from "./bytes-writer.ts";
import type { OpenFile } from "./open-file.ts";
import { Snapshot } from "./snapshot.ts";

export interface CommandsFileOptions {
  readonly files: FileService;
  readonly path: () => string;
  /** The most bytes that may be handed over at once. */
  readonly limit: number;
}

/** What ends a line. */
const NEWLINE = 10;

/**
 * A file that takes commands. A write that ends with a line is handed over with what came before it, and
 * fails if that does: the builtins of a shell look at nothing later. The rest goes with close(2) and
 * fsync(2). Where in the file it is written makes no difference, and nothing is said twice.
 */
export class CommandsFile implements OpenFile {
  readonly #options: CommandsFileOptions;
  readonly #snapshot: Snapshot;
  /** What no line end has followed yet. */
  #begun: BytesWriter | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: CommandsFileOptions) {
    this.#options = options;
    this.#snapshot = new Snapshot({ ...options, size: undefined });
  }

  read(offset: number, size: number): Promise<Uint8Array> {
    return this.#snapshot.read(offset, size);
  }

  write(_offset: number, data: Uint8Array): Promise<void> | void {
    this.#begun ??= new BytesWriter(this.#options.path(), this.#options.limit);
    this.#begun.write(this.#begun.length, data);
    return data.at(-1) === NEWLINE ? this.#handOver() : undefined;
  }

  truncate(): void {
    this.#begun = undefined;
  }

  flush(): Promise<void> | void {
    return this.#handOver();
  }

  sync(): Promise<void> | void {
    return this.#handOver();
  }

  release(): Promise<void> | void {
    return this.#handOver();
  }

  #handOver(): Promise<void> | undefined {
    const commands = this.#begun?.copy();
    this.#begun = undefined;
    if (commands === undefined) return undefined;
    const { files, path } = this.#options;
    const done = this.#last.then(async () => {
      await files.write(path(), commands);
      this.#snapshot.forget();
    });
    this.#last = done.catch(() => {});
    return done;
  }
}
