import { FileError } from "../../src/core/file-error.ts";
import { sha256Hex } from "../../src/core/hash.ts";
import { checkRevision } from "../../src/core/if-match.ts";
import type {
  AgentFace,
  AgentTree,
  FileService,
  FileStat,
  TreeMaker,
  TreeUser,
} from "../../src/core/ports/index.ts";
import { isWithin, joinPath, nameOf, normalPath, parentOf } from "../../src/vfs/path.ts";

/** A tree in memory, with one file of each nature. */
export interface FileTree extends FileService {
  /** How many who follow or watch have not ended. */
  readonly following: number;
  /** What was written, with its type. */
  readonly types: ReadonlyMap<string, string | undefined>;
  /** Tells those who follow `/events`. */
  tell(text: string): void;
}

/** The file that answers, the stream, the directory that names its entries, and the one that nobody may see. */
export const SPECIAL = {
  echo: "/echo",
  events: "/events",
  box: "/box",
  locked: "/locked",
} as const;
export const BOX_LIMIT = 1000;
const ODD: ReadonlySet<string> = new Set([SPECIAL.echo, SPECIAL.events, SPECIAL.locked]);
const MOST = 10_000_000;

interface File {
  data: Uint8Array;
  at: number;
}

/** Makes one. */
export function fileTree(): FileTree {
  const files = new Map<string, File>();
  const directories = new Set<string>(["/", SPECIAL.box]);
  const types = new Map<string, string | undefined>();
  const listeners = new Set<(path: string, text?: string) => void>();
  let posted = 0;
  let clock = 1_700_000_000_000;
  const tell = (path: string, text?: string): void => {
    for (const listener of listeners) listener(path, text);
  };
  const fail = (errno: ConstructorParameters<typeof FileError>[0], path: string): FileError =>
    new FileError(errno, `Cannot use "${path}": ${errno}`);
  /** The content of a plain file. */
  const dataOf = (path: string): Uint8Array => {
    if (path === SPECIAL.locked) throw fail("EACCES", path);
    if (kindOf(path) === "directory") throw fail("EISDIR", path);
    const file = files.get(path);
    if (file === undefined) throw fail("EACCES", path);
    return file.data;
  };
  const put = (path: string, data: Uint8Array): void => {
    files.set(path, { data, at: (clock += 1000) });
    tell(path);
  };
  const kindOf = (path: string): "file" | "directory" => {
    if (directories.has(path)) return "directory";
    if (files.has(path) || path === SPECIAL.echo || path === SPECIAL.events) return "file";
    for (let above = parentOf(path); above !== "/"; above = parentOf(above)) {
      if (files.has(above)) throw fail("ENOTDIR", path);
    }
    throw fail("ENOENT", path);
  };
  const stat = (path: string): FileStat => {
    if (path === SPECIAL.locked) throw fail("EACCES", path);
    const name = nameOf(path);
    if (path === SPECIAL.echo) return { name, kind: "file", access: "rw", nature: "exchange" };
    if (path === SPECIAL.events) return { name, kind: "file", access: "r", nature: "stream" };
    if (kindOf(path) === "directory") {
      const limit = isWithin(path, SPECIAL.box) ? { limit: BOX_LIMIT } : {};
      return { name, kind: "directory", access: "rw", ...limit };
    }
    const { data, at } = files.get(path)!;
    const known = { size: data.byteLength, revision: sha256Hex(data).slice(0, 12) };
    // Some services know nothing before they are read.
    const facts = name.startsWith("unknown") ? {} : known;
    return { name, kind: "file", access: "rw", nature: "ranged", modifiedAt: at, ...facts };
  };
  const heard = async function* (
    signal: AbortSignal,
  ): AsyncIterable<readonly [string, string | undefined]> {
    const waiting: (readonly [string, string | undefined])[] = [];
    let wake = (): void => undefined;
    const listener = (path: string, text?: string): void => {
      waiting.push([path, text]);
      wake();
    };
    listeners.add(listener);
    signal.addEventListener("abort", () => wake());
    try {
      while (!signal.aborted) {
        while (waiting.length > 0) yield waiting.shift()!;
        if (signal.aborted) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      listeners.delete(listener);
    }
  };
  return {
    types,
    get following() {
      return listeners.size;
    },
    tell: (text) => tell(SPECIAL.events, text),
    stat: async (path) => stat(path),
    async list(path, { cursor = "", limit = 100 } = {}) {
      if (kindOf(path) !== "directory") throw fail("ENOTDIR", path);
      const names = [...files.keys(), ...directories, SPECIAL.echo, SPECIAL.events]
        .filter((one) => one !== "/" && parentOf(one) === path && nameOf(one) > cursor)
        .map(nameOf)
        .toSorted((a, b) => (a < b ? -1 : 1));
      const items = names.slice(0, limit).map((name) => stat(joinPath(path, name)));
      return { items, ...(names.length > limit && { cursor: items.at(-1)!.name }) };
    },
    async read(path, { offset = 0, length } = {}) {
      const data = path === SPECIAL.events ? new TextEncoder().encode('{"old":1}\n') : dataOf(path);
      return data.subarray(offset, length === undefined ? undefined : offset + length);
    },
    async write(path, data, { at, create, ifMatch, type } = {}) {
      if (ODD.has(path)) throw fail("EACCES", path);
      if (directories.has(path)) {
        if (at !== "end") throw fail("EISDIR", path);
        if (path !== SPECIAL.box) throw fail("ENOTSUP", path);
        const name = joinPath(path, String((posted += 1)));
        put(name, data);
        types.set(name, type);
        return { path: name };
      }
      const old = files.get(path);
      if (old === undefined) {
        if (create === "never") throw fail("ENOENT", path);
        if (kindOf(parentOf(path)) !== "directory") throw fail("ENOTDIR", path);
      }
      if (old !== undefined && create === "only") throw fail("EEXIST", path);
      const revision = old === undefined ? "none" : sha256Hex(old.data).slice(0, 12);
      checkRevision(`"${path}"`, revision, ifMatch);
      const before = old?.data ?? new Uint8Array(0);
      const offset = at === "end" ? before.byteLength : at;
      if ((offset ?? 0) > MOST) throw fail("EFBIG", path);
      if (offset === undefined) put(path, data);
      else {
        const whole = new Uint8Array(Math.max(before.byteLength, offset + data.byteLength));
        whole.set(before);
        whole.set(data, offset);
        put(path, whole);
      }
      types.set(path, type);
      return { path };
    },
    async remove(path) {
      const kind = kindOf(path);
      if (path === "/" || path === SPECIAL.box || ODD.has(path)) throw fail("EACCES", path);
      const inside = [...files.keys(), ...directories].some(
        (one) => one !== path && isWithin(one, path),
      );
      if (kind === "directory" && inside) throw fail("ENOTEMPTY", path);
      files.delete(path);
      directories.delete(path);
      tell(path);
    },
    async rename(from, to) {
      if (kindOf(from) === "directory") throw fail("EISDIR", from);
      if (directories.has(to)) throw fail("EISDIR", to);
      if (ODD.has(to)) throw fail("EACCES", to);
      if (kindOf(parentOf(to)) !== "directory") throw fail("ENOTDIR", to);
      const data = dataOf(from);
      files.delete(from);
      put(to, data);
    },
    async makeDirectory(path) {
      if (directories.has(path) || files.has(path) || ODD.has(path)) throw fail("EEXIST", path);
      if (kindOf(parentOf(path)) !== "directory") throw fail("ENOTDIR", path);
      directories.add(path);
    },
    async resize(path, size) {
      const data = dataOf(path);
      if (size > MOST) throw fail("EFBIG", path);
      const whole = new Uint8Array(size);
      whole.set(data.subarray(0, size));
      put(path, whole);
    },
    async exchange(path, data) {
      if (path !== SPECIAL.echo) throw fail("ENOTSUP", path);
      return new TextEncoder().encode(`you said ${new TextDecoder().decode(data)}`);
    },
    async *follow(path, signal) {
      if (path !== SPECIAL.events) throw fail("ENOTSUP", path);
      for await (const [, text] of heard(signal)) {
        if (text !== undefined) yield new TextEncoder().encode(text);
      }
    },
    async *watch(path, signal) {
      kindOf(path);
      for await (const [changed] of heard(signal)) if (isWithin(changed, path)) yield changed;
    },
  };
}

/** Gives each agent a tree in memory of its own, which all who may do anything have alike. */
export function treesOf(): { readonly trees: Map<string, FileTree>; readonly tree: TreeMaker } {
  const trees = new Map<string, FileTree>();
  const tree = ({ agent }: AgentFace, user: TreeUser): AgentTree => {
    const files = trees.get(agent.name) ?? fileTree();
    trees.set(agent.name, files);
    return {
      ...files,
      async write(path, data, options) {
        if (user === "read") throw new FileError("EACCES", `Cannot write "${path}" as "read"`);
        return files.write(normalPath(path), data, options);
      },
      place: async () => "outside",
      mounts: async () => [],
    };
  };
  return { trees, tree: Object.assign(tree, { kinds: [] }) };
}
