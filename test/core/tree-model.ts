import type { WriteOptions } from "../../src/index.ts";

/** Something that is done with a tree. */
export type Act =
  | {
      readonly act: "write";
      readonly path: string;
      readonly bytes: Uint8Array;
      readonly how: Pick<WriteOptions, "at" | "create">;
    }
  | { readonly act: "remove" | "makeDirectory"; readonly path: string }
  | { readonly act: "rename"; readonly path: string; readonly to: string };

const ROOT = "/memory/files";

/** Directories and files as anybody would think of them: contents by path, null for a directory. */
export class TreeModel {
  readonly #entries: Map<string, Uint8Array | null>;

  constructor(entries: ReadonlyMap<string, Uint8Array | null> = new Map([[ROOT, null]])) {
    this.#entries = new Map(entries);
  }

  copy(): TreeModel {
    return new TreeModel(this.#entries);
  }

  read(path: string): Uint8Array | undefined {
    return this.#entries.get(path) ?? undefined;
  }

  /** Names, kinds and sizes, by name. */
  list(directory: string): readonly [string, string, number | undefined][] {
    const below = [...this.#entries].filter(([path]) => parentOf(path) === directory);
    return below
      .map(([path, content]): [string, string, number | undefined] => [
        path.slice(directory.length + 1),
        content === null ? "directory" : "file",
        content?.byteLength,
      ])
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Does it; "" or the name of the error. */
  apply(one: Act): string {
    const { path } = one;
    const there = this.#entries.get(path);
    const above = this.#aboveOf(path);
    if (above !== undefined) return above === "file" ? "ENOTDIR" : this.#without(one);
    if (one.act === "write") return this.#write(one, there);
    if (one.act === "rename") return there === undefined ? "ENOENT" : this.#rename(path, one.to);
    if (one.act === "makeDirectory") {
      if (there !== undefined) return "EEXIST";
      this.#entries.set(path, null);
      return "";
    }
    if (there === undefined) return "ENOENT";
    if (there === null && this.list(path).length > 0) return "ENOTEMPTY";
    this.#entries.delete(path);
    return "";
  }

  #write({ path, bytes, how }: Act & { readonly act: "write" }, there?: Uint8Array | null): string {
    if (there === null) return how.at === "end" ? "ENOTSUP" : "EISDIR";
    if (there === undefined && how.create === "never") return "ENOENT";
    if (there !== undefined && how.create === "only") return "EEXIST";
    const before = how.at === "end" && there !== undefined ? [...there] : [];
    for (let above = parentOf(path); above !== ROOT; above = parentOf(above)) {
      this.#entries.set(above, null);
    }
    this.#entries.set(path, Uint8Array.from([...before, ...bytes]));
    return "";
  }

  #rename(from: string, to: string): string {
    if (from === to) return "";
    if (to.startsWith(`${from}/`)) return "EINVAL";
    const above = this.#aboveOf(to);
    if (above !== undefined) return above === "file" ? "ENOTDIR" : "ENOENT";
    const [source, target] = [this.#entries.get(from), this.#entries.get(to)];
    if (target === null) return "EISDIR";
    if (target !== undefined && source === null) return "ENOTDIR";
    const moved = [...this.#entries].filter(([path]) => `${path}/`.startsWith(`${from}/`));
    for (const [path, content] of moved) {
      this.#entries.delete(path);
      this.#entries.set(to + path.slice(from.length), content);
    }
    return "";
  }

  /** What is done where not even the directory is there. A write makes it. */
  #without(one: Act): string {
    return one.act === "write" ? this.#write(one) : "ENOENT";
  }

  /** Why nothing can be at a path: a file is above it, or a directory is missing; undefined for neither. */
  #aboveOf(path: string): "file" | "none" | undefined {
    let missing: "none" | undefined;
    for (let above = parentOf(path); above !== parentOf(ROOT); above = parentOf(above)) {
      const entry = this.#entries.get(above);
      if (entry instanceof Uint8Array) return "file";
      if (entry === undefined) missing = "none";
    }
    return missing;
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
