import { errnoOf, FileError } from "../../core/file-error.ts";
import type { FileStat } from "../../core/ports/files.ts";
import { CommandsFile } from "./commands-file.ts";
import { ExchangeFile } from "./exchange-file.ts";
import type { MountState } from "./mount-state.ts";
import type { FuseNode } from "./node-table.ts";
import type { OpenFile, Waiting } from "./open-file.ts";
import { FOPEN, O, POLL, S } from "./protocol.ts";
import { RangedFile, resize } from "./ranged-file.ts";
import {
  encodeAttributes,
  encodeCreated,
  encodeEntry,
  encodeOpen,
  encodePoll,
  encodeWritten,
} from "./reply.ts";
import type { Attributes, PollAsked } from "./request.ts";
import { ReadFile } from "./read-file.ts";
import { StreamFile } from "./stream-file.ts";
import type { Answer } from "./tree-operations.ts";
import { WHOLE_LIMIT, WholeFile } from "./whole-file.ts";

/** An open file, and what it is open on. */
interface Handle {
  readonly node: FuseNode;
  readonly file: OpenFile;
  /** The node is no longer used by it. */
  readonly done: () => void;
  /** Polls that are to be told when there is something to read. */
  readonly polls: Set<bigint>;
}

/** How a file is opened, and what the kernel is to do with it. */
interface Opening {
  readonly file: OpenFile;
  readonly flags: number;
  /** What it was at that time, for the kernel to know whether what it keeps of it still stands. */
  readonly revision?: string | undefined;
}

/** Operations on attributes and open files. */
export class FileOperations {
  readonly #state: MountState;
  readonly #ready: (poll: bigint) => void;
  readonly #handles = new Map<number, Handle>();
  #nextHandle = 1;

  /** `ready` tells the kernel that what a poll waits for is there. */
  constructor(state: MountState, ready: (poll: bigint) => void) {
    this.#state = state;
    this.#ready = ready;
  }

  /** How many files are open. */
  get size(): number {
    return this.#handles.size;
  }

  /** Nobody has anything open any more. */
  releaseAll(): void {
    for (const fh of this.#handles.keys()) this.release(fh);
  }

  async attributes(node: FuseNode, fh: number | undefined): Promise<Answer> {
    const { stat, ttl } = await this.#current(node, fh);
    return encodeAttributes(this.#state.attributes(node, stat), ttl);
  }

  async setAttributes(node: FuseNode, asked: Attributes): Promise<Answer> {
    const changes = asked.size !== undefined || asked.mode !== undefined;
    if (changes || asked.uid !== undefined || asked.gid !== undefined) {
      this.#state.demandWritable();
      await this.#demandSame(node, asked);
    }
    const { size, fh } = asked;
    if (size !== undefined) {
      const file = fh === undefined ? node.unborn : this.#handle(fh).file;
      if (fh !== undefined) node.writer = file;
      if (file !== undefined) await file.truncate(size);
      else await this.#resize(node, size);
      this.#state.doubt(node);
    }
    return this.attributes(node, fh);
  }

  /** What was said to a file of commands has no size. */
  async #resize(node: FuseNode, size: number): Promise<void> {
    const { nature } = await this.#state.recent(node);
    if (nature !== "commands") await resize(this.#state.files, this.#state.path(node), size);
  }

  async open(node: FuseNode, flags: number): Promise<Answer> {
    const writes = (flags & O.ACCMODE) !== O.RDONLY;
    if (writes) this.#state.demandWritable();
    // What was closed may still be on its way.
    await this.#state.settled(node.parent);
    if (node.unborn !== undefined) {
      const file = this.#whole({ node, name: node.name, stat: undefined, flags, creates: false });
      return () => encodeOpen(this.#add(node, file), FOPEN.DIRECT_IO);
    }
    const stat = await this.#state.recent(node);
    await this.#prepare(this.#state.path(node), stat, flags);
    return () => this.#opened(node, stat, flags);
  }

  async create(parent: FuseNode, name: string, flags: number): Promise<Answer> {
    this.#state.demandWritable();
    await this.#state.settled(parent);
    const path = this.#state.pathIn(parent, name);
    const { files } = this.#state;
    const exists = (): FileError => new FileError("EEXIST", `Cannot make "${path}": it exists`);
    const exclusive = (flags & O.EXCL) !== 0;
    const directory = await this.#state.recent(parent);
    let stat = await statIfThere(files.stat(path));
    if (stat === undefined && directory.nature === "ranged") {
      await files.write(path, new Uint8Array(0), exclusive ? { create: "only" } : {});
      stat = await files.stat(path);
    } else if (stat !== undefined && exclusive) {
      throw exists();
    }
    if (stat !== undefined) {
      const known = stat;
      await this.#prepare(path, known, flags);
      return () => {
        const entry = this.#state.encodeEntry(parent, name, known);
        const node = this.#state.nodes.child(parent, name);
        return encodeCreated(entry, this.#opened(node, known, flags));
      };
    }
    // One that only lets things be removed has no room for a new entry.
    if (!directory.access.includes("w") || directory.limit === 0) {
      throw new FileError("EACCES", `Cannot make "${path}": its directory takes nothing`);
    }
    return () => {
      const there = parent.children?.get(name)?.unborn;
      // Another one was faster.
      if (there !== undefined && exclusive) throw exists();
      const node = this.#state.nodes.child(parent, name);
      const limit = directory.limit;
      const creates = there === undefined;
      const file = this.#whole({ node, name, stat: undefined, limit, flags, creates });
      node.kind = "file";
      if (creates) node.unborn = file;
      this.#state.nodes.keep(node);
      const stat = this.#state.unbornStat(node, 0);
      const entry = encodeEntry(node.id, this.#state.attributes(node, stat), 0);
      return encodeCreated(entry, encodeOpen(this.#add(node, file), FOPEN.DIRECT_IO));
    };
  }

  read(fh: number, at: ReadAt, waiting: Waiting): Promise<Uint8Array> | Uint8Array {
    return this.#handle(fh).file.read(at.offset, at.size, waiting);
  }

  async write(fh: number, offset: number, data: Uint8Array): Promise<Answer> {
    const { file, node } = this.#handle(fh);
    node.writer = file;
    await file.write(offset, data);
    this.#state.doubt(node);
    return encodeWritten(data.byteLength);
  }

  async flush(fh: number): Promise<Answer> {
    await this.#handle(fh).file.flush();
    return undefined;
  }

  async sync(fh: number): Promise<Answer> {
    await this.#handle(fh).file.sync();
    return undefined;
  }

  release(fh: number): undefined {
    const handle = this.#handles.get(fh);
    if (handle === undefined) return;
    this.#handles.delete(fh);
    const { node, file, done } = handle;
    const end = (): void => {
      if (node.writer === file) node.writer = undefined;
      if (node.unborn === file) {
        // The service took it for something of its own, or did not take it.
        node.unborn = undefined;
        this.#state.nodes.detach(node);
      }
      done();
    };
    const released = file.release();
    if (released === undefined) {
      end();
      return;
    }
    const birth = released.then(end, end);
    if (node.parent !== undefined) this.#state.bear(node.parent, birth);
  }

  poll(fh: number, asked: PollAsked): Answer {
    const { file, polls } = this.#handle(fh);
    if (file.ready !== false) return encodePoll(asked.events & ALWAYS);
    if (asked.schedule) {
      if (polls.size === 0) {
        file.wake?.(() => {
          for (const poll of polls) this.#ready(poll);
          polls.clear();
        });
      }
      polls.add(asked.kh);
    }
    return encodePoll(asked.events & ALWAYS & ~(POLL.IN | POLL.RDNORM));
  }

  #handle(fh: number): Handle {
    const handle = this.#handles.get(fh);
    if (handle === undefined) throw new FileError("ESTALE", `There is no open file ${fh}`);
    return handle;
  }

  #add(node: FuseNode, file: OpenFile): number {
    const fh = this.#nextHandle++;
    const done = this.#state.nodes.use(node);
    this.#handles.set(fh, { node, file, done, polls: new Set() });
    // Opening may have emptied it.
    if (file.sizeNow?.(0) !== undefined) node.writer = file;
    return fh;
  }

  /** What a node is now, as an open file sees it, and how long (s) that may be taken for true. */
  async #current(
    node: FuseNode,
    fh: number | undefined,
  ): Promise<{ stat: FileStat; ttl?: number }> {
    await this.#state.settled(node.parent);
    // The kernel names no open file for fstat(2): the one that was written to is meant.
    const file = fh === undefined ? node.writer : this.#handles.get(fh)?.file;
    if (node.unborn !== undefined) {
      const size = (file ?? node.unborn).sizeNow?.(0) ?? 0;
      return { stat: this.#state.unbornStat(node, size), ttl: 0 };
    }
    if (this.#state.nodes.pathOf(node) === undefined && file !== undefined) {
      const stat = node.stat ?? this.#state.unbornStat(node, 0);
      return { stat: { ...stat, size: file.sizeNow?.(stat.size) ?? stat.size }, ttl: 0 };
    }
    const stat = await this.#state.stat(node);
    const size = file?.sizeNow?.(stat.size);
    return size === undefined ? { stat } : { stat: { ...stat, size }, ttl: 0 };
  }

  /**
   * @throws ENOTSUP for another owner, and for the bits of a mode that have it run or be removed as another
   * one's. Other rights follow from what the service lets one do: to ask for them changes nothing.
   */
  async #demandSame(node: FuseNode, { mode, uid, gid, fh }: Attributes): Promise<void> {
    if (mode === undefined && uid === undefined && gid === undefined) return;
    const { stat } = await this.#current(node, fh);
    const now = this.#state.attributes(node, stat);
    const same =
      ((mode ?? 0) & S.BEYOND_RIGHTS) === 0 &&
      (uid === undefined || uid === now.uid) &&
      (gid === undefined || gid === now.gid);
    if (!same) throw new FileError("ENOTSUP", `Cannot change the owner or mode of "${node.name}"`);
  }

  /** What must be done before a file is open. @throws what keeps it from being opened */
  async #prepare(path: string, stat: FileStat, flags: number): Promise<void> {
    demandAccess(stat, flags);
    const empties = (flags & O.TRUNC) !== 0 && (flags & O.ACCMODE) !== O.RDONLY;
    if (empties && stat.nature === "ranged") await resize(this.#state.files, path, 0);
  }

  #opening(node: FuseNode, stat: FileStat, flags: number): Opening {
    const { files } = this.#state;
    const path = (): string => this.#state.path(node);
    const reads = (flags & O.ACCMODE) === O.RDONLY;
    const direct = FOPEN.DIRECT_IO | (reads ? FOPEN.NOFLUSH : 0);
    switch (stat.nature) {
      case "ranged": {
        const written = (): void => this.#state.doubt(node);
        const file = new RangedFile({ files, path, flags, written });
        if (stat.size === undefined) return { file, flags: direct };
        return { file, flags: reads ? FOPEN.NOFLUSH : 0, revision: stat.revision };
      }
      case "exchange": {
        const limit = stat.limit ?? WHOLE_LIMIT;
        return { file: new ExchangeFile({ files, path, limit, flags }), flags: direct };
      }
      case "stream": {
        if (reads && (flags & O.NONBLOCK) !== 0) break;
        return {
          file: new StreamFile({ files, path, kept: stat.size !== undefined }),
          flags: direct,
        };
      }
      case "commands": {
        if (reads) break;
        const limit = stat.limit ?? WHOLE_LIMIT;
        return { file: new CommandsFile({ files, path, limit }), flags: direct };
      }
      case undefined:
        break;
    }
    if (reads) return { file: new ReadFile({ files, path, size: stat.size }), flags: direct };
    return {
      file: this.#whole({ node, name: stat.name, stat, flags, creates: false }),
      flags: direct,
    };
  }

  #opened(node: FuseNode, stat: FileStat, how: number): Uint8Array {
    const { file, flags, revision } = this.#opening(node, stat, how);
    const same = revision !== undefined && revision === node.cached;
    node.cached = revision;
    return encodeOpen(this.#add(node, file), same ? flags | FOPEN.KEEP_CACHE : flags);
  }

  #whole(of: WholeOf): WholeFile {
    const { node, name, stat, flags, creates } = of;
    const file: WholeFile = new WholeFile({
      files: this.#state.files,
      name,
      path: () => this.#state.nodes.pathOf(node),
      stat,
      limit: of.limit ?? stat?.limit ?? WHOLE_LIMIT,
      flags,
      creates,
      saved: (there) => {
        this.#state.doubt(node);
        this.#state.doubt(node.parent);
        if (there) node.unborn = undefined;
      },
    });
    return file;
  }
}

interface ReadAt {
  readonly offset: number;
  readonly size: number;
}

interface WholeOf {
  readonly node: FuseNode;
  readonly name: string;
  readonly stat: FileStat | undefined;
  readonly limit?: number | undefined;
  readonly flags: number;
  readonly creates: boolean;
}

/** What holds of a file that never has a reader wait. */
const ALWAYS = POLL.IN | POLL.OUT | POLL.RDNORM | POLL.WRNORM;

/** The kernel asks that of everybody but root. */
function demandAccess(stat: FileStat, flags: number): void {
  if (stat.kind === "directory") throw new FileError("EISDIR", `"${stat.name}" is a directory`);
  if (stat.kind === "link") throw new FileError("ELOOP", `"${stat.name}" is a link`);
  const mode = flags & O.ACCMODE;
  if (
    (mode !== O.RDONLY && !stat.access.includes("w")) ||
    (mode !== O.WRONLY && !stat.access.includes("r"))
  ) {
    throw new FileError("EACCES", `Cannot open "${stat.name}": it may not be used like this`);
  }
}

async function statIfThere(asked: Promise<FileStat>): Promise<FileStat | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
