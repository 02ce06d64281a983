import { constants, existsSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { link, lstat, mkdir, open, rename, rmdir, unlink } from "node:fs/promises";
import { resolve } from "node:path";
import { OpenAgentsError } from "../core/errors.ts";
import { checkRevision } from "../core/if-match.ts";
import type {
  FileListQuery,
  FileRange,
  FileService,
  FileStat,
  Page,
  WriteOptions,
  Written,
} from "../core/ports/index.ts";
import { boundsOf, countOf } from "../vfs/asked.ts";
import { failed, missing } from "../vfs/failed.ts";
import { isWithin, joinPath, nameOf, normalPath, parentOf } from "../vfs/path.ts";
import { checkPlain, hasCode, hostError, special } from "./host-directory/errors.ts";
import { factsOf, revisionOf } from "./host-directory/facts.ts";
import type { Ground } from "./host-directory/ground.ts";
import { checkedGround, checkName, heldGround } from "./host-directory/ground.ts";
import { Listings } from "./host-directory/listing.ts";
import { sweep, temporaryName } from "./host-directory/temporary.ts";
import { Turns } from "../vfs/turns.ts";
import { watchTree } from "./host-directory/watching.ts";

export interface HostDirectoryOptions {
  /** The most bytes that a file may be given. Default: what the system lets. */
  readonly limit?: number | undefined;
  /**
   * Walks by handles, so that nobody who writes inside at the same time leads it out: see `docs/mounts.md`.
   * Default: on Linux, which alone has it.
   */
  readonly held?: boolean | undefined;
}

/** Opens nothing that is a link, never waits for the other end of a pipe, and gets no terminal. */
const CAREFUL = constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
/** The most that is read at once, bytes. */
const MOST_READ = 2 ** 30;

/**
 * The files below a directory of this machine. Nothing that is not in it can be reached: links are shown
 * and not followed, pipes, sockets and devices are never opened. Writes of a whole file show all or
 * nothing of it to whoever reads. `root` is trusted, and so are links that lead to it.
 * @throws UNSUPPORTED on a Linux without `/proc`
 */
export function hostDirectory(root: string, options: HostDirectoryOptions = {}): FileService {
  const { held = process.platform === "linux", limit } = options;
  const place = resolve(root);
  if (held && !existsSync("/proc/self/fd")) {
    throw new OpenAgentsError(
      "UNSUPPORTED",
      "Cannot open a directory of the host: there is no /proc/self/fd: mount /proc",
    );
  }
  return new HostDirectory(place, held ? heldGround(place) : checkedGround(place), limit);
}

class HostDirectory implements FileService {
  readonly #root: string;
  readonly #ground: Ground;
  readonly #limit: number | undefined;
  readonly #listings = new Listings();
  readonly #turns = new Turns();

  constructor(root: string, ground: Ground, limit: number | undefined) {
    this.#root = root;
    this.#ground = ground;
    this.#limit = limit;
  }

  stat(path: string): Promise<FileStat> {
    return this.#at("look at", path, (place) => this.#facts(place, path));
  }

  list(path: string, query: FileListQuery = {}): Promise<Page<FileStat>> {
    return this.#doing("list", path, () =>
      this.#ground.within(path, async (directory) => {
        const { names, cursor } = await this.#listings.page(`${directory}/.`, path, query);
        const items = await Promise.all(
          names.map((name) => this.#factsIfThere(`${directory}/${name}`, joinPath(path, name))),
        );
        return {
          items: items.filter((item) => item !== undefined),
          ...(cursor !== undefined && { cursor }),
        };
      }),
    );
  }

  read(path: string, range: FileRange = {}): Promise<Uint8Array> {
    return this.#at("read", path, async (place) => {
      const { handle, stats } = await openPlain(place, constants.O_RDONLY, "read", path);
      try {
        const [from, to] = boundsOf(range, Number(stats.size));
        if (to - from > MOST_READ) {
          throw failed("EFBIG", "read", path, "it is more than 1 GiB: read it in parts");
        }
        return await readPart(handle, from, to);
      } finally {
        await handle.close();
      }
    });
  }

  write(path: string, data: Uint8Array, options: WriteOptions = {}): Promise<Written> {
    return this.#at("write", path, (place) =>
      this.#turns.take(path, async () => {
        if (options.at === undefined) await this.#replace(place, path, data, options);
        else await this.#writeAt(place, path, data, { ...options, at: options.at });
        return { path };
      }),
    );
  }

  remove(path: string): Promise<void> {
    return this.#at("remove", path, async (place) => {
      if (path === "/") throw failed("EBUSY", "remove", path, "it is the root");
      const stats = await lstat(place);
      if (!stats.isDirectory()) {
        if (!stats.isFile() && !stats.isSymbolicLink()) throw special("remove", path);
        return unlink(place);
      }
      try {
        await rmdir(place);
      } catch (error) {
        if (!hasCode(error, "ENOTEMPTY", "EEXIST")) throw error;
        await this.#ground.within(path, (directory) => sweep(directory));
        await rmdir(place);
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#at("move", from, async (place) => {
      if (from === "/" || to === "/") throw failed("EBUSY", "move", from, "a root stays");
      const stats = await lstat(place);
      if (!stats.isFile() && !stats.isDirectory() && !stats.isSymbolicLink()) {
        throw special("move", from);
      }
      if (from === to) return;
      if (isWithin(to, from)) throw failed("EINVAL", "move", from, "it would be below itself");
      await this.#at("move", to, async (goal) => {
        if (await isDirectoryAt(goal)) {
          throw failed("EISDIR", "move", from, `"${to}" is a directory`);
        }
        await rename(place, goal);
      });
    });
  }

  watch(path: string, signal: AbortSignal): AsyncIterable<string> {
    return watchTree(this.#ground, normalPath(path), signal);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#at("make", path, async (place) => {
      await mkdir(place);
    });
  }

  resize(path: string, size: number): Promise<void> {
    return this.#at("resize", path, async (place) => {
      this.#checkSize(path, countOf(size, "size"));
      const { handle } = await openPlain(place, constants.O_WRONLY, "resize", path);
      try {
        await handle.truncate(size);
      } finally {
        await handle.close();
      }
    });
  }

  /** Makes a new file aside and puts it in the place of the old one. */
  async #replace(
    place: string,
    path: string,
    data: Uint8Array,
    { create, ifMatch }: WriteOptions,
  ): Promise<void> {
    this.#checkSize(path, data.byteLength);
    const old = await lookForWriting(place, path);
    checkCreation(path, old !== undefined, create);
    checkAt(path, old, ifMatch);
    const temporary = `${place.slice(0, place.lastIndexOf("/"))}/${temporaryName()}`;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | CAREFUL;
    const handle = await open(temporary, flags, old === undefined ? 0o666 : 0o600);
    try {
      try {
        await handle.writeFile(data);
        if (old !== undefined) await keepRights(handle, old);
      } finally {
        await handle.close();
      }
      if (create === "only") return await putNew(temporary, place);
      await rename(temporary, place);
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
  }

  async #writeAt(
    place: string,
    path: string,
    data: Uint8Array,
    { at, create, ifMatch }: WriteOptions & { readonly at: number | "end" },
  ): Promise<void> {
    if (at === "end" && (path === "/" || (await isDirectoryAt(place)))) {
      throw failed("ENOTSUP", "add to", path, "its entries are not named by it");
    }
    if (at !== "end") this.#checkSize(path, countOf(at, "offset") + data.byteLength);
    // Who asks for a revision, or for what is there, asks for nothing new.
    if (ifMatch !== undefined) checkAt(path, await lookForWriting(place, path), ifMatch);
    const isNew = create !== "never" && ifMatch === undefined ? constants.O_CREAT : 0;
    const flags =
      constants.O_WRONLY |
      isNew |
      (create === "only" ? constants.O_EXCL : 0) |
      (at === "end" ? constants.O_APPEND : 0);
    const { handle, stats } = await openPlain(place, flags, "write", path);
    try {
      checkAt(path, stats, ifMatch);
      if (at === "end") this.#checkSize(path, Number(stats.size) + data.byteLength);
      await writePart(handle, data, at === "end" ? null : at);
    } finally {
      await handle.close();
    }
  }

  #checkSize(path: string, size: number): void {
    if (this.#limit === undefined || size <= this.#limit) return;
    const why = `${size} bytes are more than the ${this.#limit} it may have`;
    throw failed("EFBIG", "write", path, why);
  }

  #facts(place: string, path: string): Promise<FileStat> {
    return factsOf(place, path, { root: this.#root, limit: this.#limit });
  }

  async #factsIfThere(place: string, path: string): Promise<FileStat | undefined> {
    try {
      return await this.#facts(place, path);
    } catch (error) {
      if (hasCode(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  /** Calls `use` with what stands for a path; what it throws becomes an error of files. */
  #at<T>(verb: string, path: string, use: (place: string) => Promise<T>): Promise<T> {
    return this.#doing(verb, path, () => {
      if (path === "/") return this.#ground.within("/", (directory) => use(`${directory}/.`));
      const name = nameOf(path);
      checkName(name, path);
      return this.#ground.within(parentOf(path), (directory) => use(`${directory}/${name}`));
    });
  }

  async #doing<T>(verb: string, path: string, what: () => Promise<T>): Promise<T> {
    try {
      if (normalPath(path) !== path) throw failed("EINVAL", verb, path, "it is not normal");
      return await what();
    } catch (error) {
      throw hostError(error, verb, path);
    }
  }
}

/** A plain file, open; looked at before, so that no pipe or device is opened but in a race, and after. */
async function openPlain(
  place: string,
  flags: number,
  verb: string,
  path: string,
): Promise<{ readonly handle: FileHandle; readonly stats: BigIntStats }> {
  try {
    const there = await lstat(place);
    if ((flags & constants.O_EXCL) !== 0) throw failed("EEXIST", "make", path, "it is there");
    checkPlain(there, verb, path);
  } catch (error) {
    if ((flags & constants.O_CREAT) === 0 || !hasCode(error, "ENOENT")) throw error;
  }
  const handle = await open(place, flags | CAREFUL, 0o666);
  try {
    const stats = await handle.stat({ bigint: true });
    checkPlain(stats, verb, path);
    return { handle, stats };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** What is known of a file that is there and may be written; undefined when nothing is there. */
async function lookForWriting(place: string, path: string): Promise<BigIntStats | undefined> {
  try {
    const { handle, stats } = await openPlain(place, constants.O_WRONLY, "write", path);
    await handle.close();
    return stats;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** @throws EEXIST, ENOENT */
function checkCreation(path: string, isThere: boolean, create: WriteOptions["create"]): void {
  if (create === "only" && isThere) throw failed("EEXIST", "make", path, "it is there");
  if (create === "never" && !isThere) throw missing(path);
}

/** @throws PRECONDITION for another revision than is asked for, and where nothing is that has one */
function checkAt(
  path: string,
  stats: BigIntStats | undefined,
  ifMatch: WriteOptions["ifMatch"],
): void {
  if (stats !== undefined) return checkRevision(`"${path}"`, revisionOf(stats), ifMatch);
  if (ifMatch !== undefined) checkRevision(`"${path}"`, "none", []);
}

/** Mode and owner stay, but for the bits that would let the new content run as somebody else. */
async function keepRights(handle: FileHandle, old: BigIntStats): Promise<void> {
  const mine = await handle.stat({ bigint: true });
  if (mine.uid !== old.uid || mine.gid !== old.gid) {
    await handle.chown(Number(old.uid), Number(old.gid)).catch(() => undefined);
  }
  await handle.chmod(Number(old.mode) & 0o777);
}

/** Gives a file its name, which nothing may have. */
async function putNew(temporary: string, place: string): Promise<void> {
  try {
    await link(temporary, place);
  } catch (error) {
    if (!hasCode(error, "EPERM", "ENOTSUP", "EOPNOTSUPP", "EMLINK", "ENOSYS")) throw error;
    // A file system without hard links: the name is taken first, and then filled.
    await (await open(place, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL)).close();
    return rename(temporary, place);
  }
  await unlink(temporary);
}

async function isDirectoryAt(place: string): Promise<boolean> {
  try {
    return (await lstat(place)).isDirectory();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

async function readPart(handle: FileHandle, from: number, to: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(to - from);
  let size = 0;
  while (size < bytes.byteLength) {
    const { bytesRead } = await handle.read(bytes, size, bytes.byteLength - size, from + size);
    if (bytesRead === 0) break;
    size += bytesRead;
  }
  return size === bytes.byteLength ? bytes : bytes.subarray(0, size);
}

async function writePart(handle: FileHandle, data: Uint8Array, at: number | null): Promise<void> {
  let size = 0;
  while (size < data.byteLength) {
    const place = at === null ? null : at + size;
    const { bytesWritten } = await handle.write(data, size, data.byteLength - size, place);
    size += bytesWritten;
  }
}
