import { errnoOf, FileError } from "../../src/core/file-error.ts";
import type { Errno } from "../../src/core/file-error.ts";
import type { Access, FileService, FileStat } from "../../src/core/ports/files.ts";

export interface NaiveMount {
  readonly path: string;
  readonly service: FileService;
  access: Access;
}

/** What a namespace is to do, by looking through all mounts every time. Paths are normal. */
export class Naive {
  mounts: NaiveMount[] = [];

  owner(path: string): NaiveMount | undefined {
    const all = this.mounts.filter((mount) => within(path, mount.path));
    return all.sort((a, b) => b.path.length - a.path.length)[0];
  }

  async stat(path: string): Promise<Pick<FileStat, "name" | "kind" | "access">> {
    const owner = this.owner(path);
    const name = path.split("/").at(-1)!;
    const between = { name, kind: "directory", access: "r" } as const;
    const above = this.#above(path);
    if (owner === undefined) {
      if (above || path === "/") return between;
      throw fail("ENOENT");
    }
    const point = owner.path === path;
    if (owner.access === "disabled") {
      if (point) return { name, kind: "directory", access: "" };
      if (above) return between;
      throw fail("EACCES");
    }
    try {
      const { kind, access } = await owner.service.stat(rest(path, owner));
      if (above && kind !== "directory") return between;
      return { name, kind, access: owner.access === "read-write" ? access : "r" };
    } catch (error) {
      if (above) return between;
      throw error;
    }
  }

  async list(path: string): Promise<readonly string[]> {
    const owner = this.owner(path);
    const above = this.#above(path);
    if (owner === undefined && !above && path !== "/") throw fail("ENOENT");
    if (owner?.access === "disabled") throw fail("EACCES");
    const names = new Set(
      this.mounts
        .filter((mount) => mount.path !== path && within(mount.path, path))
        .map((mount) => mount.path.slice(path === "/" ? 1 : path.length + 1).split("/")[0]!),
    );
    try {
      const page = await owner?.service.list(rest(path, owner), { limit: 1000 });
      for (const { name } of page?.items ?? []) names.add(name);
    } catch (error) {
      if (!above) throw error;
    }
    return [...names].sort();
  }

  async read(path: string): Promise<Uint8Array> {
    if (this.#above(path)) throw fail("EISDIR");
    const owner = this.owner(path);
    if (owner === undefined) throw fail(path === "/" ? "EISDIR" : "ENOENT");
    if (owner.access === "disabled") throw fail("EACCES");
    return owner.service.read(rest(path, owner));
  }

  async write(path: string, data: Uint8Array): Promise<void> {
    if (this.#above(path)) throw fail("EISDIR");
    await this.#making(path, "EISDIR", (owner) => owner.service.write(rest(path, owner), data));
  }

  async makeDirectory(path: string): Promise<void> {
    if (this.#above(path) || this.owner(path)?.path === path || path === "/") throw fail("EEXIST");
    await this.#making(path, "EEXIST", (owner) => owner.service.makeDirectory!(rest(path, owner)));
  }

  async remove(path: string): Promise<void> {
    const owner = this.owner(path);
    if (path === "/" || owner?.path === path) throw fail("EBUSY");
    if (this.#above(path)) throw fail("ENOTEMPTY");
    if (owner === undefined) throw fail(this.#isBetween(parent(path)) ? "EACCES" : "ENOENT");
    if (owner.access !== "read-write") throw fail("EACCES");
    await owner.service.remove(rest(path, owner));
  }

  async rename(from: string, to: string): Promise<void> {
    for (const path of [from, to]) {
      if (path === "/" || this.#above(path) || this.owner(path)?.path === path) throw fail("EBUSY");
    }
    const [old, next] = [this.owner(from), this.owner(to)];
    if (old === undefined) throw fail("ENOENT");
    if (old.access !== "read-write") throw fail("EACCES");
    if (next !== undefined && next.access !== "read-write") throw fail("EACCES");
    if (old !== next) throw fail("EXDEV");
    await old.service.rename(rest(from, old), rest(to, old));
  }

  async #making(
    path: string,
    root: Errno,
    work: (owner: NaiveMount) => Promise<unknown>,
  ): Promise<void> {
    const owner = this.owner(path);
    const between = this.#isBetween(parent(path));
    if (owner === undefined) {
      if (path === "/") throw fail(root);
      throw fail(between ? "EACCES" : "ENOENT");
    }
    if (owner.access !== "read-write") throw fail("EACCES");
    try {
      await work(owner);
    } catch (error) {
      if (between && ["ENOENT", "ENOTDIR"].includes(errnoOf(error))) throw fail("EACCES");
      throw error;
    }
  }

  /** True where mounts are strictly below. */
  #above(path: string): boolean {
    return this.mounts.some((mount) => mount.path !== path && within(mount.path, path));
  }

  #isBetween(path: string): boolean {
    return path === "/" || this.#above(path);
  }
}

function within(path: string, directory: string): boolean {
  return directory === "/" || path === directory || path.startsWith(`${directory}/`);
}

function rest(path: string, { path: point }: NaiveMount): string {
  return point === "/" ? path : path.slice(point.length) || "/";
}

function parent(path: string): string {
  return path.split("/").slice(0, -1).join("/") || "/";
}

function fail(errno: Errno): FileError {
  return new FileError(errno, "by the naive one");
}
