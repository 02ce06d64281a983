import { closeSync, openSync, readSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

// Opens, reads and closes files as fast as it goes, in so many threads: a process of its own, as nobody may
// wait for a mount in the process that serves it. `file-reader.ts THREADS TIMES PATH…`; prints the ms that
// each took, as JSON, and how long all of it took.

interface Task {
  readonly times: number;
  readonly paths: readonly string[];
}

if (isMainThread) {
  const [threads, times, ...paths] = process.argv.slice(2);
  const start = performance.now();
  const all = await Promise.all(
    Array.from({ length: Number(threads) }, () => readIn({ times: Number(times), paths })),
  );
  const ms = performance.now() - start;
  const took = all.flat().map((each) => Number(each.toFixed(4)));
  process.stdout.write(`${JSON.stringify({ ms, took })}\n`);
} else {
  const { times, paths } = workerData as Task;
  const buffer = Buffer.alloc(65_536);
  const took: number[] = [];
  for (let i = 0; i < times; i += 1) {
    const start = performance.now();
    const file = openSync(paths[i % paths.length]!, "r");
    if (readSync(file, buffer) === 0) throw new Error("A file is empty");
    closeSync(file);
    took.push(performance.now() - start);
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has none
  parentPort?.postMessage(took);
}

function readIn(task: Task): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}
