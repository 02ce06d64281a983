// The thread of connection.ts that waits for requests. While it sits in read(2), so does nothing else.
import { existsSync, readFileSync, readSync, writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

import { ERRNO, IN_HEADER, OPCODE } from "./protocol.ts";
import { encodeHeader } from "./reply.ts";
import { RingWriter } from "./ring.ts";
import type { RingMemory } from "./ring.ts";

const { fd, ring, pid } = workerData as { fd: number; ring: RingMemory; pid: number };

/** What a process may ask of its own mount: what it asks while it waits for nothing. */
const HARMLESS: ReadonlySet<number> = new Set([
  OPCODE.FORGET,
  OPCODE.BATCH_FORGET,
  OPCODE.RELEASE,
  OPCODE.RELEASEDIR,
  OPCODE.INTERRUPT,
  OPCODE.INIT,
  OPCODE.DESTROY,
  OPCODE.NOTIFY_REPLY,
]);

/** How long (ms) another process is taken for another without looking: numbers come again. */
const TRUST = 1000;

const strangers = new Map<number, number>();
const writer = new RingWriter(ring);

for (;;) {
  const room = writer.room();
  let length: number;
  try {
    length = readSync(fd, room);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ENOENT: the request was interrupted before it was read.
    if (code === "EINTR" || code === "EAGAIN" || code === "ENOENT") continue;
    // ENODEV: it was unmounted.
    tell(code === "ENODEV" || code === "ECONNABORTED" ? "" : String(error));
    break;
  }
  if (length === 0) {
    tell("");
    break;
  }
  if (asksItself(room, length)) continue;
  if (writer.push(length)) tell(0);
}

/** 0: there are frames. Else this thread ends: "" when it was unmounted, or what went wrong. */
function tell(message: 0 | string): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is a window's
  parentPort?.postMessage(message);
}

/**
 * Refuses a request of this very process: it may be the thread that answers requests that waits for
 * it, which could then never do so. Hence it is refused here, and not there.
 */
function asksItself(frame: Uint8Array, length: number): boolean {
  if (length < IN_HEADER) return false;
  const view = new DataView(frame.buffer, frame.byteOffset, length);
  const asking = view.getUint32(32, true);
  if (asking === 0 || HARMLESS.has(view.getUint32(4, true)) || !isOwn(asking)) return false;
  const unique = view.getUint32(8, true) + view.getUint32(12, true) * 0x1_0000_0000;
  try {
    writeSync(fd, encodeHeader(unique, ERRNO.EDEADLK, 0));
  } catch {
    // It no longer waits.
  }
  return true;
}

/** True for the threads of this process, and for a child that it waits for until it runs its program. */
function isOwn(asking: number): boolean {
  if (asking === pid) return true;
  const now = performance.now();
  if ((strangers.get(asking) ?? -TRUST) + TRUST > now) return false;
  if (strangers.size > 1000) strangers.clear();
  if (existsSync(`/proc/self/task/${asking}`) || isForkedHere(asking)) return true;
  strangers.set(asking, now);
  return false;
}

/** True for a child of this process that has not run a program yet (PF_FORKNOEXEC). */
function isForkedHere(asking: number): boolean {
  try {
    const stat = readFileSync(`/proc/${asking}/stat`, "latin1");
    // After the name, which may hold anything: state, parent, group, session, terminal, its group, flags.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ", 7);
    return Number(fields[1]) === pid && (Number(fields[6]) & 0x40) !== 0;
  } catch {
    return false;
  }
}
