import { OpenAgentsError } from "../core/errors.ts";
import { errnoOf, FileError } from "../core/file-error.ts";
import type {
  Access,
  Clock,
  ExchangeOptions,
  FileListQuery,
  FileRange,
  FileService,
  FileStat,
  MountBudget,
  Page,
  WriteOptions,
  Written,
} from "../core/ports/index.ts";
import { comparePaths } from "../core/path-order.ts";
import { systemClock } from "../core/system.ts";
import { ACCESS, isAccess } from "./access.ts";
import type { Act } from "./access.ts";
import { limitOf } from "./asked.ts";
import { memoryBudgets } from "./budgets.ts";
import type { Budgets } from "./budgets.ts";
import { cuttable } from "./cut.ts";
import { failed, missing } from "./failed.ts";
import { MountTable } from "./mount-table.ts";
import type { Mounted, Place, Within } from "./mount-table.ts";
import { MountWatch } from "./mount-watch.ts";
import { isName, isPath, joinPath, nameOf, normalPath, parentOf, pathWithin } from "./path.ts";
import { union } from "./union.ts";

/** A service at a path. */
export interface Mount {
  /** As `normalPath` takes it. */
  readonly path: string;
  /** Several are a union, of which the first goes before the others: see `union`. */
  readonly service: FileService | readonly FileService[];
  readonly access: Access;
  /** What a `budgeted` one may be written in a time. */
  readonly budget?: MountBudget | undefined;
  /** What a listing says of it, where nothing is to be read for that. Default: what its stat does. */
  readonly listed?: (() => FileStat) | undefined;
}

/**
 * Services as one tree. A path belongs to the mount with the longest path that it is within. What is above
 * a mount is a directory, also where no service has one; a mount of one file is a file. Each mount lets
 * through what its level of access does (EACCES for the rest), and shows its files with no more than that.
 * A `disabled` one is listed, and nothing of it is told but what kind it is.
 *
 * Paths may be given as `normalPath` takes them. Links are left to the services. To remove or move a mount
 * point is EBUSY, to move something to another mount EXDEV, what a service cannot do ENOTSUP. What changes
 * the mounts holds at once: whoever follows or watches something of a mount that is taken away, covered by
 * another or disabled gets ENOENT or EACCES.
 */
export interface Namespace extends FileService {
  /** @throws EBUSY where there is a mount; EINVAL for a `budgeted` one without a budget */
  mount(mount: Mount): void;
  /** @throws ENOENT where there is none */
  unmount(path: string): void;
  /** @throws ENOENT where there is none; EINVAL for `budgeted` where it has no budget */
  setAccess(path: string, access: Access): void;
  /** As they are now, by path: what is below another comes after it. */
  mounts(): readonly MountNow[];
  /** The mount that a path belongs to. */
  mountAt(path: string): MountNow | undefined;
}

/** A mount as it is now; several services are one here. */
export interface MountNow extends Mount {
  readonly service: FileService;
}

export interface NamespaceOptions {
  /** Who counts what is written to `budgeted` mounts. Default: this process, by `clock`. */
  readonly budgets?: Budgets | undefined;
  /** Default: the machine's. */
  readonly clock?: Pick<Clock, "now"> | undefined;
}

/** @throws as `Namespace.mount` */
export function namespace(mounts: readonly Mount[], options: NamespaceOptions = {}): Namespace {
  const made = new MountedServices(options);
  for (const mount of mounts) made.mount(mount);
  return made;
}

/** A path with where it is. */
interface At extends Place {
  readonly path: string;
}

class MountedServices implements Namespace {
  readonly #table = new MountTable();
  readonly #budgets: Budgets;
  /** Those who follow or watch: told of the path of each mount that changes. */
  readonly #running = new Set<(changed: string) => void>();

  constructor({ budgets, clock = systemClock }: NamespaceOptions) {
    this.#budgets = budgets ?? memoryBudgets(clock);
  }

  mount({ path, service, access, budget, listed }: Mount): void {
    const normal = normalPath(path);
    if (this.#table.find(normal).point?.mounted !== undefined) {
      throw failed("EBUSY", "mount", normal, "there is a mount");
    }
    checkLevel(normal, access, budget);
    const one = isSeveral(service) ? union(service) : service;
    this.#table.add({ path: normal, service: one, access, budget, listed });
    this.#changed(normal);
  }

  unmount(path: string): void {
    const { path: normal } = this.#mountedAt(path, "unmount");
    this.#table.drop(normal);
    this.#changed(normal);
  }

  setAccess(path: string, access: Access): void {
    const mounted = this.#mountedAt(path, "change the access of");
    checkLevel(mounted.path, access, mounted.budget);
    mounted.access = access;
    this.#changed(mounted.path);
  }

  mounts(): readonly MountNow[] {
    return [...this.#table.root.all()].map(nowOf);
  }

  mountAt(path: string): MountNow | undefined {
    const { mounted } = this.#table.find(normalPath(path));
    return mounted && nowOf(mounted);
  }

  async stat(path: string): Promise<FileStat> {
    const at = this.#at(path);
    const { mounted, point } = at;
    const name = nameOf(at.path);
    // What has mounts below it is a directory, whatever a service says.
    const above = isAbove(at);
    const between = { name, kind: "directory", access: "r" } as const;
    if (mounted === undefined) {
      if (point === undefined) throw missing(at.path);
      return between;
    }
    if (point === undefined) check(at.path, mounted, "read", "look at");
    else if (point.mounted === undefined && mounted.access === "disabled") return between;
    try {
      const stat = await told(within(at.path, mounted), (rest) => mounted.service.stat(rest));
      if (above && stat.kind !== "directory") return between;
      return shown({ ...stat, name }, mounted.access);
    } catch (error) {
      if (above && isNothing(error)) return between;
      if (point === undefined || mounted.access !== "disabled") throw error;
      return { ...between, access: "" };
    }
  }

  async list(path: string, query: FileListQuery = {}): Promise<Page<FileStat>> {
    const limit = limitOf(query);
    const at = this.#at(path);
    const { mounted, point } = at;
    if (mounted === undefined && point === undefined) throw missing(at.path);
    if (mounted !== undefined) check(at.path, mounted, "read", "list");
    const from = cursorOf(query.cursor);
    const items: FileStat[] = [];
    if (from.in === "mounts") {
      const names = namesAfter(point?.names ?? [], from.after);
      const page = names.slice(0, limit);
      items.push(...(await Promise.all(page.map((name) => this.#entry(at.path, name)))));
      const more = names.length > limit || (names.length === limit && mounted !== undefined);
      if (more) return { items, cursor: `m${page.at(-1)!}` };
    }
    if (mounted === undefined) return { items };
    const own = within(at.path, mounted);
    let cursor = from.in === "service" ? from.after : undefined;
    for (let round = 1; ; round += 1) {
      const page = await this.#ownPage(own, { limit: limit - items.length, cursor });
      const twins = point?.points ?? NONE;
      for (const entry of page.items) {
        // What a service has that is no name could lead whoever follows it anywhere.
        if (twins.has(entry.name) || !isName(entry.name)) continue;
        items.push(shown(entry, mounted.access));
      }
      cursor = page.cursor;
      if (cursor === undefined) return { items };
      // Only where all of it were twins: a service that gives nothing is not asked again and again.
      if (items.length > 0 || page.items.length === 0 || round === ROUNDS) {
        return { items, cursor: `s${cursor}` };
      }
    }
  }

  async read(path: string, range?: FileRange): Promise<Uint8Array> {
    const own = await this.#file(path, "read", "read");
    return told(own, (rest) => own.mounted.service.read(rest, range));
  }

  async write(path: string, data: Uint8Array, options: WriteOptions = {}): Promise<Written> {
    const at = this.#at(path);
    if (isAbove(at) && options.at !== "end") throw isDirectory("write", at.path);
    const own = await this.#enter(at.path, "write", "write");
    // The mounts below it hide a file that has its path, which nobody sees then.
    if (isAbove(at) && (await this.stat(at.path)).access !== "rw")
      throw isDirectory("write", at.path);
    const { mounted } = own;
    const written = await told(own, (rest) => mounted.service.write(rest, data, options)).catch(
      (error: unknown) => {
        throw options.create === "never" ? error : this.#refusedBetween(error, own);
      },
    );
    if (isPath(written.path)) return { path: joinPath(mounted.path, written.path) };
    throw failed("EIO", "write", own.path, "its service says that it is now at what is no path");
  }

  async remove(path: string): Promise<void> {
    const { path: normal, point } = this.#at(path);
    if (point?.mounted !== undefined || normal === "/") {
      throw failed("EBUSY", "remove", normal, "it is a mount point");
    }
    if (point !== undefined)
      throw failed("ENOTEMPTY", "remove", normal, "there are mounts below it");
    const own = await this.#enter(normal, "write", "remove");
    await told(own, (rest) => own.mounted.service.remove(rest));
  }

  async rename(from: string, to: string): Promise<void> {
    const places = [this.#at(from), this.#at(to)] as const;
    for (const { path, point } of places) {
      if (point === undefined) continue;
      const why = point.mounted === undefined ? "there are mounts below it" : "it is a mount point";
      throw failed("EBUSY", "move", path, why);
    }
    const [old, next] = places;
    if (old.mounted === undefined) throw missing(old.path);
    check(old.path, old.mounted, "write", "move");
    if (next.mounted !== undefined) check(next.path, next.mounted, "write", "make");
    if (old.mounted !== next.mounted) {
      throw failed("EXDEV", "move", old.path, `"${next.path}" is not in the same mount`);
    }
    const own = await this.#enter(old.path, "write", "move");
    const { mounted } = own;
    const target = this.#permitted(next.path, "write", "make");
    if (target.mounted !== mounted) throw failed("EXDEV", "move", own.path, "a mount has changed");
    await told(target, (toRest) => told(own, (rest) => mounted.service.rename(rest, toRest)));
  }

  async makeDirectory(path: string): Promise<void> {
    const { path: normal, point } = this.#at(path);
    if (point !== undefined) throw failed("EEXIST", "make", normal, "it is there");
    const own = await this.#enter(normal, "write", "make");
    const { service } = own.mounted;
    if (service.makeDirectory === undefined) throw cannot("make", normal, "directories");
    await told(own, (rest) => service.makeDirectory!(rest)).catch((error: unknown) => {
      throw this.#refusedBetween(error, own);
    });
  }

  async resize(path: string, size: number): Promise<void> {
    const own = await this.#file(path, "write", "resize");
    const { service } = own.mounted;
    if (service.resize === undefined) throw cannot("resize", own.path, "files of another size");
    await told(own, (rest) => service.resize!(rest, size));
  }

  async exchange(path: string, data: Uint8Array, options?: ExchangeOptions): Promise<Uint8Array> {
    const own = await this.#file(path, "exchange", "ask");
    const { service } = own.mounted;
    if (service.exchange === undefined) throw cannot("ask", own.path, "files that answer");
    return told(own, (rest) => service.exchange!(rest, data, options));
  }

  async *follow(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const own = await this.#file(path, "read", "follow");
    const { service } = own.mounted;
    if (service.follow === undefined) throw cannot("follow", own.path, "streams");
    const { values, cut } = cuttable(
      (inner) => service.follow!(own.rest, inner),
      signal,
      () => this.#running.delete(look),
    );
    const look = (): void => {
      const lost = this.#lost(own);
      if (lost !== undefined) cut(lost);
    };
    this.#running.add(look);
    // It may have been taken away since.
    look();
    try {
      yield* values;
    } catch (error) {
      throw retold(error, own);
    }
  }

  watch(path: string, signal: AbortSignal): AsyncIterable<string> {
    const at = this.#at(path);
    const watch = new MountWatch({
      path: at.path,
      table: this.#table,
      lost: (own) => this.#lost(own),
      retold,
    });
    const feed = watch.begin(signal, () => this.#running.delete(watch.changed));
    if (!feed.ended) this.#running.add(watch.changed);
    return feed;
  }

  #changed(path: string): void {
    for (const look of this.#running) look(path);
  }

  #at(path: string): At {
    const normal = normalPath(path);
    return { path: normal, ...this.#table.find(normal) };
  }

  #mountedAt(path: string, verb: string): Mounted {
    const { path: normal, point } = this.#at(path);
    if (point?.mounted !== undefined) return point.mounted;
    throw failed("ENOENT", verb, normal, "there is no mount");
  }

  /** A path for something that is done with files alone. */
  async #file(path: string, act: Act, verb: string): Promise<Within> {
    const at = this.#at(path);
    if (isAbove(at)) throw isDirectory(verb, at.path);
    return this.#enter(at.path, act, verb);
  }

  /** A path as its service has it, when that may be done, which is then counted. */
  async #enter(path: string, act: Act, verb: string): Promise<Within> {
    const own = this.#permitted(path, act, verb);
    const { mounted } = own;
    if (act === "read" || mounted.access !== "budgeted") return own;
    await this.#budgets.spend(mounted.path, mounted.budget!);
    // The mounts may have changed meanwhile.
    return this.#permitted(path, act, verb);
  }

  #permitted(path: string, act: Act, verb: string): Within {
    const { mounted, point } = this.#table.find(path);
    if (mounted !== undefined) {
      check(path, mounted, act, verb);
      return within(path, mounted);
    }
    if (point !== undefined) throw isDirectory(verb, path);
    throw act === "write" && this.#isBetween(parentOf(path)) ? nothingThere(path) : missing(path);
  }

  /** True for a directory that is there because of the mounts below it; the root always is. */
  #isBetween(path: string): boolean {
    return path === "/" || isAbove(this.#table.find(path));
  }

  /** What its service has no directory for may have one nevertheless, where nothing can be made. */
  #refusedBetween(error: unknown, { path }: Within): unknown {
    return isNothing(error) && this.#isBetween(parentOf(path)) ? nothingThere(path) : error;
  }

  /** What is to be told of an entry that is a mount point, or leads to one. */
  async #entry(directory: string, name: string): Promise<FileStat> {
    const { mounted, points } = this.#at(joinPath(directory, name)).point ?? {};
    if (mounted?.listed !== undefined && points?.size === 0) {
      return shown({ ...mounted.listed(), name }, mounted.access);
    }
    try {
      return await this.stat(joinPath(directory, name));
    } catch {
      // A listing does not fail because of one entry that cannot be reached.
      return { name, kind: "directory", access: "" };
    }
  }

  #ownPage(own: Within, query: FileListQuery): Promise<Page<FileStat>> {
    return told(own, (rest) => own.mounted.service.list(rest, query)).catch((error: unknown) => {
      if (isNothing(error) && this.#isBetween(own.path)) return { items: [] };
      throw error;
    });
  }

  /** Why a path is not any more what it was; undefined while it is. */
  #lost({ path, mounted }: Within): FileError | undefined {
    if (this.#table.find(path).mounted !== mounted) {
      return failed("ENOENT", "read", path, `the mount "${mounted.path}" is not there any more`);
    }
    return refusal(path, mounted, "read", "read");
  }
}

const NONE: ReadonlyMap<string, unknown> = new Map();
/** How often a service is asked for one page whose entries are all hidden. */
const ROUNDS = 16;

function isSeveral(service: Mount["service"]): service is readonly FileService[] {
  return Array.isArray(service);
}

function nowOf({ path, service, access, budget }: Mounted): MountNow {
  return { path, service, access, ...(budget !== undefined && { budget }) };
}

function checkLevel(path: string, access: Access, budget: MountBudget | undefined): void {
  if (!isAccess(access)) throw failed("EINVAL", "mount", path, `"${String(access)}" is no access`);
  if (access !== "budgeted") return;
  if (budget === undefined) throw failed("EINVAL", "mount", path, "it needs a budget");
  const { writes, per } = budget;
  if (Number.isSafeInteger(writes) && writes >= 0 && per > 0) return;
  throw failed("EINVAL", "mount", path, "a budget is so many writes (0 or more) in so many ms");
}

function isAbove({ point }: Place): boolean {
  return point !== undefined && point.points.size > 0;
}

function within(path: string, mounted: Mounted): Within {
  return { path, mounted, rest: pathWithin(path, mounted.path) };
}

/** @throws EACCES for what the level of a mount does not let through */
function check(path: string, mounted: Mounted, act: Act, verb: string): void {
  const refused = refusal(path, mounted, act, verb);
  if (refused !== undefined) throw refused;
}

function refusal(path: string, mounted: Mounted, act: Act, verb: string): FileError | undefined {
  if (ACCESS[mounted.access](act, nameOf(path))) return undefined;
  return failed("EACCES", verb, path, `the mount "${mounted.path}" is ${mounted.access}`);
}

/** A stat with the access that is left of it. */
function shown(stat: FileStat, access: Access): FileStat {
  const { name, kind, nature } = stat;
  const lets = ACCESS[access];
  if (!lets("read", name)) return { name, kind, access: "" };
  const writes = lets("write", name) || (nature === "exchange" && lets("exchange", name));
  if (writes) return stat;
  return { ...stat, access: stat.access.includes("r") ? "r" : "" };
}

type ListedFrom = { readonly in: "mounts" | "service"; readonly after: string | undefined };

/** Mount points come first, and then what the service has. */
function cursorOf(cursor: string | undefined): ListedFrom {
  if (cursor === undefined) return { in: "mounts", after: undefined };
  if (cursor.startsWith("m")) return { in: "mounts", after: cursor.slice(1) };
  if (cursor.startsWith("s")) return { in: "service", after: cursor.slice(1) };
  throw new FileError("EINVAL", `Cannot list from ${JSON.stringify(cursor)}: it is no cursor`);
}

function namesAfter(names: readonly string[], name: string | undefined): readonly string[] {
  if (name === undefined) return names;
  const from = names.findIndex((other) => comparePaths(other, name) > 0);
  return from < 0 ? [] : names.slice(from);
}

function isNothing(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "ENOENT" || errno === "ENOTDIR";
}

async function told<T>(own: Within, work: (rest: string) => Promise<T>): Promise<T> {
  try {
    return await work(own.rest);
  } catch (error) {
    throw retold(error, own);
  }
}

/** As `refusal` says it. */
const LEVEL = /the mount "[^"]*" is (\S+)$/;

/** An error of a service, that names the path as whoever asked knows it. */
function retold(error: unknown, { path, rest, mounted }: Within): unknown {
  if (error instanceof OpenAgentsError && path !== rest) {
    error.message = error.message
      .replace(`"${rest}"`, () => `"${path}"`)
      // It may have mounts itself, at paths that mean nothing here.
      .replace(LEVEL, (_, level) => `what is mounted at "${mounted.path}" is ${level} there`);
  }
  return error;
}

function isDirectory(verb: string, path: string): FileError {
  return failed("EISDIR", verb, path, "it is a directory");
}

function nothingThere(path: string): FileError {
  return failed("EACCES", "make", path, "nothing can be made there");
}

function cannot(verb: string, path: string, what: string): FileError {
  return failed("ENOTSUP", verb, path, `its service has no ${what}`);
}
