import { closeSync, openSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

import { FileError } from "../core/file-error.ts";
import type { FileService } from "../core/ports/files.ts";
import { Connection } from "./fuse/connection.ts";
import { FuseServer } from "./fuse/server.ts";
import {
  breakOff,
  breakOffSync,
  DEVICE,
  freeDirectory,
  mount,
  mounted,
  readAhead,
  unmountWhenGone,
  whyNot,
} from "./fuse/system.ts";
import type { MountedAt } from "./fuse/system.ts";

export interface FuseOptions {
  /** What is mounted: its root becomes the directory. */
  readonly files: FileService;
  /** An empty directory. */
  readonly dir: string;
  /** What mount(8) lists it as: letters, digits, `_` and `-`. Default `agents`. */
  readonly name?: string | undefined;
  /** Every change is EROFS. Default false. */
  readonly readOnly?: boolean | undefined;
  /** Whom all files belong to: nobody else but root may use them. Default: who runs this process. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Told of what nobody foresaw, where users only see EIO. */
  readonly onProblem?: ((problem: unknown) => void) | undefined;
}

/** A mounted directory. It keeps the process alive. */
export interface FuseMount {
  /** The real path of its directory. */
  readonly dir: string;
  /**
   * Changes that are under way have a second to end; whoever then still waits for something in it gets
   * an error. Does nothing when it is unmounted. @throws EBUSY with what umount(8) said
   */
  unmount(): Promise<void>;
  /** Settles when it is unmounted, from wherever that was asked for; never rejects. */
  readonly closed: Promise<void>;
  /**
   * What is at `path` of the service is another one. Needed only for a service whose `watch` does not
   * tell; without it, users see a change after a second.
   */
  invalidate(path: string): void;
}

/** How much (KiB) of a file that is read in sequence is asked for ahead. */
const READ_AHEAD = 1024;

/** How long (ms) changes that are under way have for ending before it is unmounted. */
const PATIENCE = 1000;
const TURN = 10;

/** Why this process can mount nothing, and what to do instead; undefined when it can. */
export function canMount(): string | undefined {
  return whyNot();
}

/**
 * Mounts a service on a directory: every program of the machine then reads and writes it as files. It is
 * unmounted when the process ends, whatever ends it. This process itself must not use the directory
 * (EDEADLK): it would wait for its own answer.
 *
 * @throws FileError: ENOTSUP with what `canMount` says; ENOENT, ENOTDIR, ENOTEMPTY, EBUSY for the
 * directory; EIO with what mount(8) said
 */
export async function mountFuse(options: FuseOptions): Promise<FuseMount> {
  const { name = "agents", readOnly = false } = options;
  if (!/^[\w-]+$/.test(name)) {
    throw new FileError("EINVAL", `Cannot mount as "${name}": take letters, digits, _ and -`);
  }
  const reason = canMount();
  if (reason !== undefined) throw new FileError("ENOTSUP", reason);
  const dir = await freeDirectory(options.dir);
  const [user, group] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  const fd = openDevice();
  let at: MountedAt;
  try {
    const flags = "rootmode=40000,nosuid,nodev,default_permissions,allow_other";
    const mode = readOnly ? "ro" : "rw";
    await mount(fd, name, dir, `fd=0,${flags},user_id=${user},group_id=${group},${mode}`);
    at = await found(dir);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const made = new Mount({
    files: options.files,
    readOnly,
    uid: options.uid ?? user,
    gid: options.gid ?? group,
    onProblem: options.onProblem ?? (() => {}),
    at,
    fd,
  });
  await made.begin();
  return made;
}

function openDevice(): number {
  try {
    return openSync(DEVICE, "r+");
  } catch (cause) {
    throw new FileError("ENOTSUP", `Cannot open ${DEVICE}: ${String(cause)}`, { cause });
  }
}

/** What was mounted on a directory last. @throws EIO when somebody took it away at once */
async function found(dir: string): Promise<MountedAt> {
  const at = (await mounted()).findLast((known) => known.dir === dir);
  if (at === undefined) throw new FileError("EIO", `The mount "${dir}" is gone`);
  return at;
}

interface MountParts {
  readonly files: FileService;
  readonly at: MountedAt;
  readonly fd: number;
  readonly readOnly: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly onProblem: (problem: unknown) => void;
}

class Mount implements FuseMount {
  readonly at: MountedAt;
  readonly #files: FileService;
  readonly #server: FuseServer;
  readonly #stop = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  #dismiss: () => void = () => {};
  #leaving: Promise<void> | undefined;

  constructor(parts: MountParts) {
    this.at = parts.at;
    this.#files = parts.files;
    const { onProblem } = parts;
    let connection: Connection | undefined = undefined;
    const server = new FuseServer({
      ...parts,
      reply: (unique, errno, body) => connection?.reply(unique, errno, body),
      notify: (key, notice) => connection?.notify(key, notice),
    });
    this.#server = server;
    LIVE.add(this);
    if (LIVE.size === 1) process.on("exit", unmountAll);
    connection = new Connection({
      fd: parts.fd,
      take: (frame) => server.take(frame),
      end: (why) => {
        if (why !== "") onProblem(new FileError("EIO", `The mount "${this.dir}" broke: ${why}`));
        this.#end();
      },
    });
  }

  get dir(): string {
    return this.at.dir;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Until the kernel has begun to ask. */
  async begin(): Promise<void> {
    if (LIVE.has(this)) this.#dismiss = unmountWhenGone(this.at);
    await readAhead(this.at.device, READ_AHEAD);
    await this.#server.ready;
    void this.#watch();
  }

  async unmount(): Promise<void> {
    // What was closed a moment ago is still on its way here.
    const end = performance.now() + PATIENCE;
    do await setTimeout(TURN);
    while (this.#server.changing && performance.now() < end);
    // By force even when nobody uses it here: another mount namespace may have a copy.
    this.#leaving ??= LIVE.has(this) ? breakOff(this.at) : Promise.resolve();
    try {
      await this.#leaving;
    } catch (error) {
      this.#leaving = undefined;
      // Else somebody else was faster.
      if (LIVE.has(this)) throw error;
    }
    await this.closed;
  }

  invalidate(path: string): void {
    this.#server.invalidate(path);
  }

  async #watch(): Promise<void> {
    try {
      for await (const path of this.#files.watch("/", this.#stop.signal)) {
        this.#server.invalidate(path);
      }
    } catch {
      // It cannot be watched: then what the kernel keeps is old after a second.
    }
  }

  #end(): void {
    this.#stop.abort();
    this.#server.end();
    this.#dismiss();
    LIVE.delete(this);
    if (LIVE.size === 0) process.off("exit", unmountAll);
    this.#closed.resolve();
  }
}

/** The mounts of this process. */
const LIVE = new Set<Mount>();

/** The process ends: a thread that waits for a request of the kernel would keep it from doing so. */
function unmountAll(): void {
  for (const { at } of LIVE) breakOffSync(at);
}
