import { errnoOf, FileError } from "../../core/file-error.ts";
import type { FileService, FileStat } from "../../core/ports/files.ts";
import { DirectoryListing } from "./directory-listing.ts";
import { FileOperations } from "./file-operations.ts";
import { modeOf, MountState } from "./mount-state.ts";
import type { FuseNode } from "./node-table.ts";
import type { Waiting } from "./open-file.ts";
import { ERRNO, INIT_FLAG2_HAS_EXPIRE_ONLY, S } from "./protocol.ts";
import {
  DirectoryReply,
  encodeInit,
  encodeOpen,
  encodePollNotice,
  encodeStaleName,
  encodeStaleNode,
  encodeStatfs,
} from "./reply.ts";
import type { KnownEntry } from "./reply.ts";
import { isName, parseRequest, ProtocolError } from "./request.ts";
import type { DirectoryRange, FuseRequest } from "./request.ts";
import { TreeOperations } from "./tree-operations.ts";
import type { Answer } from "./tree-operations.ts";

export interface FuseServerOptions {
  readonly files: FileService;
  readonly readOnly: boolean;
  readonly uid: number;
  readonly gid: number;
  /** Answers a request; `errno` 0 when all went well. */
  readonly reply: (unique: number, errno: number, body?: Uint8Array) => void;
  /** Tells the kernel something unasked; of those with one key, the last. */
  readonly notify: (key: string, notice: Uint8Array) => void;
  /** Something that nobody foresaw went wrong: the kernel was told EIO. */
  readonly onProblem: (problem: unknown) => void;
}

/** How long (ms) a change that is interrupted may still take, so that it is not said to have failed. */
const GRACE = 1000;

/** What is given up at once when it is interrupted: nothing is changed by it. */
const LOOKS: ReadonlySet<FuseRequest["op"]> = new Set([
  "lookup",
  "getattr",
  "open",
  "opendir",
  "read",
  "readdir",
  "readlink",
]);

/** A request that is being worked on. */
interface Pending extends Waiting {
  readonly op: FuseRequest["op"];
}

/** An open directory. */
interface DirectoryHandle {
  readonly node: FuseNode;
  readonly listing: DirectoryListing;
  readonly done: () => void;
}

/** Answers the kernel's requests, all at once, from a service. It knows no device: frames in, replies out. */
export class FuseServer {
  readonly #options: FuseServerOptions;
  readonly #state: MountState;
  readonly #tree: TreeOperations;
  readonly #open: FileOperations;
  readonly #directories = new Map<number, DirectoryHandle>();
  readonly #pending = new Map<number, Pending>();
  #nextDirectory = 1;
  #expires = false;
  readonly #ready = Promise.withResolvers<void>();

  constructor(options: FuseServerOptions) {
    this.#options = options;
    this.#state = new MountState(options);
    this.#tree = new TreeOperations(this.#state);
    this.#open = new FileOperations(this.#state, (poll) => {
      options.notify(`poll ${poll}`, encodePollNotice(poll));
    });
  }

  /** Until the kernel has begun. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** How much is kept: nodes that the kernel knows, open files and directories, requests at work. */
  get size(): { nodes: number; files: number; directories: number; requests: number } {
    return {
      nodes: this.#state.nodes.size,
      files: this.#open.size,
      directories: this.#directories.size,
      requests: this.#pending.size,
    };
  }

  /** Takes a frame. Whatever it holds, it throws nothing, and what can be answered is answered. */
  take(frame: Uint8Array): void {
    let request: FuseRequest;
    try {
      request = parseRequest(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (error.unique !== undefined) this.#options.reply(error.unique, ERRNO[error.errno]);
      return;
    }
    if (request.op === "forget") {
      for (const { node, count } of request.nodes) this.#state.nodes.forget(node, count);
      return;
    }
    if (request.op === "interrupt") {
      this.#interrupt(request.target);
      return;
    }
    const pending: Pending = { op: request.op, onInterrupt: undefined };
    try {
      const answer = this.#perform(request, pending);
      if (answer instanceof Promise) this.#await(request.unique, pending, answer);
      else this.#give(request.unique, answer);
    } catch (error) {
      this.#fail(request.unique, error);
    }
  }

  /** True while something is being changed: it is not to be cut off in the middle. */
  get changing(): boolean {
    return this.#state.bearing || [...this.#pending.values()].some(({ op }) => !LOOKS.has(op));
  }

  /** What is at `path`, or in it, is another one: the kernel forgets what it keeps of it. */
  invalidate(path: string): void {
    const node = this.#state.nodes.find(path);
    const parent = this.#state.nodes.find(path.slice(0, path.lastIndexOf("/")));
    if (parent !== undefined) this.#stale(parent);
    if (node === undefined || node === this.#state.nodes.root) return;
    this.#stale(node);
    if (this.#expires && node.parent !== undefined) {
      this.#options.notify(`name ${node.id}`, encodeStaleName(node.parent.id, node.name));
    }
  }

  /** It was unmounted: whatever was open no longer is. */
  end(): void {
    this.#ready.reject(new FileError("ENOTSUP", "It was unmounted before it began"));
    this.#ready.promise.catch(() => {});
    for (const unique of this.#pending.keys()) this.#giveUp(unique);
    for (const fh of this.#directories.keys()) this.#releaseDirectory(fh);
    this.#open.releaseAll();
  }

  #stale(node: FuseNode): void {
    this.#state.doubt(node);
    const data = node.kind === "file";
    this.#options.notify(`node ${node.id}`, encodeStaleNode(node.id, data));
  }

  #perform(request: FuseRequest, waiting: Waiting): Promise<Answer> | Answer {
    switch (request.op) {
      case "read":
        return this.#open.read(request.fh, request, waiting);
      case "lookup":
        return this.#tree.lookup(this.#state.node(request.node), request.name);
      case "open":
        return this.#open.open(this.#state.node(request.node), request.flags);
      case "release":
        return this.#open.release(request.fh);
      case "getattr":
        return this.#open.attributes(this.#state.node(request.node), request.fh);
      case "write":
        return this.#open.write(request.fh, request.offset, request.data);
      case "flush":
        return this.#open.flush(request.fh);
      case "fsync":
        return this.#open.sync(request.fh);
      case "create":
        return this.#open.create(this.#state.node(request.node), request.name, request.flags);
      case "setattr":
        return this.#open.setAttributes(this.#state.node(request.node), request);
      case "poll":
        return this.#open.poll(request.fh, request);
      case "mkdir":
        return this.#tree.makeDirectory(this.#state.node(request.node), request.name);
      case "mknod":
        return this.#tree.makeFile(this.#state.node(request.node), request.name);
      case "unlink":
      case "rmdir":
        return this.#tree.remove(this.#state.node(request.node), request.name);
      case "rename":
        return this.#tree.rename(this.#state.node(request.node), request.name, request);
      case "readlink":
        return this.#tree.readLink(this.#state.node(request.node));
      case "opendir":
        return this.#openDirectory(this.#state.node(request.node));
      case "readdir":
        return this.#readDirectory(request, request.plus);
      case "releasedir":
        return this.#releaseDirectory(request.fh);
      case "statfs":
        return encodeStatfs();
      case "init":
        this.#expires = (request.flags2 & INIT_FLAG2_HAS_EXPIRE_ONLY) !== 0;
        this.#ready.resolve();
        return encodeInit(request);
      case "fsyncdir":
      case "destroy":
        return undefined;
      case "access":
        // The kernel looks at the mode, and then asks no more.
        throw new Refusal(ERRNO.ENOSYS);
      case "refused":
        throw new Refusal(ERRNO[request.errno]);
      default:
        // What is not answered is dealt with before.
        return undefined;
    }
  }

  async #openDirectory(node: FuseNode): Promise<Answer> {
    await this.#state.settled(node);
    const listing = new DirectoryListing(this.#state.files, () => this.#state.path(node));
    await listing.open();
    return () => {
      const fh = this.#nextDirectory++;
      this.#directories.set(fh, { node, listing, done: this.#state.nodes.use(node) });
      return encodeOpen(fh, 0);
    };
  }

  async #readDirectory(range: DirectoryRange, plus: boolean): Promise<Answer> {
    const { fh, offset, size } = range;
    const handle = this.#directories.get(fh);
    if (handle === undefined) throw new FileError("ESTALE", `There is no open directory ${fh}`);
    const { node, listing } = handle;
    const items = await listing.from(Math.max(0, offset - DOTS.length));
    return () => {
      const reply = new DirectoryReply(Math.min(size, MAX_LISTING), plus);
      for (let place = offset; ; place += 1) {
        const dot = DOTS[place];
        const stat = items[place - Math.max(offset, DOTS.length)];
        if (dot === undefined && stat === undefined) break;
        const name = dot ?? stat?.name ?? "";
        // A name that is none would have the kernel refuse all of it.
        if (dot === undefined && (!isName(name) || Buffer.byteLength(name) > 255)) continue;
        const ino = dot === undefined ? this.#state.nodes.inoOf(node, name) : dotIno(node, dot);
        const mode = stat === undefined || dot !== undefined ? S.IFDIR : modeOf(stat);
        const known = (): KnownEntry | undefined =>
          dot === undefined && stat !== undefined ? this.#known(node, stat) : undefined;
        if (!reply.add({ name, ino, next: place + 1, mode }, known)) break;
      }
      return reply.bytes;
    };
  }

  /** The node of an entry whose attributes a listing has told; undefined when it is better asked for. */
  #known(parent: FuseNode, stat: FileStat): KnownEntry | undefined {
    if (stat.kind === "file" && stat.size === undefined) return undefined;
    if (parent.children?.get(stat.name)?.unborn !== undefined) return undefined;
    const node = this.#state.entry(parent, stat.name, stat);
    return { node: node.id, attributes: this.#state.attributes(node, stat) };
  }

  #releaseDirectory(fh: number): undefined {
    this.#directories.get(fh)?.done();
    this.#directories.delete(fh);
  }

  #await(unique: number, pending: Pending, answer: Promise<Answer>): void {
    this.#pending.set(unique, pending);
    answer.then(
      (given) => {
        if (this.#pending.delete(unique)) this.#give(unique, given);
      },
      (error: unknown) => {
        if (this.#pending.delete(unique)) this.#fail(unique, error);
      },
    );
  }

  #give(unique: number, answer: Answer): void {
    try {
      const body = typeof answer === "function" ? answer() : answer;
      this.#options.reply(unique, 0, body);
    } catch (error) {
      this.#fail(unique, error);
    }
  }

  #fail(unique: number, error: unknown): void {
    if (error instanceof Refusal) {
      this.#options.reply(unique, error.number);
      return;
    }
    const errno = errnoOf(error);
    this.#options.reply(unique, ERRNO[errno]);
    if (errno === "EIO") this.#options.onProblem(error);
  }

  #interrupt(unique: number): void {
    const pending = this.#pending.get(unique);
    if (pending === undefined) return;
    if (LOOKS.has(pending.op)) this.#giveUp(unique);
    else setTimeout(() => this.#giveUp(unique, pending), GRACE).unref();
  }

  #giveUp(unique: number, only?: Pending): void {
    const pending = this.#pending.get(unique);
    if (pending === undefined || (only !== undefined && only !== pending)) return;
    this.#pending.delete(unique);
    pending.onInterrupt?.();
    this.#options.reply(unique, ERRNO.EINTR);
  }
}

/** The entries of every directory that no service names. */
const DOTS = [".", ".."] as const;

/** The most bytes of one reply to READDIR. */
const MAX_LISTING = 1 << 20;

function dotIno(node: FuseNode, dot: "." | ".."): number {
  return dot === "." ? node.ino : (node.parent ?? node).ino;
}

/** An answer that is an error and nobody's fault. */
class Refusal extends Error {
  override readonly name: string = "Refusal";
  readonly number: number;

  constructor(number: number) {
    super("Refused");
    this.number = number;
  }
}
