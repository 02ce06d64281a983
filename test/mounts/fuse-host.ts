// A process that mounts the directory that it is given, and then does what it is told: for tests of how
// such a process ends.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

import { MemoryFiles } from "./memory-files.ts";
import type { FuseOptions, FuseMount } from "../../src/mounts/fuse.ts";

const [dir = "", deed = "", module = "../../src/mounts/fuse.ts"] = process.argv.slice(2);
const { mountFuse } = (await import(
  module.startsWith("/") ? pathToFileURL(module).href : module
)) as { mountFuse: (options: FuseOptions) => Promise<FuseMount> };
const files = new MemoryFiles();
files.put("/hello", "hello\n");
files.put("/live", "", { nature: "stream", sizeless: true });
const mount = await mountFuse({ files, dir, name: "fuse-test" });

switch (deed) {
  case "exit":
    process.exit(0);
    break;
  case "throw":
    setImmediate(() => {
      throw new Error("on purpose");
    });
    break;
  case "unmount":
    await mount.unmount();
    break;
  case "use-itself": {
    // Each of these would wait for ever for what this very process has to answer.
    const said = [
      attempt(() => readFileSync(join(dir, "hello"))),
      attempt(() => readdirSync(dir)),
      await readFile(join(dir, "hello")).then(String, errnoOf),
      await inThread(join(dir, "hello")),
      started(dir),
    ];
    console.log(JSON.stringify(said));
    await mount.unmount();
    break;
  }
  default:
    console.log("mounted");
    await mount.closed;
    console.log("closed");
}

function attempt(deed: () => unknown): unknown {
  try {
    return String(deed());
  } catch (error) {
    return errnoOf(error);
  }
}

function errnoOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).errno;
}

function inThread(path: string): Promise<unknown> {
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    try { parentPort.postMessage(String(require("node:fs").readFileSync(workerData))); }
    catch (error) { parentPort.postMessage(error.errno); }`;
  return new Promise((resolve) => {
    new Worker(code, { eval: true, workerData: path }).once("message", resolve);
  });
}

/** A program that starts in the mount: it goes there before it is another process's. */
function started(cwd: string): unknown {
  return attempt(() => spawn("true", { cwd }).pid);
}
