import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";

import { FileError } from "../core/file-error.ts";
import type { FileService } from "../core/ports/files.ts";
import { Connection } from "./fuse/connection.ts";
import { FuseServer } from "./fuse/server.ts";
import {
  DEVICE,
  FORCED,
  freeDirectory,
  mount,
  mounted,
  readAhead,
  unmountByForce,
  unmountIdle,
  unmountWhenGone,
  whyNot,
} from "./fuse/system.ts";

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
  /** Whoever still waits for something in it gets an error. Does nothing when it is unmounted. */
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
  const fd = openSync(DEVICE, "r+");
  try {
    const flags = "rootmode=40000,nosuid,nodev,default_permissions,allow_other";
    const mode = readOnly ? "ro" : "rw";
    await mount(fd, name, dir, `fd=0,${flags},user_id=${user},group_id=${group},${mode}`);
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
    dir,
    fd,
  });
  await made.begin();
  return made;
}

interface MountParts {
  readonly files: FileService;
  readonly dir: string;
  readonly fd: number;
  readonly readOnly: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly onProblem: (problem: unknown) => void;
}

class Mount implements FuseMount {
  readonly dir: string;
  readonly #files: FileService;
  readonly #server: FuseServer;
  readonly #stop = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  #dismiss: () => void = () => {};

  constructor(parts: MountParts) {
    this.dir = parts.dir;
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

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Until the kernel has begun to ask. */
  async begin(): Promise<void> {
    const there = (await mounted()).findLast((known) => known.dir === this.dir);
    if (there !== undefined) {
      if (LIVE.has(this)) this.#dismiss = unmountWhenGone(this.dir, there.id);
      await readAhead(there.device, READ_AHEAD);
    }
    await this.#server.ready;
    void this.#watch();
  }

  async unmount(): Promise<void> {
    if (LIVE.has(this) && !(await unmountIdle(this.dir)) && LIVE.has(this)) {
      await unmountByForce(this.dir);
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
  const [command, ...args] = FORCED;
  for (const { dir } of LIVE) {
    spawnSync(command, [...args, dir], { cwd: "/", stdio: "ignore", timeout: 5000 });
  }
}
