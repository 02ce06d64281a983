import type { IfMatch } from "../if-match.ts";
import type { Page } from "./store.ts";

/**
 * Files by path: the one interface of agent code, HTTP, mounts and commands. Paths are absolute and
 * normal (`/goals/7`; the root is `/`), as `normalPath` in `src/vfs/path.ts` gives them. What fails does
 * so with a `FileError`. An optional member is a capability: without it, it is ENOTSUP.
 */
export interface FileService {
  /** A link is not followed. @throws ENOENT, ENOTDIR, EACCES */
  stat(path: string): Promise<FileStat>;
  /**
   * A page of a directory, in an order that stays; what is added meanwhile may be missing.
   * @throws ENOENT, ENOTDIR, EACCES
   */
  list(path: string, query?: FileListQuery): Promise<Page<FileStat>>;
  /**
   * The bytes from `offset` (default 0), `length` of them (default all): fewer only where the file ends,
   * none beyond it. Of a stream: what there is of it now.
   * @throws ENOENT, EISDIR, EACCES
   */
  read(path: string, range?: FileRange): Promise<Uint8Array>;
  /**
   * Puts `data` in the place of the whole file, which is made if need be, or where `at` says. Done as a
   * whole or not at all. A directory with `at: "end"` takes it as a new entry and names it.
   * @throws EISDIR, EACCES, EEXIST, ENOENT, EFBIG, EINVAL for what may not stand there; PRECONDITION
   */
  write(path: string, data: Uint8Array, options?: WriteOptions): Promise<Written>;
  /** Of a directory: only an empty one. @throws ENOENT, ENOTEMPTY, EACCES */
  remove(path: string): Promise<void>;
  /** In the place of what is at `to`, if that is a file. @throws ENOENT, EXDEV, EISDIR, EACCES */
  rename(from: string, to: string): Promise<void>;
  /** Yields the path of what changed at or below `path`, from now on until `signal` aborts. */
  watch(path: string, signal: AbortSignal): AsyncIterable<string>;
  /** @throws EEXIST */
  makeDirectory?(path: string): Promise<void>;
  /** Cuts a ranged file off at `size` bytes, or fills it up with zeros. */
  resize?(path: string, size: number): Promise<void>;
  /** Hands `data` to a file that answers (`exchange`), and gives its answer. @throws EINVAL, EACCES */
  exchange?(path: string, data: Uint8Array, options?: ExchangeOptions): Promise<Uint8Array>;
  /** What comes in a stream from now on, in whole lines, until `signal` aborts. */
  follow?(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** What is known of a file without reading it. */
export interface FileStat {
  /** The last part of its path; "" for the root. */
  readonly name: string;
  readonly kind: "file" | "directory" | "link";
  /** What can be done with it, by whoever asks: `""` for nothing. */
  readonly access: "" | "r" | "w" | "rw";
  /** Bytes; absent where it is not known before reading. */
  readonly size?: number | undefined;
  /** ms since 1970; absent where nobody knows. */
  readonly modifiedAt?: number | undefined;
  /** Another one whenever the content is another one. */
  readonly revision?: string | undefined;
  /** Of a link: where it leads to, from where it stands. */
  readonly target?: string | undefined;
  /**
   * `stream`: it grows and has no end, see `follow`. `exchange`: it is written and then read, see there.
   * `ranged`: it can be written at any place and resized. `commands`: it takes commands, a line each: each
   * write that ends in a newline is handed over at once. Absent: it is written as a whole.
   */
  readonly nature?: "stream" | "exchange" | "ranged" | "commands" | undefined;
  /** The most bytes that it may be given; of a directory, that a new entry may, 0 where there can be none. */
  readonly limit?: number | undefined;
  /** Its media type. Default `application/octet-stream`. */
  readonly type?: string | undefined;
}

export interface FileListQuery {
  /** From the page before; opaque. */
  readonly cursor?: string | undefined;
  /** 1 to 1000, default 100. */
  readonly limit?: number | undefined;
}

export interface FileRange {
  readonly offset?: number | undefined;
  readonly length?: number | undefined;
}

export interface WriteOptions {
  /** Where in the file: an offset (`ranged` files alone), or after its end. Default: in place of all of it. */
  readonly at?: number | "end" | undefined;
  /** `only`: EEXIST when it is there. `never`: ENOENT when it is not. */
  readonly create?: "only" | "never" | undefined;
  /** Only when it is at this revision. */
  readonly ifMatch?: IfMatch | undefined;
  /** The media type of `data`, where its sender says it: what it is heeded for is up to the service. */
  readonly type?: string | undefined;
}

export interface ExchangeOptions {
  /** Whoever asks waits no more once it aborts. Where a service cannot leave off, the answer goes nowhere. */
  readonly signal?: AbortSignal | undefined;
  /** The same whenever the same is asked again, after a crash also: for services that do nothing twice. */
  readonly key?: string | undefined;
}

/** What came of a write. */
export interface Written {
  /** Where it is now: another path than was written to, where the service names its files. */
  readonly path: string;
}

/** What a mount lets its users do: see `ACCESS` in `src/vfs/access.ts`. */
export type Access = "read-only" | "read-write" | "sign-only" | "budgeted" | "disabled";

/** What is outside an agent and stands in its tree. */
export interface MountEntry {
  /** Where: `/fs/` and more, or `/tools/` and more. */
  readonly path: string;
  /** `host`, `scratch`, `agent`, `http`, `union`, or what else a home knows. */
  readonly kind: string;
  /** What of that kind: a directory, an agent and a path, an address; several, parted by spaces, for `union`. */
  readonly source: string;
  readonly access: Access;
  /** Of a `budgeted` one: how many writes and exchanges there may be in a time. */
  readonly budget?: MountBudget | undefined;
}

export interface MountBudget {
  readonly writes: number;
  /** ms. */
  readonly per: number;
}
