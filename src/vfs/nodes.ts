import { FileError } from "../core/file-error.ts";
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
import { sha256Hex } from "../core/hash.ts";
import { boundsOf, checkMatch, countOf, limitOf } from "./asked.ts";
import { cuttable } from "./cut.ts";
import { failed, missing } from "./failed.ts";
import { isWithin, joinPath, nameOf, parentOf, partsOf, pathWithin } from "./path.ts";
import { Turns } from "./turns.ts";

/** What is known of a node beside its name, and what follows from what it can do. */
export type NodeFacts = Partial<Omit<FileStat, "name" | "kind" | "access">>;

/** A file of a service. What it does not have cannot be done with it. */
export interface FileNode {
  /** The whole content. */
  readonly read?: () => Promise<Content> | Content;
  /** The same for a file that is too long for that: as `FileService.read` gives it. */
  readonly readRange?: (range: FileRange) => Promise<Uint8Array>;
  /** Takes a new content, or what belongs at an offset; may say where it went. */
  readonly write?: (data: Uint8Array, options: WriteOptions) => Promise<Written | void>;
  /** Takes what belongs after its end. Default: the content with it is written anew. */
  readonly append?: (data: Uint8Array) => Promise<Written | void>;
  readonly remove?: () => Promise<void>;
  /** What it takes are commands, a line each. */
  readonly commands?: true;
  readonly exchange?: (data: Uint8Array, options: ExchangeOptions) => Promise<Content>;
  readonly follow?: (signal: AbortSignal) => AsyncIterable<Content>;
  /** What a stat says. Default: size and revision of the content. */
  readonly facts?: () => Promise<NodeFacts> | NodeFacts;
}

/** A directory of a service. */
export interface DirectoryNode {
  readonly list: (query: FileListQuery) => Promise<Page<NodeEntry>>;
  /** What has this name; undefined for nothing. */
  readonly at: (name: string) => Promise<Node | undefined> | Node | undefined;
  /** Makes a file of a name that nothing has; gives the name that it has. Absent: EACCES. */
  readonly create?: (name: string, data: Uint8Array, options: WriteOptions) => Promise<string>;
  /**
   * Makes a file below directories of which the first is not there, by the path from here with no slash
   * before it, and them with it. Absent: ENOENT.
   */
  readonly createBelow?: (path: string, data: Uint8Array, options: WriteOptions) => Promise<void>;
  /** Takes a new entry and names it. Absent: ENOTSUP. */
  readonly post?: (data: Uint8Array, options: WriteOptions) => Promise<string>;
  readonly makeDirectory?: (name: string) => Promise<void>;
  /** Nothing can be made in it, but what is there can be removed. */
  readonly removable?: true;
  /** Moves one file below it, by paths from here with no slash before them. */
  readonly rename?: (from: string, to: string) => Promise<void>;
  readonly remove?: () => Promise<void>;
  readonly facts?: () => Promise<NodeFacts> | NodeFacts;
}

export type Node = FileNode | DirectoryNode;
export type Content = string | Uint8Array;

/** One entry of a listing. */
export interface NodeEntry {
  readonly name: string;
  readonly node: Node;
  /** What is known of it already. Without it nothing is said beyond what costs nothing. */
  readonly facts?: NodeFacts | undefined;
}

/** A directory whose entries are known beforehand, by name. */
export function fixedDirectory(entries: Readonly<Record<string, Node>>): DirectoryNode {
  const items = Object.entries(entries).map(([name, node]) => ({ name, node }));
  return {
    list: async ({ cursor = "0", limit = items.length }) => {
      const end = Number(cursor) + limit;
      return {
        items: items.slice(Number(cursor), end),
        ...(end < items.length && { cursor: `${end}` }),
      };
    },
    at: (name) => (Object.hasOwn(entries, name) ? entries[name] : undefined),
  };
}

/** What changes below a node, by paths from there; without it a service cannot be watched. */
export type NodeWatch = (signal: AbortSignal) => AsyncIterable<string>;

/**
 * The files of a tree of nodes. Its root may be one file, which then has the path `/`; a function makes
 * it once it is needed.
 */
export function nodeService(root: Node | (() => Node), changes?: NodeWatch): FileService {
  return new NodeService(root, changes);
}

class NodeService implements FileService {
  #root: Node | (() => Node);
  readonly #changes: NodeWatch | undefined;
  /** By path, of what others must not come between. */
  readonly #turns = new Turns();

  constructor(root: Node | (() => Node), changes: NodeWatch | undefined) {
    this.#root = root;
    this.#changes = changes;
  }

  async stat(path: string): Promise<FileStat> {
    const node = await this.#at(path);
    return statOf(nameOf(path), node, await factsOf(node));
  }

  async list(path: string, query: FileListQuery = {}): Promise<Page<FileStat>> {
    const node = await this.#at(path);
    if (!isDirectory(node)) throw failed("ENOTDIR", "list", path, "it is a file");
    const { items, cursor } = await node.list({ ...query, limit: limitOf(query) });
    return {
      items: items.map(({ name, node: entry, facts }) => statOf(name, entry, facts ?? {})),
      ...(cursor !== undefined && { cursor }),
    };
  }

  async read(path: string, range: FileRange = {}): Promise<Uint8Array> {
    const node = await this.#file(path, "read");
    boundsOf(range, 0);
    if (node.readRange !== undefined) return node.readRange(range);
    if (node.read !== undefined) return part(await node.read(), range);
    if (node.follow !== undefined) return new Uint8Array(0);
    throw failed("EACCES", "read", path, "it cannot be read");
  }

  async write(path: string, data: Uint8Array, options: WriteOptions = {}): Promise<Written> {
    if (typeof options.at === "number") countOf(options.at, "offset");
    const node = await this.#find(path);
    if (node !== undefined) return this.#put(path, node, data, options);
    // Of several that make it at once, the others find it there.
    const made = await this.#turns.take(path, async () => {
      const there = await this.#find(path);
      return there === undefined ? this.#make(path, data, options) : undefined;
    });
    return made ?? this.write(path, data, options);
  }

  async #put(path: string, node: Node, data: Uint8Array, options: WriteOptions): Promise<Written> {
    const { at, create, ifMatch } = options;
    if (isDirectory(node)) {
      if (at !== "end") throw failed("EISDIR", "write", path, "it is a directory");
      if (node.post === undefined) {
        throw failed("ENOTSUP", "add to", path, "its entries are not named by it");
      }
      checkLimit(path, data.byteLength, await node.facts?.());
      return { path: joinPath(path, await node.post(data, options)) };
    }
    if (create === "only") throw failed("EEXIST", "make", path, "it is there");
    // What is looked at first and then written must be the same.
    const looks = ifMatch !== undefined || (at === "end" && node.append === undefined);
    if (looks) return this.#turns.take(path, () => change(path, node, data, options));
    return change(path, node, data, options);
  }

  async #make(path: string, data: Uint8Array, options: WriteOptions): Promise<Written> {
    const { at, create, ifMatch } = options;
    // Who asks for a revision, or for what is there, asks for nothing new.
    if (create === "never") throw missing(path);
    checkMatch(path, undefined, ifMatch);
    if (typeof at === "number" && at > 0) throw whole(path);
    if ((await this.#find(parentOf(path))) === undefined) {
      const above = await this.#above(path);
      if (above.node.createBelow === undefined) throw missing(parentOf(path));
      checkLimit(path, data.byteLength, await above.node.facts?.());
      await above.node.createBelow(pathWithin(path, above.path).slice(1), data, options);
      return { path };
    }
    const parent = await this.#directory(parentOf(path), "make", path);
    if (parent.create === undefined) {
      throw failed("EACCES", "make", path, "nothing can be made there");
    }
    checkLimit(path, data.byteLength, await parent.facts?.());
    const name = await parent.create(nameOf(path), data, options);
    return { path: joinPath(parentOf(path), name) };
  }

  async remove(path: string): Promise<void> {
    const node = await this.#at(path);
    if (node.remove === undefined) throw failed("EACCES", "remove", path, "it cannot be removed");
    if (isDirectory(node) && (await node.list({ limit: 1 })).items.length > 0) {
      throw failed("ENOTEMPTY", "remove", path, "it is not empty");
    }
    await node.remove();
  }

  async rename(from: string, to: string): Promise<void> {
    const node = await this.#at(from);
    if (from === to) return;
    if (to === "/") throw failed("EISDIR", "move", from, `"/" is a directory`);
    if (isWithin(to, from)) throw failed("EINVAL", "move", from, "it would be below itself");
    const parent = await this.#directory(parentOf(to), "make", to);
    const target = await parent.at(nameOf(to));
    if (target !== undefined && isDirectory(target)) {
      throw failed("EISDIR", "move", from, `"${to}" is a directory`);
    }
    if (target !== undefined && isDirectory(node)) {
      throw failed("ENOTDIR", "move", from, `"${to}" is a file`);
    }
    // Whoever has both of them moves it.
    for (let above = parentOf(from); ; above = parentOf(above)) {
      const node = await this.#at(above);
      if (isDirectory(node) && isWithin(to, above) && node.rename !== undefined) {
        return node.rename(pathWithin(from, above).slice(1), pathWithin(to, above).slice(1));
      }
      if (above === "/") throw failed("EXDEV", "move", from, `it cannot become "${to}"`);
    }
  }

  async makeDirectory(path: string): Promise<void> {
    if ((await this.#find(path)) !== undefined) throw failed("EEXIST", "make", path, "it is there");
    const parent = await this.#directory(parentOf(path), "make", path);
    if (parent.makeDirectory === undefined) {
      throw failed("EACCES", "make", path, "there can be no directory");
    }
    await parent.makeDirectory(nameOf(path));
  }

  async exchange(
    path: string,
    data: Uint8Array,
    options: ExchangeOptions = {},
  ): Promise<Uint8Array> {
    const node = await this.#file(path, "ask");
    if (node.exchange !== undefined) return bytesOf(await node.exchange(data, options));
    throw failed("ENOTSUP", "ask", path, "it does not answer");
  }

  async *follow(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const node = await this.#file(path, "follow");
    if (node.follow === undefined) throw failed("ENOTSUP", "follow", path, "it is no stream");
    const { values } = cuttable((inner) => node.follow!(inner), signal);
    for await (const content of values) yield bytesOf(content);
  }

  async *watch(path: string, signal: AbortSignal): AsyncGenerator<string> {
    await this.#at(path);
    if (this.#changes === undefined) throw failed("ENOTSUP", "watch", path, "nobody says");
    for await (const changed of cuttable(this.#changes, signal).values) {
      if (isWithin(changed, path)) yield changed;
      else if (isWithin(path, changed)) yield path;
    }
  }

  async #at(path: string): Promise<Node> {
    const node = await this.#find(path);
    if (node === undefined) throw missing(path);
    return node;
  }

  /** @throws ENOTDIR for something below a file */
  async #find(path: string): Promise<Node | undefined> {
    if (typeof this.#root === "function") this.#root = this.#root();
    let node: Node | undefined = this.#root;
    for (const name of partsOf(path)) {
      if (node === undefined) return undefined;
      if (!isDirectory(node)) throw failed("ENOTDIR", "find", path, "it is below a file");
      node = await node.at(name);
    }
    return node;
  }

  /** The lowest directory above a path that is there. */
  async #above(path: string): Promise<{ readonly node: DirectoryNode; readonly path: string }> {
    for (let above = parentOf(path); ; above = parentOf(above)) {
      const node = await this.#find(above);
      if (node !== undefined && isDirectory(node)) return { node, path: above };
    }
  }

  async #file(path: string, verb: string): Promise<FileNode> {
    const node = await this.#at(path);
    if (isDirectory(node)) throw failed("EISDIR", verb, path, "it is a directory");
    return node;
  }

  async #directory(path: string, verb: string, what: string): Promise<DirectoryNode> {
    const node = await this.#at(path);
    if (isDirectory(node)) return node;
    throw failed("ENOTDIR", verb, what, `"${path}" is a file`);
  }
}

/** Writes to a file that is there. */
async function change(
  path: string,
  node: FileNode,
  data: Uint8Array,
  options: WriteOptions,
): Promise<Written> {
  const { at, ifMatch } = options;
  const adds = at === "end" && node.append !== undefined;
  if (node.write === undefined && !adds) {
    throw failed("EACCES", "write", path, "it cannot be written");
  }
  const facts = await factsOf(node);
  if (typeof at === "number" && facts.nature !== "ranged") throw whole(path);
  checkLimit(path, data.byteLength + (typeof at === "number" ? at : 0), facts);
  checkMatch(path, facts.revision, ifMatch);
  if (adds) return (await node.append(data)) ?? { path };
  if (at !== "end") return (await node.write!(data, options)) ?? { path };
  const all = joined([bytesOf((await node.read?.()) ?? ""), data]);
  checkLimit(path, all.byteLength, facts);
  return (await node.write!(all, { ...options, at: undefined })) ?? { path };
}

/** True for a directory. */
export function isDirectory(node: Node): node is DirectoryNode {
  return "list" in node;
}

/** A text as its bytes in UTF-8. */
export function bytesOf(content: Content): Uint8Array {
  return typeof content === "string" ? encoder.encode(content) : content;
}

/**
 * Bytes as the text that they are in UTF-8; `what` names them in the error.
 * @throws EINVAL for what is no UTF-8
 */
export function textOf(data: Uint8Array, what: string): string {
  try {
    return decoder.decode(data);
  } catch {
    throw new FileError("EINVAL", `Cannot read ${what}: it is no UTF-8 text`);
  }
}

/** Size and revision of a content. */
export function contentFacts(content: Content): {
  readonly size: number;
  readonly revision: string;
} {
  const bytes = bytesOf(content);
  return { size: bytes.byteLength, revision: sha256Hex(bytes).slice(0, 16) };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What a listing says of a node of which nothing is known beyond what it can do. */
export function entryOf(name: string, node: Node): FileStat {
  return statOf(name, node, {});
}

function statOf(name: string, node: Node, facts: NodeFacts): FileStat {
  if (isDirectory(node)) {
    const writable = node.create ?? node.post ?? node.makeDirectory ?? node.removable;
    return {
      ...facts,
      name,
      kind: "directory",
      access: writable === undefined ? "r" : "rw",
      ...(node.removable && { limit: 0 }),
    };
  }
  const reads = node.read ?? node.readRange ?? node.exchange ?? node.follow;
  const writes = node.write ?? node.append ?? node.exchange;
  const access = `${reads === undefined ? "" : "r"}${writes === undefined ? "" : "w"}` as const;
  const nature = natureOf(node);
  return { ...(nature !== undefined && { nature }), ...facts, name, kind: "file", access };
}

function natureOf({ exchange, follow, commands }: FileNode): FileStat["nature"] {
  if (exchange !== undefined) return "exchange";
  if (follow !== undefined) return "stream";
  return commands && "commands";
}

async function factsOf(node: Node): Promise<NodeFacts> {
  const given = await node.facts?.();
  if (isDirectory(node) || node.read === undefined || node.follow !== undefined) return given ?? {};
  if (given?.size !== undefined || (given !== undefined && node.readRange !== undefined)) {
    return given;
  }
  return { ...contentFacts(await node.read()), ...given };
}

/** @throws EFBIG for more than a file, or a new entry of a directory, may have */
function checkLimit(path: string, size: number, { limit }: NodeFacts = {}): void {
  if (limit === undefined || size <= limit) return;
  throw failed("EFBIG", "write", path, `${size} bytes are more than the ${limit} it may have`);
}

function whole(path: string): FileError {
  return failed("ENOTSUP", "write", path, "it is written as a whole");
}

/** Bytes one after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

/** A part of a content, as bytes that nobody else has. */
function part(content: Content, range: FileRange): Uint8Array {
  const bytes = bytesOf(content);
  const bounds = boundsOf(range, bytes.byteLength);
  return typeof content === "string" ? bytes.subarray(...bounds) : bytes.slice(...bounds);
}
