import type { FileError } from "../core/file-error.ts";
import type {
  Clock,
  FileListQuery,
  FileRange,
  FileService,
  FileStat,
  Page,
  WriteOptions,
  Written,
} from "../core/ports/index.ts";
import { boundsOf, checkMatch, countOf, limitOf } from "./asked.ts";
import { Changes } from "./changes.ts";
import { failed, missing } from "./failed.ts";
import { isWithin, nameOf, parentOf, partsOf } from "./path.ts";
import { ScratchDirectory, ScratchFile } from "./scratch-nodes.ts";
import type { ScratchNode } from "./scratch-nodes.ts";

/** How much a scratch may hold. */
export interface ScratchLimits {
  /** Bytes of all files together. Default 64 MiB. */
  readonly bytes?: number | undefined;
  /** Files and directories. Default 10,000. */
  readonly files?: number | undefined;
}

const LIMITS = { bytes: 64 * 1024 * 1024, files: 10_000 } as const;

/**
 * Files and directories in memory, gone with the process. Its files are `ranged`; listings go by name, as
 * bytes; a name is taken as it is given. A write beyond its limits is ENOSPC and changes nothing.
 */
export function scratch(limits: ScratchLimits, clock: Pick<Clock, "now">): FileService {
  return new Scratch(limits, clock);
}

class Scratch implements FileService {
  readonly #limits: { readonly bytes: number; readonly files: number };
  readonly #clock: Pick<Clock, "now">;
  readonly #changes = new Changes();
  readonly #root: ScratchDirectory;
  /** Two scratches that follow each other at the same path have no revision in common. */
  readonly #era: string;
  #revisions = 0;
  #bytes = 0;
  #files = 0;

  constructor(
    { bytes = LIMITS.bytes, files = LIMITS.files }: ScratchLimits,
    clock: Pick<Clock, "now">,
  ) {
    this.#limits = {
      bytes: countOf(bytes, "limit of bytes"),
      files: countOf(files, "limit of files"),
    };
    this.#clock = clock;
    this.#era = clock.now().toString(36);
    this.#root = new ScratchDirectory(clock.now(), this.#revision());
  }

  async stat(path: string): Promise<FileStat> {
    return this.#statOf(nameOf(path), this.#at(path));
  }

  async list(path: string, query: FileListQuery = {}): Promise<Page<FileStat>> {
    const limit = limitOf(query);
    const directory = this.#at(path);
    if (directory instanceof ScratchFile) throw failed("ENOTDIR", "list", path, "it is a file");
    const names = directory.after(query.cursor, limit + 1);
    const items = names
      .slice(0, limit)
      .map((name) => this.#statOf(name, directory.entries.get(name)!));
    return { items, ...(names.length > limit && { cursor: names[limit - 1]! }) };
  }

  async read(path: string, range: FileRange = {}): Promise<Uint8Array> {
    const file = this.#file(path, "read");
    return file.read(...boundsOf(range, file.size));
  }

  async write(path: string, data: Uint8Array, options: WriteOptions = {}): Promise<Written> {
    const { at, create, ifMatch } = options;
    if (typeof at === "number") countOf(at, "offset");
    const found = this.#find(path);
    if (found === undefined) {
      if (create === "never") throw missing(path);
      checkMatch(path, undefined, ifMatch);
      const size = endOf(data, typeof at === "number" ? at : 0);
      const parent = this.#parent(path, "make");
      this.#makeRoom(path, size, 1);
      const file = new ScratchFile(this.#clock.now(), this.#revision());
      file.write(data, size - data.byteLength);
      this.#put(parent, nameOf(path), file);
    } else {
      if (found instanceof ScratchDirectory) throw directory("write", path, at);
      if (create === "only") throw failed("EEXIST", "make", path, "it is there");
      checkMatch(path, found.revision, ifMatch);
      const from = at === "end" ? found.size : (at ?? 0);
      const size = at === undefined ? data.byteLength : Math.max(found.size, endOf(data, from));
      this.#makeRoom(path, size - found.size, 0);
      if (at === undefined) found.resize(0);
      found.write(data, from);
      this.#touch(found);
    }
    this.#changes.tell(path);
    return { path };
  }

  async remove(path: string): Promise<void> {
    const node = this.#at(path);
    if (path === "/") throw failed("EBUSY", "remove", path, "it is the root");
    if (node instanceof ScratchDirectory && node.entries.size > 0) {
      throw failed("ENOTEMPTY", "remove", path, "it is not empty");
    }
    this.#drop(this.#parent(path, "remove"), nameOf(path));
    this.#changes.tell(path);
  }

  async rename(from: string, to: string): Promise<void> {
    const node = this.#at(from);
    if (from === to) return;
    if (from === "/") throw failed("EBUSY", "move", from, "it is the root");
    if (isWithin(to, from)) throw failed("EINVAL", "move", from, "it would be below itself");
    const parent = this.#parent(to, "make");
    const there = parent.entries.get(nameOf(to));
    if (to === "/" || there instanceof ScratchDirectory) {
      throw failed("EISDIR", "move", from, `"${to}" is a directory`);
    }
    if (there !== undefined && node instanceof ScratchDirectory) {
      throw failed("ENOTDIR", "move", from, `"${to}" is a file`);
    }
    if (there !== undefined) this.#drop(parent, nameOf(to));
    const old = this.#parent(from, "move");
    old.delete(nameOf(from));
    this.#touch(old);
    parent.set(nameOf(to), node);
    this.#touch(parent);
    this.#changes.tell(from, to);
  }

  async makeDirectory(path: string): Promise<void> {
    if (this.#find(path) !== undefined) throw failed("EEXIST", "make", path, "it is there");
    const parent = this.#parent(path, "make");
    this.#makeRoom(path, 0, 1);
    this.#put(parent, nameOf(path), new ScratchDirectory(this.#clock.now(), this.#revision()));
    this.#changes.tell(path);
  }

  async resize(path: string, size: number): Promise<void> {
    const file = this.#file(path, "resize");
    this.#makeRoom(path, countOf(size, "size") - file.size, 0);
    file.resize(size);
    this.#touch(file);
    this.#changes.tell(path);
  }

  watch(path: string, signal: AbortSignal): AsyncIterable<string> {
    const feed = this.#changes.watch(path, signal);
    try {
      this.#at(path);
    } catch (error) {
      feed.fail(error);
    }
    return feed;
  }

  #statOf(name: string, node: ScratchNode): FileStat {
    const { modifiedAt, revision } = node;
    const about = { name, access: "rw", modifiedAt, revision, limit: this.#limits.bytes } as const;
    if (node instanceof ScratchDirectory) return { ...about, kind: "directory" };
    return { ...about, kind: "file", size: node.size, nature: "ranged" };
  }

  #at(path: string): ScratchNode {
    const node = this.#find(path);
    if (node === undefined) throw missing(path);
    return node;
  }

  /** @throws ENOTDIR for something below a file */
  #find(path: string): ScratchNode | undefined {
    let node: ScratchNode = this.#root;
    for (const name of partsOf(path)) {
      if (node instanceof ScratchFile) throw failed("ENOTDIR", "find", path, "it is below a file");
      const next = node.entries.get(name);
      if (next === undefined) return undefined;
      node = next;
    }
    return node;
  }

  #file(path: string, verb: string): ScratchFile {
    const node = this.#at(path);
    if (node instanceof ScratchFile) return node;
    throw failed("EISDIR", verb, path, "it is a directory");
  }

  #parent(path: string, verb: string): ScratchDirectory {
    const parent = this.#at(parentOf(path));
    if (parent instanceof ScratchDirectory) return parent;
    throw failed("ENOTDIR", verb, path, `"${parentOf(path)}" is a file`);
  }

  #put(parent: ScratchDirectory, name: string, node: ScratchNode): void {
    parent.set(name, node);
    this.#touch(parent);
  }

  #drop(parent: ScratchDirectory, name: string): void {
    const node = parent.delete(name);
    this.#files -= 1;
    if (node instanceof ScratchFile) this.#bytes -= node.size;
    this.#touch(parent);
  }

  #touch(node: ScratchNode): void {
    node.modifiedAt = this.#clock.now();
    node.revision = this.#revision();
  }

  #revision(): string {
    this.#revisions += 1;
    return `${this.#era}-${this.#revisions.toString(36)}`;
  }

  /** Takes what is to be added from what is left. @throws ENOSPC, and nothing is taken then */
  #makeRoom(path: string, bytes: number, files: number): void {
    const { bytes: most, files: mostFiles } = this.#limits;
    if (bytes > 0 && this.#bytes + bytes > most) throw full(path, `it holds ${most} bytes`);
    if (files > 0 && this.#files + files > mostFiles) {
      throw full(path, `it holds ${mostFiles} files and directories`);
    }
    this.#bytes += bytes;
    this.#files += files;
  }
}

/** Where data ends that is put somewhere: no bytes move no end. */
function endOf(data: Uint8Array, at: number): number {
  return data.byteLength === 0 ? 0 : at + data.byteLength;
}

function directory(verb: string, path: string, at: WriteOptions["at"]): FileError {
  if (at !== "end") return failed("EISDIR", verb, path, "it is a directory");
  return failed("ENOTSUP", "add to", path, "its entries are not named by it");
}

function full(path: string, why: string): FileError {
  return failed("ENOSPC", "write", path, `the scratch is full: ${why}`);
}
