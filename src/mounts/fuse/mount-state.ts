import { FileError } from "../../core/file-error.ts";
import type { FileService, FileStat } from "../../core/ports/files.ts";
import { NodeTable } from "./node-table.ts";
import type { FuseNode } from "./node-table.ts";
import { S } from "./protocol.ts";
import { encodeEntry, TTL } from "./reply.ts";
import type { FuseAttributes } from "./reply.ts";

export interface MountStateOptions {
  readonly files: FileService;
  readonly readOnly: boolean;
  /** Whom the files belong to. */
  readonly uid: number;
  readonly gid: number;
}

/** What all operations of a mount share: the service, the nodes, and what is known of them. */
export class MountState {
  readonly files: FileService;
  readonly nodes: NodeTable = new NodeTable();
  readonly #options: MountStateOptions;
  /** The time of what has none. */
  readonly #epoch = Date.now();
  /** Files that come into being though nobody waits for it, by their directory. */
  readonly #births = new Map<FuseNode, Set<Promise<void>>>();

  constructor(options: MountStateOptions) {
    this.files = options.files;
    this.#options = options;
  }

  /** @throws ESTALE for a number that was never given out, or is forgotten */
  node(id: number): FuseNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new FileError("ESTALE", `There is no node ${id}`);
    return node;
  }

  /** @throws ENOENT for what was removed */
  path(node: FuseNode): string {
    const path = this.nodes.pathOf(node);
    if (path === undefined) throw new FileError("ENOENT", `"${node.name}" was removed`);
    return path;
  }

  /** The path of an entry of a directory. @throws ENOENT when the directory was removed */
  pathIn(parent: FuseNode, name: string): string {
    const path = this.path(parent);
    return path === "/" ? `/${name}` : `${path}/${name}`;
  }

  /** @throws EROFS for a change to a mount that takes none */
  demandWritable(): void {
    if (this.#options.readOnly) throw new FileError("EROFS", "The mount is read-only");
  }

  /** What is known of a node, not older than the kernel may take it for true. */
  recent(node: FuseNode): FileStat | Promise<FileStat> {
    const { stat } = node;
    if (stat !== undefined && performance.now() - node.statAt < TTL * 1000) return stat;
    return this.stat(node);
  }

  /** @throws ESTALE when it is of another kind than it was: then the kernel looks its name up again */
  async stat(node: FuseNode): Promise<FileStat> {
    const stat = await this.files.stat(this.path(node));
    if (node.kind !== undefined && node.kind !== stat.kind) {
      this.nodes.detach(node);
      throw new FileError("ESTALE", `"${node.name}" is something else now`);
    }
    this.learn(node, stat);
    return stat;
  }

  learn(node: FuseNode, stat: FileStat): void {
    node.kind = stat.kind;
    node.stat = stat;
    node.statAt = performance.now();
  }

  /** What was known of it may no longer hold. */
  doubt(node: FuseNode | undefined): void {
    if (node !== undefined) node.stat = undefined;
  }

  /** The node of an entry that the kernel is told of: it counts it. */
  entry(parent: FuseNode, name: string, stat: FileStat): FuseNode {
    let node = this.nodes.child(parent, name);
    if (node.kind !== undefined && node.kind !== stat.kind) {
      this.nodes.keep(parent);
      this.nodes.detach(node);
      node = this.nodes.child(parent, name);
      this.nodes.forget(parent.id, 1);
    }
    this.nodes.keep(node);
    if (node.unborn === undefined) this.learn(node, stat);
    return node;
  }

  encodeEntry(parent: FuseNode, name: string, stat: FileStat): Uint8Array {
    const node = this.entry(parent, name, stat);
    return encodeEntry(node.id, this.attributes(node, stat));
  }

  attributes(node: FuseNode, stat: FileStat): FuseAttributes {
    const { uid, gid } = this.#options;
    const size = stat.kind === "link" ? byteLength(stat.target ?? "") : (stat.size ?? 0);
    return {
      ino: node.ino,
      mode: modeOf(stat),
      size: stat.kind === "directory" || !Number.isSafeInteger(size) ? 0 : Math.max(0, size),
      time: Math.min(Math.max(stat.modifiedAt ?? this.#epoch, 0) || 0, MAX_TIME),
      uid,
      gid,
    };
  }

  /** What stands for a file that is being written for the first time, or was removed while open. */
  unbornStat(node: FuseNode, size: number): FileStat {
    return { name: node.name, kind: "file", access: "rw", size };
  }

  /** A file comes into being in a directory: whoever looks there waits for it, but not for ever. */
  bear(parent: FuseNode, birth: Promise<void>): void {
    const births = this.#births.get(parent) ?? new Set();
    const patience = Promise.withResolvers<void>();
    this.#births.set(parent, births.add(patience.promise));
    const timer = setTimeout(patience.resolve, PATIENCE).unref();
    void birth.then(patience.resolve);
    void patience.promise.then(() => {
      clearTimeout(timer);
      births.delete(patience.promise);
      if (births.size === 0 && this.#births.get(parent) === births) this.#births.delete(parent);
    });
  }

  /** True while something comes into being somewhere. */
  get bearing(): boolean {
    return this.#births.size > 0;
  }

  /** Until what is on its way into a directory is there; undefined when nothing is. */
  settled(parent: FuseNode | undefined): Promise<unknown> | undefined {
    const births = parent && this.#births.get(parent);
    return births === undefined ? undefined : Promise.all(births);
  }
}

/** How long (ms) others wait for a file that was closed and is still on its way to the service. */
const PATIENCE = 1000;

/** ms since 1970: the year 9999. */
const MAX_TIME = 253_402_300_799_000;

/** The mode of a file. Only its owner has any right: what agents keep is not for every user to read. */
export function modeOf(stat: FileStat): number {
  if (stat.kind === "link") return S.IFLNK | 0o777;
  const rights = (stat.access.includes("r") ? 0o400 : 0) | (stat.access.includes("w") ? 0o200 : 0);
  return stat.kind === "file" ? S.IFREG | rights : S.IFDIR | rights | (rights === 0 ? 0 : 0o100);
}

function byteLength(text: string): number {
  return Buffer.byteLength(text);
}
