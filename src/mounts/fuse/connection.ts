import { closeSync, write, writeSync, writevSync } from "node:fs";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";

import { ERRNO, OUT_HEADER } from "./protocol.ts";
import { encodeHeader } from "./reply.ts";
import { newRing, RingReader } from "./ring.ts";

/** What a connection is told to do. */
export interface ConnectionOptions {
  /** `/dev/fuse`, mounted; closed in the end. */
  readonly fd: number;
  /** Takes a frame from the kernel; never throws. */
  readonly take: (frame: Uint8Array) => void;
  /** It was unmounted; `why` when it broke instead. Called once, after the last frame. */
  readonly end: (why: string) => void;
}

/** How many frames are answered before anything else of the process has its turn. */
const BATCH = 64;

/**
 * The two ways of the kernel's device: requests come in by a thread of their own, replies go out from
 * here. It keeps the process alive until it ends, which only unmounting brings about.
 */
export class Connection {
  readonly #fd: number;
  readonly #take: (frame: Uint8Array) => void;
  readonly #end: (why: string) => void;
  readonly #ring: RingReader;
  /** What is still to be told to the kernel, by what it is about. */
  readonly #notices = new Map<string, Uint8Array>();
  /** A small reply with its header: one piece is written faster than two. */
  readonly #whole = new Uint8Array(OUT_HEADER + 16_384);
  #draining = false;
  #ended = false;
  /** The notice that is on its way. */
  #noticing: Promise<void> | undefined;

  constructor(options: ConnectionOptions) {
    this.#fd = options.fd;
    this.#take = options.take;
    this.#end = options.end;
    const memory = newRing();
    this.#ring = new RingReader(memory);
    // Started by its source or its built file, whichever this is.
    const entry = new URL(`./reader-thread${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(entry, {
      workerData: { fd: this.#fd, ring: memory, pid: process.pid },
      execArgv: [],
      env: {},
      stdin: false,
    });
    worker.on("message", (message: 0 | string) => {
      if (message === 0) this.#drain();
      else this.#close(message);
    });
    worker.on("error", (error) => this.#close(String(error)));
    worker.on("exit", () => this.#close("the thread that reads requests ended"));
  }

  /** Answers a request; `errno` 0 when all went well. */
  reply(unique: number, errno: number, body?: Uint8Array): void {
    if (this.#ended) return;
    const bytes = body?.byteLength ?? 0;
    const header = encodeHeader(unique, errno, bytes);
    try {
      if (body === undefined || bytes === 0) {
        writeSync(this.#fd, header);
      } else if (bytes > this.#whole.byteLength - OUT_HEADER) {
        writevSync(this.#fd, [header, body]);
      } else {
        this.#whole.set(header);
        this.#whole.set(body, OUT_HEADER);
        writeSync(this.#fd, this.#whole, 0, OUT_HEADER + bytes);
      }
    } catch (error) {
      // ENOENT: nobody waits for it any more. ENODEV, EPERM: it was unmounted, as the thread says soon.
      // EINVAL: the kernel does not take such an answer, and whoever waits must get another one.
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EINVAL" && errno !== ERRNO.EIO) this.reply(unique, ERRNO.EIO);
    }
  }

  /**
   * Tells the kernel something unasked. Of those with one `key` that wait, the last is told. One at a
   * time and never from the answering thread: the kernel may have it wait for a request to be answered.
   */
  notify(key: string, notice: Uint8Array): void {
    this.#notices.set(key, notice);
    this.#noticing ??= this.#tellAll();
  }

  async #tellAll(): Promise<void> {
    for (const [key, notice] of this.#notices) {
      this.#notices.delete(key);
      lane = lane.then(() => this.#tell(notice));
      await lane;
    }
    this.#noticing = undefined;
  }

  #tell(notice: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended) resolve();
      // ENOENT: the kernel does not know it any more.
      else write(this.#fd, notice, () => resolve());
    });
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    for (let count = 0; count < BATCH; count += 1) {
      const frame = this.#ring.take();
      if (frame === undefined) {
        this.#draining = false;
        return;
      }
      this.#take(frame);
    }
    setImmediate(() => {
      this.#draining = false;
      this.#drain();
    });
  }

  #close(why: string): void {
    if (this.#ended) return;
    for (let frame = this.#ring.take(); frame !== undefined; frame = this.#ring.take()) {
      this.#take(frame);
    }
    this.#ended = true;
    this.#notices.clear();
    // A notice may be on its way to the number, which is another file's as soon as it is closed.
    void (this.#noticing ?? Promise.resolve()).then(() => closeSync(this.#fd));
    this.#end(why);
  }
}

/**
 * What goes to the kernel unasked, of all mounts of the process: it may block a thread of Node's pool,
 * and must not have all of them.
 */
let lane: Promise<void> = Promise.resolve();
