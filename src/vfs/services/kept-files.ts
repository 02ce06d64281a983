import type { AgentFace } from "../../core/ports/index.ts";
import type { FileSize } from "../../core/ports/memory.ts";
import { encode, paths } from "../../core/tree.ts";
import { failed } from "../failed.ts";
import type { DirectoryNode, FileNode, Node } from "../nodes.ts";
import { isName } from "../path.ts";
import { tickOf } from "./in-tick.ts";
import { kept, keptFile } from "./kept.ts";
import { pageOf } from "./pages.ts";

/** The name of what says that a directory is there, as it is stored: that of no file, as none is empty. */
const MARKER = encode("");
/** Above all that a path can have after a slash: names are stored in characters below it. */
const LAST = "\x7f";
/** How many files are read at first to find out what is in a directory. */
const FEW = 4;
/** So many files, and bytes of them, may be in a directory that is moved at once. */
const MOVABLE = { files: 1000, bytes: 16_777_216 } as const;

/** One entry of a directory, with its path in the tree; that of a directory ends in "/". */
interface Entry {
  readonly name: string;
  readonly path: string;
  /** Bytes, of a file. */
  readonly size: number;
}

/** `memory/files`: files and directories that the agent keeps, of any names and bytes. */
export function keptFiles(face: AgentFace): DirectoryNode {
  const files = new KeptFiles(face);
  return { ...files.directory(paths.files), rename: (from, to) => files.rename(from, to) };
}

class KeptFiles {
  readonly #face: AgentFace;
  readonly #limit: number;

  constructor(face: AgentFace) {
    this.#face = face;
    this.#limit = face.limits.valueBytes;
  }

  /** The directory whose files have paths that begin with `prefix`, which ends in "/". */
  directory(prefix: string): DirectoryNode {
    const { tree } = this.#face;
    const facts = { limit: this.#limit };
    return {
      list: (query) =>
        pageOf(query, (cursor) => this.#entries(prefix, cursor), {
          entry: ({ name, path, size }) => ({
            name,
            node: path.endsWith("/") ? this.#below(path) : this.#file(prefix, path),
            facts: path.endsWith("/") ? facts : { ...facts, size },
          }),
          mark: ({ path }) => path.slice(prefix.length),
        }),
      at: (name) => this.#at(prefix, name),
      create: async (name, data) => {
        tickOf(this.#face, "/memory/files");
        tree.write(prefix + encode(name), kept(data));
        return name;
      },
      createBelow: async (path, data) => {
        tickOf(this.#face, "/memory/files");
        tree.write(prefix + path.split("/").map(encode).join("/"), kept(data));
      },
      makeDirectory: async (name) => {
        tickOf(this.#face, "/memory/files");
        tree.write(`${prefix}${encode(name)}/${MARKER}`, "");
      },
      facts: () => facts,
    };
  }

  /** Moves a file, or a directory with all that is in it. Both paths are without a slash at first. */
  async rename(from: string, to: string): Promise<void> {
    const { tree } = this.#face;
    tickOf(this.#face, "/memory/files");
    const [source, target] = [pathOf(from), pathOf(to)];
    const value = await tree.bytes(source);
    if (value !== undefined) {
      tree.write(target, kept(value));
      await this.#take(source);
      return;
    }
    if ((await tree.bytes(target)) !== undefined) {
      throw failed("ENOTDIR", "move", from, `"${to}" is a file`);
    }
    const moved = await tree.sizes({ prefix: `${source}/`, limit: MOVABLE.files + 1 });
    const bytes = moved.reduce((sum, { size }) => sum + size, 0);
    // What moves files then copies them.
    if (moved.length > MOVABLE.files) {
      throw failed("EXDEV", "move", from, `more than ${MOVABLE.files} files are below it`);
    }
    if (bytes > MOVABLE.bytes) {
      throw failed("EXDEV", "move", from, `more than ${MOVABLE.bytes} bytes are below it`);
    }
    for (const { path } of moved) {
      const content = await tree.bytes(path);
      tree.write(target + path.slice(source.length), kept(content!));
      tree.remove(path);
    }
    await this.#keep(source.slice(0, source.lastIndexOf("/") + 1));
  }

  async #at(prefix: string, name: string): Promise<Node | undefined> {
    const { tree } = this.#face;
    const path = prefix + encode(name);
    const [first] = await tree.sizes({ prefix: path, limit: 1 });
    if (first === undefined) return undefined;
    if (first.path === path) return this.#file(prefix, path);
    const [below] = await tree.sizes({ prefix: `${path}/`, limit: 1 });
    return below === undefined ? undefined : this.#below(`${path}/`);
  }

  #file(prefix: string, path: string): FileNode {
    return keptFile(this.#face, path, {
      limit: this.#limit,
      remove: async () => {
        this.#face.tree.remove(path);
        await this.#keep(prefix);
      },
    });
  }

  #below(prefix: string): DirectoryNode {
    return {
      ...this.directory(prefix),
      remove: async () => {
        tickOf(this.#face, "/memory/files");
        this.#face.tree.remove(prefix + MARKER);
        await this.#keep(prefix.slice(0, prefix.lastIndexOf("/", prefix.length - 2) + 1));
      },
    };
  }

  async #take(path: string): Promise<void> {
    this.#face.tree.remove(path);
    await this.#keep(path.slice(0, path.lastIndexOf("/") + 1));
  }

  /** A directory stays when what was in it is gone. */
  async #keep(prefix: string): Promise<void> {
    const { tree } = this.#face;
    if (prefix === paths.files) return;
    if ((await tree.bytes(prefix + MARKER)) === undefined) tree.write(prefix + MARKER, "");
  }

  /** What is in a directory, after a cursor. What is further below is passed over, and not read. */
  async *#entries(
    prefix: string,
    cursor: string | undefined,
  ): AsyncGenerator<Entry, void, undefined> {
    const { tree } = this.#face;
    let after = cursor === undefined ? undefined : prefix + pastIt(cursor);
    // Few at first, as all of them may be below one directory.
    for (let limit = FEW; ;) {
      const rows = await tree.sizes({ prefix, after, limit });
      let jumped = false;
      for (const row of rows) {
        const entry = entryOf(prefix, row);
        after = row.path;
        if (entry === undefined) continue;
        after = pastIt(entry.path);
        yield entry;
        jumped = entry.path.endsWith("/");
        if (jumped) break;
      }
      if (!jumped && rows.length < limit) return;
      limit = jumped ? FEW : Math.min(limit * 2, 256);
    }
  }
}

/** What a row says of the directory that it is in or below; undefined for its marker. */
function entryOf(prefix: string, { path, size }: FileSize): Entry | undefined {
  const rest = path.slice(prefix.length);
  const end = rest.indexOf("/");
  const segment = end < 0 ? rest : rest.slice(0, end);
  if (segment === MARKER) return undefined;
  const name = decodeURIComponent(segment);
  if (!isName(name)) return undefined;
  return { name, path: prefix + segment + (end < 0 ? "" : "/"), size };
}

/** After which all comes that is not this file, or not in this directory. */
function pastIt(path: string): string {
  return path.endsWith("/") ? path + LAST : path;
}

/** The path in the tree of a path below `memory/files`. */
function pathOf(path: string): string {
  return paths.files + path.split("/").map(encode).join("/");
}
