import { FileError } from "../../src/core/file-error.ts";
import type {
  FileListQuery,
  FileRange,
  FileService,
  FileStat,
  WriteOptions,
  Written,
} from "../../src/core/ports/files.ts";
import type { Page } from "../../src/core/ports/store.ts";

/** What stands at a path of a `MemoryFiles`. */
export interface Entry {
  kind: FileStat["kind"];
  access: FileStat["access"];
  nature?: FileStat["nature"];
  data: Uint8Array;
  /** Its stat names no size. */
  sizeless?: boolean;
  limit?: number;
  target?: string;
  modifiedAt: number;
  revision: number;
  /** A directory that names its own files: what was put in is a call to `post`. */
  post?: (data: Uint8Array) => string;
  /** What it says when it is read, anew each time. */
  say?: () => string;
  /** What it does with what is written. */
  hear?: (data: Uint8Array) => void;
  answer?: (question: Uint8Array) => Promise<Uint8Array> | Uint8Array;
  /** Every read or write of it waits for this. */
  gate?: () => Promise<void>;
}

const encoder = new TextEncoder();

/** The most bytes of a file. */
const LARGEST = 256 << 20;

/** Files in memory, of every nature, with all that the contract lets a service do. */
export class MemoryFiles implements FileService {
  readonly entries = new Map<string, Entry>();
  /** Every call that changes something: its name and path. */
  readonly changes: string[] = [];
  /** How often a file was read. */
  reads = 0;
  readonly #children = new Map<string, Map<string, Entry>>();
  readonly #watchers = new Set<(path: string) => void>();
  readonly #followers = new Map<string, Set<(data: Uint8Array) => void>>();
  #clock = 1_790_000_000_000;

  constructor() {
    this.directory("/");
  }

  directory(path: string, more: Partial<Entry> = {}): Entry {
    return this.put(path, "", { kind: "directory", ...more });
  }

  put(path: string, data: string | Uint8Array, more: Partial<Entry> = {}): Entry {
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    const modifiedAt = (this.#clock += 1);
    const entry: Entry = {
      kind: "file",
      access: "rw",
      data: bytes,
      modifiedAt,
      revision: modifiedAt,
      ...more,
    };
    this.entries.set(path, entry);
    if (entry.kind === "directory" && !this.#children.has(path))
      this.#children.set(path, new Map());
    if (path !== "/") this.#children.get(parentOf(path))?.set(nameOf(path), entry);
    this.#tell(path);
    return entry;
  }

  /** Something comes in a stream. */
  feed(path: string, text: string): void {
    const entry = this.entry(path);
    const data = encoder.encode(text);
    if (entry.sizeless !== true) this.#change(path, entry, joined(entry.data, data));
    for (const follower of this.#followers.get(path) ?? []) follower(data);
  }

  /** How many follow a stream. */
  followers(path: string): number {
    return this.#followers.get(path)?.size ?? 0;
  }

  text(path: string): string {
    return new TextDecoder().decode(this.entry(path).data);
  }

  entry(path: string): Entry {
    const entry = this.entries.get(path);
    if (entry !== undefined) return entry;
    const parent = this.entries.get(parentOf(path));
    const errno = parent !== undefined && parent.kind !== "directory" ? "ENOTDIR" : "ENOENT";
    throw new FileError(errno, `${path} is not there`);
  }

  async stat(path: string): Promise<FileStat> {
    return this.#stat(nameOf(path), this.entry(path));
  }

  async list(path: string, { cursor, limit = 100 }: FileListQuery = {}): Promise<Page<FileStat>> {
    if (this.entry(path).kind !== "directory") throw new FileError("ENOTDIR", path);
    const children = this.#children.get(path) ?? new Map<string, Entry>();
    const from = Number(cursor ?? 0);
    const items: FileStat[] = [];
    let index = 0;
    for (const [name, entry] of children) {
      if (index >= from + limit) return { items, cursor: String(index) };
      if (index >= from) items.push(this.#stat(name, entry));
      index += 1;
    }
    return { items };
  }

  async read(path: string, { offset = 0, length = Infinity }: FileRange = {}): Promise<Uint8Array> {
    const entry = this.entry(path);
    this.reads += 1;
    if (entry.kind === "directory") throw new FileError("EISDIR", path);
    if (!entry.access.includes("r")) throw new FileError("EACCES", path);
    await entry.gate?.();
    const data = entry.say === undefined ? entry.data : encoder.encode(entry.say());
    return data.subarray(offset, offset + length);
  }

  async write(path: string, data: Uint8Array, options: WriteOptions = {}): Promise<Written> {
    this.changes.push(`write ${path} ${String(options.at ?? "")}`.trim());
    const parent = this.entry(parentOf(path));
    if (parent.post !== undefined && !this.entries.has(path)) {
      if (data.byteLength > (parent.limit ?? Infinity)) throw new FileError("EFBIG", path);
      return { path: `${parentOf(path)}/${parent.post(data)}` };
    }
    const known = this.entries.get(path);
    if (known?.kind === "directory") throw new FileError("EISDIR", path);
    if (known !== undefined && options.create === "only") throw new FileError("EEXIST", path);
    if (known === undefined && options.create === "never") throw new FileError("ENOENT", path);
    if (!(known ?? parent).access.includes("w")) throw new FileError("EACCES", path);
    await known?.gate?.();
    if (known?.hear !== undefined) {
      known.hear(data);
      return { path };
    }
    const entry =
      known ?? this.put(path, "", parent.nature === "ranged" ? { nature: "ranged" } : {});
    this.#change(path, entry, placed(entry.data, data, options.at));
    return { path };
  }

  async remove(path: string): Promise<void> {
    this.changes.push(`remove ${path}`);
    const entry = this.entry(path);
    if (!entry.access.includes("w")) throw new FileError("EACCES", path);
    if ((this.#children.get(path)?.size ?? 0) > 0) throw new FileError("ENOTEMPTY", path);
    this.entries.delete(path);
    this.#children.delete(path);
    this.#children.get(parentOf(path))?.delete(nameOf(path));
    this.#tell(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.changes.push(`rename ${from} ${to}`);
    const entry = this.entry(from);
    if (this.entries.get(to)?.kind === "directory" && entry.kind !== "directory") {
      throw new FileError("EISDIR", to);
    }
    if ((this.#children.get(to)?.size ?? 0) > 0) throw new FileError("ENOTEMPTY", to);
    if (this.entry(parentOf(to)).limit === -1) throw new FileError("EXDEV", to);
    const below = [...this.entries].filter(
      ([path]) => path === from || path.startsWith(`${from}/`),
    );
    for (const [path] of below) {
      this.entries.delete(path);
      this.#children.get(parentOf(path))?.delete(nameOf(path));
      if (path !== from) this.#children.delete(path);
    }
    this.#children.delete(from);
    for (const [path, moved] of below) this.put(to + path.slice(from.length), moved.data, moved);
    this.#tell(from);
  }

  async makeDirectory(path: string): Promise<void> {
    this.changes.push(`mkdir ${path}`);
    if (this.entries.has(path)) throw new FileError("EEXIST", path);
    const { nature } = this.entry(parentOf(path));
    this.directory(path, { nature });
  }

  async resize(path: string, size: number): Promise<void> {
    this.changes.push(`resize ${path} ${size}`);
    const entry = this.entry(path);
    if (entry.nature !== "ranged") throw new FileError("ENOTSUP", path);
    if (size > LARGEST) throw new FileError("EFBIG", path);
    const data = new Uint8Array(size);
    data.set(entry.data.subarray(0, size));
    this.#change(path, entry, data);
  }

  async exchange(path: string, question: Uint8Array): Promise<Uint8Array> {
    this.changes.push(`exchange ${path}`);
    const { answer } = this.entry(path);
    if (answer === undefined) throw new FileError("ENOTSUP", path);
    return answer(question);
  }

  async *follow(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const followers = this.#followers.get(path) ?? new Set();
    this.#followers.set(path, followers);
    yield* queue<Uint8Array>(followers, signal);
  }

  async *watch(_path: string, signal: AbortSignal): AsyncGenerator<string> {
    yield* queue<string>(this.#watchers, signal);
  }

  #stat(name: string, entry: Entry): FileStat {
    const { kind, access, nature, limit, target, modifiedAt, revision } = entry;
    const sized = kind === "file" && entry.sizeless !== true && entry.say === undefined;
    return {
      name,
      kind,
      access,
      nature,
      limit,
      target,
      modifiedAt,
      revision: String(revision),
      size: sized ? entry.data.byteLength : undefined,
    };
  }

  #change(path: string, entry: Entry, data: Uint8Array): void {
    entry.data = data;
    entry.modifiedAt = entry.revision = this.#clock += 1;
    this.#tell(path);
  }

  #tell(path: string): void {
    for (const watcher of this.#watchers) watcher(path);
  }
}

async function* queue<T>(into: Set<(item: T) => void>, signal: AbortSignal): AsyncGenerator<T> {
  const items: T[] = [];
  let wake = (): void => {};
  const put = (item: T): void => {
    items.push(item);
    wake();
  };
  into.add(put);
  signal.addEventListener("abort", () => wake());
  try {
    while (!signal.aborted) {
      const item = items.shift();
      if (item !== undefined) yield item;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    into.delete(put);
  }
}

function placed(old: Uint8Array, data: Uint8Array, at: WriteOptions["at"]): Uint8Array {
  if (at === undefined) return Uint8Array.from(data);
  const start = at === "end" ? old.byteLength : at;
  const bytes = new Uint8Array(Math.max(old.byteLength, start + data.byteLength));
  bytes.set(old);
  bytes.set(data, start);
  return bytes;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  return placed(a, b, "end");
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
