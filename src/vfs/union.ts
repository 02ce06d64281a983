import { errnoOf, FileError } from "../core/file-error.ts";
import type {
  ExchangeOptions,
  FileListQuery,
  FileRange,
  FileService,
  FileStat,
  Page,
  WriteOptions,
  Written,
} from "../core/ports/index.ts";
import { limitOf } from "./asked.ts";
import { PathFeed } from "./changes.ts";
import { failed, missing } from "./failed.ts";
import { isName, joinPath, parentOf } from "./path.ts";

/**
 * Several services as one tree, in which the first goes before the others. A file is that of the first
 * that has it: it is read and written there, or not at all (EACCES). The entries of a directory are those
 * of all that have it. What is new goes to the first that has its directory and lets it be written there.
 * What is removed may show what was behind it. Only ENOENT makes the next one be asked.
 */
export function union(services: readonly FileService[]): FileService {
  return new Union(services);
}

/** A service that has a path, and what it says of it. */
interface Holder {
  readonly service: FileService;
  readonly stat: FileStat;
  /** Where it is among the services. */
  readonly rank: number;
}

class Union implements FileService {
  readonly #services: readonly FileService[];

  constructor(services: readonly FileService[]) {
    this.#services = [...services];
  }

  async stat(path: string): Promise<FileStat> {
    const [first, ...others] = await this.#holders(path);
    if (first === undefined) throw missing(path);
    return others.some(({ stat }) => stat.access === "rw")
      ? { ...first.stat, access: "rw" }
      : first.stat;
  }

  async list(path: string, query: FileListQuery = {}): Promise<Page<FileStat>> {
    const limit = limitOf(query);
    const holders = await this.#holders(path);
    const [first] = holders;
    if (first === undefined) throw missing(path);
    if (first.stat.kind !== "directory") throw failed("ENOTDIR", "list", path, "it is a file");
    let { rank, cursor } = cursorOf(query.cursor);
    for (let round = 1; ; round += 1) {
      const holder = holders.find((one) => one.rank >= rank);
      if (holder === undefined) return { items: [] };
      if (holder.rank !== rank) cursor = undefined;
      const page = await holder.service.list(path, { limit, cursor });
      const named = page.items.filter(({ name }) => isName(name));
      const items = await this.#own(path, named, holder.rank);
      const next = page.cursor === undefined ? holder.rank + 1 : holder.rank;
      const more = page.cursor !== undefined || holders.some((one) => one.rank >= next);
      if (!more) return { items };
      // Only where all of it were twins: a service that gives nothing is not asked again and again.
      const nothing = page.cursor !== undefined && page.items.length === 0;
      if (items.length > 0 || nothing || round === ROUNDS) {
        return { items, cursor: `${next}:${page.cursor ?? ""}` };
      }
      [rank, cursor] = [next, page.cursor];
    }
  }

  async read(path: string, range?: FileRange): Promise<Uint8Array> {
    return (await this.#file(path, "read")).read(path, range);
  }

  async write(path: string, data: Uint8Array, options: WriteOptions = {}): Promise<Written> {
    const holders = await this.#holders(path);
    const [first] = holders;
    if (first === undefined) {
      if (options.create === "never") throw missing(path);
      return this.#make(path, (service) => service.write(path, data, options));
    }
    const isDirectory = first.stat.kind === "directory";
    if (isDirectory && options.at !== "end") {
      throw failed("EISDIR", "write", path, "it is a directory");
    }
    if (options.create === "only") throw failed("EEXIST", "make", path, "it is there");
    const takes = (isDirectory ? holders : [first]).find(({ stat }) => stat.access.includes("w"));
    if (takes !== undefined) return takes.service.write(path, data, options);
    throw failed("EACCES", "write", path, "it is where it can only be read");
  }

  async remove(path: string): Promise<void> {
    const { service, stat } = await this.#first(path);
    if (stat.kind === "directory" && (await this.list(path, { limit: 1 })).items.length > 0) {
      throw failed("ENOTEMPTY", "remove", path, "it is not empty");
    }
    await service.remove(path);
  }

  async rename(from: string, to: string): Promise<void> {
    const [old, there] = [await this.#first(from), (await this.#holders(to))[0]];
    if (from === to) return;
    if (there?.stat.kind === "directory") {
      throw failed("EISDIR", "move", from, `"${to}" is a directory`);
    }
    const elsewhere = failed("EXDEV", "move", from, `"${to}" is elsewhere in the union`);
    // What is in front of it would hide it.
    if (there !== undefined && there.rank < old.rank) throw elsewhere;
    const parents = await this.#holders(parentOf(to));
    if (parents.length > 0 && parents.every(({ rank }) => rank !== old.rank)) throw elsewhere;
    await old.service.rename(from, to);
  }

  async makeDirectory(path: string): Promise<void> {
    if ((await this.#holders(path)).length > 0) {
      throw failed("EEXIST", "make", path, "it is there");
    }
    await this.#make(path, async (service) => {
      if (service.makeDirectory === undefined) throw cannot("make", path, "directories");
      await service.makeDirectory(path);
    });
  }

  async resize(path: string, size: number): Promise<void> {
    const service = await this.#file(path, "resize");
    if (service.resize === undefined) throw cannot("resize", path, "files of another size");
    await service.resize(path, size);
  }

  async exchange(path: string, data: Uint8Array, options?: ExchangeOptions): Promise<Uint8Array> {
    const service = await this.#file(path, "ask");
    if (service.exchange === undefined) throw cannot("ask", path, "files that answer");
    return service.exchange(path, data, options);
  }

  async *follow(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const service = await this.#file(path, "follow");
    if (service.follow === undefined) throw cannot("follow", path, "streams");
    yield* service.follow(path, signal);
  }

  watch(path: string, signal: AbortSignal): AsyncIterable<string> {
    const inner = new AbortController();
    const feed = new PathFeed(path, signal, () => inner.abort());
    if (!feed.ended) void this.#watchAll(path, feed, inner.signal);
    return feed;
  }

  /** Ends when the last of them does: with what the first said that could not, if none could. */
  async #watchAll(path: string, feed: PathFeed, signal: AbortSignal): Promise<void> {
    const errors = await Promise.all(
      this.#services.map(async (service) => {
        try {
          for await (const changed of service.watch(path, signal)) feed.push(changed);
          return undefined;
        } catch (error) {
          return error;
        }
      }),
    );
    const known = errors.filter((error) => error !== undefined);
    if (known.length < errors.length) feed.end();
    else feed.fail(known.find((error) => errnoOf(error) !== "ENOENT") ?? known[0] ?? missing(path));
  }

  /** The first that has a path. */
  async #first(path: string): Promise<Holder> {
    const [first] = await this.#holders(path);
    if (first === undefined) throw missing(path);
    return first;
  }

  /** Who has a file. */
  async #file(path: string, verb: string): Promise<FileService> {
    const { service, stat } = await this.#first(path);
    if (stat.kind !== "directory") return service;
    throw failed("EISDIR", verb, path, "it is a directory");
  }

  /** Whoever has a path as its users see it: of a file the first, of a directory all that have it. */
  async #holders(path: string): Promise<readonly Holder[]> {
    const holders: Holder[] = [];
    for (const [rank, service] of this.#services.entries()) {
      const stat = await statOf(service, path, holders.length > 0);
      if (stat === undefined) continue;
      if (holders.length === 0 || stat.kind === "directory") holders.push({ service, stat, rank });
      if (holders[0]!.stat.kind !== "directory") break;
    }
    return holders;
  }

  /** Those entries of a directory that no service before this one has. */
  async #own(
    path: string,
    entries: readonly FileStat[],
    rank: number,
  ): Promise<readonly FileStat[]> {
    const own = await Promise.all(
      entries.map(async (entry) => {
        const at = joinPath(path, entry.name);
        for (const service of this.#services.slice(0, rank)) {
          if ((await statOf(service, at, true)) !== undefined) return undefined;
        }
        // What else there is behind a directory may make it one that can be written.
        if (entry.kind !== "directory" || entry.access === "rw") return entry;
        return this.stat(at);
      }),
    );
    return own.filter((entry) => entry !== undefined);
  }

  /** Has the first service that takes it make something. */
  async #make<T>(path: string, work: (service: FileService) => Promise<T>): Promise<T> {
    const parents = await this.#holders(parentOf(path));
    const [first] = parents;
    if (first === undefined) throw missing(parentOf(path));
    if (first.stat.kind !== "directory") {
      throw failed("ENOTDIR", "make", path, `"${parentOf(path)}" is a file`);
    }
    for (const { service, stat } of parents) {
      if (!stat.access.includes("w")) continue;
      try {
        return await work(service);
      } catch (error) {
        if (!REFUSALS.has(errnoOf(error))) throw error;
      }
    }
    throw failed("EACCES", "make", path, "nothing can be made there");
  }
}

/** How often services are asked for one page whose entries are all hidden. */
const ROUNDS = 16;

/** With what a service says that it takes nothing new, so that another one may. */
const REFUSALS: ReadonlySet<string> = new Set(["EACCES", "EROFS", "ENOTSUP"]);

/** What a service says of a path; undefined where it has none. */
async function statOf(
  service: FileService,
  path: string,
  behind: boolean,
): Promise<FileStat | undefined> {
  try {
    return await service.stat(path);
  } catch (error) {
    const errno = errnoOf(error);
    // A file of the first hides what others have below that path; one of another does not.
    if (errno === "ENOENT" || (behind && errno === "ENOTDIR")) return undefined;
    throw error;
  }
}

/** Which service is next, and from where on in it. */
function cursorOf(cursor: string = "0:"): { rank: number; cursor: string | undefined } {
  const [, rank, rest] = /^(\d+):(.*)$/s.exec(cursor) ?? [];
  if (rank === undefined) {
    throw new FileError("EINVAL", `Cannot list from ${JSON.stringify(cursor)}: it is no cursor`);
  }
  return { rank: Number(rank), cursor: rest === "" ? undefined : rest };
}

function cannot(verb: string, path: string, what: string): FileError {
  return failed("ENOTSUP", verb, path, `its service has no ${what}`);
}
