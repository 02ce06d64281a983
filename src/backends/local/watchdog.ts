import { url as inspectorUrl } from "node:inspector";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";

/**
 * Watches over the event loop from a thread of its own. When agent code blocks it for `limit` ms
 * (an endless loop, a slow regular expression), no timer and no timeout of this process can fire any
 * more: the thread then says on stderr which line it hangs on and ends the process with exit code 1.
 * The envelope counts one more attempt at the next start and ends with the dead letters.
 *
 * Ending the one tick and living on is not done on purpose: V8 can terminate the running code, but
 * with it drops every queued promise reaction of the process, so that other agents' ticks would hang
 * for ever.
 *
 * The result stops watching. Nothing is watched while a debugger is attached.
 */
export function watchEventLoop(limit: number): () => void {
  if (inspectorUrl() !== undefined) return () => {};
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const interval = Math.max(10, Math.min(1000, Math.floor(limit / 4)));
  const heart = setInterval(() => Atomics.add(beats, 0, 1), interval);
  heart.unref();
  // Started by its source or its built file, whichever this is.
  const entry = new URL(`./watchdog-thread${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(entry, {
    workerData: { beats, interval, limit },
    execArgv: [],
    env: {},
    stdin: false,
  });
  worker.unref();
  worker.on("error", () => {});
  return () => {
    clearInterval(heart);
    void worker.terminate();
  };
}
