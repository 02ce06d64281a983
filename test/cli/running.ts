import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { PACKAGE } from "./project.ts";
import type { Project } from "./project.ts";

/** A program that goes on until it is ended. */
export interface Running extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly talked: () => string;
  /** Waits until it has said enough. @throws when it ends before */
  until(enough: () => boolean): Promise<void>;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Starts a program that does not end by itself; killed at the latest when the test ends. */
export function running(command: string, args: readonly string[], cwd: string): Running {
  const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let [out, talk] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (talk += text));
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | string);
  return {
    child,
    ended,
    out: () => out,
    talked: () => talk,
    until: (enough) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (enough()) resolve();
        };
        child.stdout.on("data", check);
        child.stderr.on("data", check);
        void ended.then((code) => {
          check();
          reject(new Error(`It ended with ${code}: ${out}${talk}`));
        });
        check();
      }),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** The same for agentctl. */
export function runningAgentctl({ dir }: Project, ...args: string[]): Running {
  return running(process.execPath, [join(PACKAGE, "bin/agentctl.js"), ...args], dir);
}
