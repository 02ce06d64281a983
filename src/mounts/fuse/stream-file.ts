import { FileError } from "../../core/file-error.ts";
import type { FileService } from "../../core/ports/files.ts";
import { EMPTY } from "./open-file.ts";
import type { OpenFile, Waiting } from "./open-file.ts";
import { cut } from "./snapshot.ts";

export interface StreamFileOptions {
  readonly files: FileService;
  readonly path: () => string;
  /** The service keeps what came and says how much: then it is read by place, else as it comes. */
  readonly kept: boolean;
}

/** How much of a stream is taken before somebody reads it. */
const AHEAD = 64 << 10;

/** A file that grows and has no end: a read at its end waits. Each open has its own place. */
export class StreamFile implements OpenFile {
  readonly #options: StreamFileOptions;
  readonly #stop = new AbortController();
  /** What came and was not read. */
  #chunks: Uint8Array[] = [];
  #held = 0;
  /** How often something came. */
  #came = 0;
  readonly #wakes = new Set<() => void>();
  #room: (() => void) | undefined;
  #ended = false;
  #failure: unknown;

  constructor(options: StreamFileOptions) {
    this.#options = options;
    void this.#pump();
  }

  get ready(): boolean {
    return this.#options.kept || this.#ended || this.#held > 0;
  }

  wake(wake: () => void): void {
    this.#wakes.add(wake);
  }

  async read(offset: number, size: number, waiting: Waiting): Promise<Uint8Array> {
    const { files, path, kept } = this.#options;
    if (size === 0) return EMPTY;
    let gaveUp = false;
    for (;;) {
      const came = this.#came;
      if (kept) {
        const data = await files.read(path(), { offset, length: size });
        if (data.byteLength > 0) return cut(data, 0, size);
      } else if (this.#held > 0) {
        return this.#take(size);
      }
      if (this.#ended) {
        if (this.#failure !== undefined) throw this.#failure;
        return EMPTY;
      }
      if (came !== this.#came) continue;
      await new Promise<void>((resolve) => {
        this.#wakes.add(resolve);
        waiting.onInterrupt = () => {
          gaveUp = true;
          this.#wakes.delete(resolve);
          resolve();
        };
      });
      // Nobody waits: what came is for the next read.
      if (gaveUp) throw new FileError("EINTR", "The read was interrupted");
    }
  }

  async write(_offset: number, data: Uint8Array): Promise<void> {
    await this.#options.files.write(this.#options.path(), data, { at: "end" });
  }

  /** What came before it was opened is not in it anyway. */
  truncate(): void {}

  flush(): void {}

  sync(): void {}

  release(): void {
    this.#stop.abort();
    this.#wakeAll();
    this.#room?.();
  }

  #take(size: number): Uint8Array {
    const [first = EMPTY] = this.#chunks;
    const taken = cut(first, 0, size);
    if (taken.byteLength === first.byteLength) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(taken.byteLength);
    this.#held -= taken.byteLength;
    if (this.#held < AHEAD) this.#room?.();
    return taken;
  }

  async #pump(): Promise<void> {
    try {
      const { files, path, kept } = this.#options;
      if (files.follow === undefined) {
        throw new FileError("ENOTSUP", `Cannot follow "${path()}": nothing here can`);
      }
      for await (const chunk of files.follow(path(), this.#stop.signal)) {
        if (this.#stop.signal.aborted) break;
        if (chunk.byteLength === 0) continue;
        this.#came += 1;
        if (!kept) {
          this.#chunks.push(chunk);
          this.#held += chunk.byteLength;
        }
        this.#wakeAll();
        if (this.#held >= AHEAD) {
          await new Promise<void>((resolve) => {
            this.#room = resolve;
          });
          this.#room = undefined;
        }
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#failure = error;
    }
    this.#ended = true;
    this.#wakeAll();
  }

  #wakeAll(): void {
    const wakes = [...this.#wakes];
    this.#wakes.clear();
    for (const wake of wakes) wake();
  }
}
