import type { FileStat } from "../../core/ports/files.ts";
import type { OpenFile } from "./open-file.ts";
import { ROOT } from "./protocol.ts";

/** A file or directory that the kernel knows by a number. */
export interface FuseNode {
  readonly id: number;
  /** The number that users see. It comes from the path where it was first met, so it stays the same. */
  readonly ino: number;
  name: string;
  /** The directory that it is in; undefined of the root, and of what is gone from where it was. */
  parent: FuseNode | undefined;
  /** What it is, since a number never changes its kind; undefined before the first stat. */
  kind: FileStat["kind"] | undefined;
  /** The last that was learned of it, and when (ms of a clock that only goes forward). */
  stat: FileStat | undefined;
  statAt: number;
  /** How often the kernel was told of it. */
  lookups: number;
  /** How many open files are at work on it: it is kept as long. */
  uses: number;
  children: Map<string, FuseNode> | undefined;
  /** The file that is being written here for the first time, and is not in the service yet. */
  unborn: UnbornFile | undefined;
  /** The open file that was written to last. */
  writer: OpenFile | undefined;
  /** What the content was when it was last opened: what the kernel keeps of it may stand if it still is. */
  cached: string | undefined;
}

/** A file that only exists by being written. */
export interface UnbornFile extends OpenFile {
  /** Has it never written: it was removed. */
  drop(): void;
}

/** The nodes that the kernel knows, and those above them. */
export class NodeTable {
  readonly root: FuseNode = newNode(ROOT, ROOT, "");
  readonly #byId = new Map<number, FuseNode>([[ROOT, this.root]]);
  readonly #inos = new Map<number, FuseNode>([[ROOT, this.root]]);
  #nextId = ROOT + 1;

  /** How many are kept, the root too. */
  get size(): number {
    return this.#byId.size;
  }

  get(id: number): FuseNode | undefined {
    return this.#byId.get(id);
  }

  /** The node of a name, made if need be. Whoever makes one says `keep` or `use` in the same turn. */
  child(parent: FuseNode, name: string): FuseNode {
    const known = parent.children?.get(name);
    if (known !== undefined) return known;
    const node = newNode(this.#nextId++, this.#freeIno(parent, name), name);
    node.parent = parent;
    parent.children ??= new Map();
    parent.children.set(name, node);
    this.#byId.set(node.id, node);
    this.#inos.set(node.ino, node);
    return node;
  }

  /** The number that users see of an entry, whether there is a node of it or not. */
  inoOf(parent: FuseNode, name: string): number {
    return parent.children?.get(name)?.ino ?? hash(parent.ino, name, 0);
  }

  /** The path of a node; undefined when it or what is above it is gone. */
  pathOf(node: FuseNode): string | undefined {
    if (node === this.root) return "/";
    let path = "";
    let at = node;
    while (at !== this.root) {
      if (at.parent === undefined) return undefined;
      path = `/${at.name}${path}`;
      at = at.parent;
    }
    return path;
  }

  /** The node of a path, if there is one. */
  find(path: string): FuseNode | undefined {
    let node: FuseNode | undefined = this.root;
    for (const name of path.split("/")) {
      if (name !== "") node = node?.children?.get(name);
    }
    return node;
  }

  /** The kernel was told of it once more. */
  keep(node: FuseNode): void {
    node.lookups += 1;
  }

  /** The kernel no longer knows it from `count` tellings. */
  forget(id: number, count: number): void {
    const node = this.#byId.get(id);
    if (node === undefined || node === this.root) return;
    node.lookups = Math.max(0, node.lookups - count);
    this.#drop(node);
  }

  /** An open file works on it. The result says that it no longer does. */
  use(node: FuseNode): () => void {
    node.uses += 1;
    return () => {
      node.uses -= 1;
      this.#drop(node);
    };
  }

  /** It is no longer where it was: nothing leads to it but open files. */
  detach(node: FuseNode): void {
    const { parent } = node;
    if (parent === undefined) return;
    parent.children?.delete(node.name);
    node.parent = undefined;
    this.#drop(node);
    this.#drop(parent);
  }

  /** It goes elsewhere, in the place of what was there. */
  move(node: FuseNode, parent: FuseNode, name: string): void {
    const from = node.parent;
    const there = parent.children?.get(name);
    if (there === node) return;
    if (there !== undefined) this.detach(there);
    from?.children?.delete(node.name);
    node.parent = parent;
    node.name = name;
    parent.children ??= new Map();
    parent.children.set(name, node);
    if (from !== undefined) this.#drop(from);
  }

  #drop(node: FuseNode): void {
    let at: FuseNode | undefined = node;
    while (at !== undefined && at !== this.root && isIdle(at)) {
      const { parent }: FuseNode = at;
      this.#byId.delete(at.id);
      this.#inos.delete(at.ino);
      if (parent?.children?.get(at.name) === at) parent.children.delete(at.name);
      at.parent = undefined;
      at = parent;
    }
  }

  #freeIno(parent: FuseNode, name: string): number {
    let salt = 0;
    let ino = hash(parent.ino, name, salt);
    // One that was here before and was moved away has kept its number.
    while (this.#inos.has(ino)) ino = hash(parent.ino, name, ++salt);
    return ino;
  }
}

function isIdle(node: FuseNode): boolean {
  return node.lookups === 0 && node.uses === 0 && (node.children?.size ?? 0) === 0;
}

function newNode(id: number, ino: number, name: string): FuseNode {
  return {
    id,
    ino,
    name,
    parent: undefined,
    kind: undefined,
    stat: undefined,
    statAt: 0,
    lookups: 0,
    uses: 0,
    children: undefined,
    unborn: undefined,
    writer: undefined,
    cached: undefined,
  };
}

/** 52 bits of a directory's number and a name (cyrb53), never those that have a meaning. */
function hash(parent: number, name: string, salt: number): number {
  let a = 0xdeadbeef ^ parent ^ salt;
  let b = 0x41c6ce57 ^ Math.floor(parent / 0x1_0000_0000) ^ salt;
  for (let index = 0; index < name.length; index += 1) {
    const code = name.charCodeAt(index);
    a = Math.imul(a ^ code, 0x9e3779b1);
    b = Math.imul(b ^ code, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  const value = (b >>> 12) * 0x1_0000_0000 + (a >>> 0);
  return value <= ROOT ? value + 2 : value;
}
