import { errnoOf, FileError } from "../../core/file-error.ts";
import type { FileStat } from "../../core/ports/files.ts";
import type { MountState } from "./mount-state.ts";
import type { FuseNode } from "./node-table.ts";
import { RENAME_NOREPLACE } from "./protocol.ts";
import { encodeEntry } from "./reply.ts";
import type { RenameTo } from "./request.ts";

/**
 * What an operation gives: the body of the reply, or what makes it at the moment when it is sent. What
 * the kernel is then told of (nodes, handles) begins to exist there and not before: a request that was
 * given up leaves nothing behind.
 */
export type Answer = Uint8Array | undefined | (() => Uint8Array | undefined);

/** Operations on names. */
export class TreeOperations {
  readonly #state: MountState;

  constructor(state: MountState) {
    this.#state = state;
  }

  async lookup(parent: FuseNode, name: string): Promise<Answer> {
    await this.#state.settled(parent);
    const child = parent.children?.get(name);
    if (child?.unborn !== undefined) return () => this.#unborn(parent, name);
    const stat = await this.#state.files.stat(this.#state.pathIn(parent, name));
    return () => this.#state.encodeEntry(parent, name, stat);
  }

  async makeDirectory(parent: FuseNode, name: string): Promise<Answer> {
    this.#state.demandWritable();
    const { files } = this.#state;
    const path = this.#state.pathIn(parent, name);
    if (files.makeDirectory === undefined) {
      throw new FileError("ENOTSUP", `Cannot make the directory "${path}": nothing here can`);
    }
    await this.#state.settled(parent);
    await files.makeDirectory(path);
    return this.#made(parent, name);
  }

  async makeFile(parent: FuseNode, name: string): Promise<Answer> {
    this.#state.demandWritable();
    const path = this.#state.pathIn(parent, name);
    await this.#state.settled(parent);
    await this.#state.files.write(path, new Uint8Array(0), { create: "only" });
    return this.#made(parent, name);
  }

  /** UNLINK and RMDIR: which of them it is, the kernel has looked at. */
  async remove(parent: FuseNode, name: string): Promise<Answer> {
    this.#state.demandWritable();
    await this.#state.settled(parent);
    const { unborn } = parent.children?.get(name) ?? {};
    if (unborn === undefined) {
      await this.#state.files.remove(this.#state.pathIn(parent, name));
    } else {
      unborn.drop();
    }
    this.#gone(parent, name);
    return undefined;
  }

  async rename(from: FuseNode, name: string, to: RenameTo): Promise<Answer> {
    this.#state.demandWritable();
    if ((to.flags & ~RENAME_NOREPLACE) !== 0) {
      throw new FileError("EINVAL", `Cannot rename "${name}": what is asked for is not supported`);
    }
    const target = this.#state.node(to.to);
    await this.#state.settled(from);
    await this.#state.settled(target);
    // What was written to it so far is what goes there.
    await from.children?.get(name)?.unborn?.sync();
    const path = this.#state.pathIn(target, to.toName);
    if (to.flags !== 0 && (await this.#exists(target, to.toName))) {
      throw new FileError("EEXIST", `Cannot rename "${name}" to "${path}": it exists`);
    }
    await this.#state.files.rename(this.#state.pathIn(from, name), path);
    const node = from.children?.get(name);
    if (node === undefined) {
      this.#gone(target, to.toName);
    } else {
      this.#state.nodes.move(node, target, to.toName);
      this.#state.doubt(node);
    }
    return undefined;
  }

  async readLink(node: FuseNode): Promise<Answer> {
    const { kind, target } = await this.#state.recent(node);
    if (kind !== "link") throw new FileError("EINVAL", `"${node.name}" is no link`);
    if (target === undefined) {
      throw new FileError("EACCES", `Cannot say where "${node.name}" leads: not to anything here`);
    }
    return Buffer.from(target);
  }

  async #made(parent: FuseNode, name: string): Promise<Answer> {
    const stat: FileStat = await this.#state.files.stat(this.#state.pathIn(parent, name));
    return () => this.#state.encodeEntry(parent, name, stat);
  }

  #unborn(parent: FuseNode, name: string): Uint8Array {
    const node = this.#state.nodes.child(parent, name);
    const stat = this.#state.unbornStat(node, node.unborn?.sizeNow?.(0) ?? 0);
    this.#state.nodes.keep(node);
    return encodeEntry(node.id, this.#state.attributes(node, stat), 0);
  }

  #gone(parent: FuseNode, name: string): void {
    const node = parent.children?.get(name);
    if (node !== undefined) this.#state.nodes.detach(node);
  }

  async #exists(parent: FuseNode, name: string): Promise<boolean> {
    if (parent.children?.get(name)?.unborn !== undefined) return true;
    try {
      await this.#state.files.stat(this.#state.pathIn(parent, name));
      return true;
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return false;
      throw error;
    }
  }
}
