import { FileError, errnoOf } from "../../core/file-error.ts";
import type { FileService, FileStat } from "../../core/ports/files.ts";
import { BytesWriter } from "./bytes-writer.ts";
import type { UnbornFile } from "./node-table.ts";
import type { OpenFile } from "./open-file.ts";
import { O } from "./protocol.ts";
import { Snapshot } from "./snapshot.ts";

/** The most bytes of a file that names no limit of its own. */
export const WHOLE_LIMIT: number = 256 << 20;

export interface WholeFileOptions {
  readonly files: FileService;
  readonly name: string;
  /** Where it is; undefined when it was removed: then nothing is written any more. */
  readonly path: () => string | undefined;
  /** What it was when it was opened; undefined when it does not exist yet. */
  readonly stat: FileStat | undefined;
  /** The most bytes that it may have. */
  readonly limit: number;
  /** Of open(2). */
  readonly flags: number;
  /** This open is what makes it: it comes into being even if nothing is written. */
  readonly creates: boolean;
  /** The service has what was written; `there`: at its path, and not as something else elsewhere. */
  readonly saved: (there: boolean) => void;
}

/**
 * A file that the service takes as a whole. What is written gathers here and is handed over at close(2)
 * and fsync(2), once for each change. Where the service takes it as something of its own (mail, a
 * command: it names another path, or does not say how much it keeps), what follows is the next one.
 */
export class WholeFile implements OpenFile, UnbornFile {
  readonly #options: WholeFileOptions;
  readonly #snapshot: Snapshot;
  /** All of it; absent until it is written to other than at the end. */
  #content: BytesWriter | undefined;
  #loading: Promise<BytesWriter> | undefined;
  /** What goes after the end. */
  #appended: BytesWriter | undefined;
  /** How many bytes before `#content` were taken by the service and are no longer here. */
  #taken = 0;
  /** It was emptied or made by being opened, which is handed over only when nothing is written. */
  #opened: boolean;
  #changes = 0;
  #tried = 0;
  /** How many bytes the service was given last; it has not been looked at what became of them. */
  #given: number | undefined;
  #failure: FileError | undefined;
  #saving: Promise<void> | undefined;
  #dropped = false;

  constructor(options: WholeFileOptions) {
    const { files, stat, flags, creates } = options;
    this.#options = options;
    this.#snapshot = new Snapshot({ files, path: () => this.#path(), size: stat?.size });
    const writes = (flags & O.ACCMODE) !== O.RDONLY;
    this.#opened = creates || (writes && (flags & O.TRUNC) !== 0);
    if (this.#opened || stat === undefined) this.#content = this.#writer();
  }

  sizeNow(kept: number | undefined): number | undefined {
    const exists = this.#options.stat !== undefined;
    if (exists && !this.#opened && this.#changes === this.#tried) return undefined;
    if (this.#content !== undefined) return this.#taken + this.#content.length;
    return (kept ?? 0) + (this.#appended?.length ?? 0);
  }

  async read(offset: number, size: number): Promise<Uint8Array> {
    await this.#loading;
    const content = this.#content;
    if (content !== undefined && (content.length > 0 || this.#taken === 0)) {
      return content.view(Math.max(0, offset - this.#taken), size);
    }
    if (this.#appended !== undefined) await this.#save(false);
    return this.#snapshot.read(offset, size);
  }

  write(offset: number, data: Uint8Array): Promise<void> | void {
    const appends = (this.#options.flags & O.APPEND) !== 0;
    if (appends && this.#content === undefined && this.#loading === undefined) {
      this.#appended ??= this.#writer();
      this.#put(this.#appended, this.#appended.length, data);
      return undefined;
    }
    const put = (content: BytesWriter): void =>
      this.#put(content, appends ? content.length : Math.max(0, offset - this.#taken), data);
    const content = this.#all(offset);
    return content instanceof Promise ? content.then(put) : put(content);
  }

  truncate(size: number): Promise<void> | void {
    const cut = (content: BytesWriter): void => {
      content.truncate(Math.max(0, size - this.#taken));
      this.#changes += 1;
    };
    if (size === 0 && this.#loading === undefined) {
      this.#content ??= this.#writer();
      this.#appended = undefined;
      this.#failure = undefined;
    }
    const content = this.#all(0);
    return content instanceof Promise ? content.then(cut) : cut(content);
  }

  flush(): Promise<void> | void {
    return this.#save(false);
  }

  sync(): Promise<void> {
    return this.#save(true) ?? Promise.resolve();
  }

  release(): Promise<void> | void {
    // What close(2) has told the writer of is not tried again.
    return this.#save(true);
  }

  drop(): void {
    this.#dropped = true;
  }

  /** What is written to it is not what is read from it. */
  get #hears(): boolean {
    const { stat } = this.#options;
    return stat !== undefined && stat.size === undefined;
  }

  #path(): string {
    const path = this.#options.path();
    if (path !== undefined) return path;
    throw new FileError("ENOENT", `Cannot read "${this.#options.name}": it was removed`);
  }

  #writer(content?: Uint8Array): BytesWriter {
    return new BytesWriter(this.#options.name, this.#options.limit, content);
  }

  #put(content: BytesWriter, offset: number, data: Uint8Array): void {
    // A part of it must not pass for all of it.
    if (this.#failure !== undefined) throw this.#failure;
    this.#changes += 1;
    try {
      content.write(offset, data);
    } catch (error) {
      if (error instanceof FileError) this.#failure = error;
      throw error;
    }
  }

  /** The content as it is to be, read if need be; `offset` is where it will be written. */
  #all(offset: number): BytesWriter | Promise<BytesWriter> {
    if (this.#loading !== undefined) return this.#loading;
    if (this.#content !== undefined) {
      if (this.#given === undefined) return this.#content;
      this.#loading = this.#look(this.#content, this.#given).finally(() => {
        this.#loading = undefined;
      });
      return this.#loading;
    }
    if (this.#hears) {
      this.#taken = offset;
      this.#content = this.#writer();
      return this.#content;
    }
    this.#loading = this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  /**
   * Looks, when there is more to write, whether what was given still stands there. What has gone from
   * there was a command, or was turned into something else: it is not said again with what follows.
   */
  async #look(content: BytesWriter, given: number): Promise<BytesWriter> {
    this.#given = undefined;
    const path = this.#options.path();
    if (path === undefined) return content;
    const stat = await this.#options.files.stat(path).catch(() => undefined);
    if (stat === undefined || stat.size === given || content.length < given) return content;
    this.#taken += given;
    this.#content = this.#writer(content.view(given, Infinity).slice());
    return this.#content;
  }

  async #load(): Promise<BytesWriter> {
    await this.#saving?.catch(() => {});
    const { files, stat, limit } = this.#options;
    if (stat?.size !== undefined && stat.size > limit) {
      throw new FileError(
        "EFBIG",
        `Cannot change "${this.#options.name}": it has more than ${limit} bytes`,
      );
    }
    // What was to go after the end is a part of it from now on.
    const appended = this.#appended;
    this.#appended = undefined;
    try {
      const content = this.#writer(new Uint8Array(await files.read(this.#path())));
      if (appended !== undefined && appended.length > 0) {
        content.write(content.length, appended.view(0, Infinity));
        this.#changes += 1;
      }
      this.#content = content;
      return content;
    } catch (error) {
      this.#appended = appended;
      throw error;
    }
  }

  #isDue(opened: boolean): boolean {
    return !this.#dropped && (this.#changes !== this.#tried || (opened && this.#opened));
  }

  #save(opened: boolean): Promise<void> | undefined {
    if (this.#saving === undefined && !this.#isDue(opened)) return undefined;
    const before = this.#saving ?? Promise.resolve();
    const saving = before
      .catch(() => {})
      .then(() => this.#saveNow(opened))
      .finally(() => {
        if (this.#saving === saving) this.#saving = undefined;
      });
    this.#saving = saving;
    return saving;
  }

  async #saveNow(opened: boolean): Promise<void> {
    const path = this.#options.path();
    if (path === undefined || !this.#isDue(opened)) return;
    this.#tried = this.#changes;
    this.#snapshot.forget();
    if (this.#failure !== undefined) {
      this.#opened = false;
      throw this.#failure;
    }
    if (this.#content === undefined) await this.#append(path);
    else await this.#replace(path, this.#content);
  }

  async #append(path: string): Promise<void> {
    const { files, saved } = this.#options;
    const data = this.#appended?.copy();
    if (data === undefined || data.byteLength === 0) return;
    try {
      await files.write(path, data, { at: "end" });
    } catch (error) {
      if (errnoOf(error) !== "ENOTSUP") throw error;
      const whole = this.#writer(new Uint8Array(await files.read(path)));
      whole.write(whole.length, data);
      await files.write(path, whole.copy());
    }
    this.#snapshot.forget();
    // What came meanwhile is the next.
    const rest = this.#appended?.view(data.byteLength, Infinity).slice();
    this.#appended = rest === undefined ? undefined : this.#writer(rest);
    saved(true);
  }

  async #replace(path: string, content: BytesWriter): Promise<void> {
    const { files, flags, creates, saved } = this.#options;
    const data = content.copy();
    const only = creates && this.#opened && (flags & O.EXCL) !== 0;
    this.#opened = false;
    const written = await files.write(path, data, only ? { create: "only" } : {});
    const there = written.path === path;
    this.#given = there ? data.byteLength : undefined;
    if (!there || this.#hears) {
      this.#given = undefined;
      this.#taken += data.byteLength;
      this.#content = this.#writer(content.view(data.byteLength, Infinity).slice());
    }
    saved(there);
  }
}
