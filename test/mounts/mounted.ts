import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import type { FileService } from "../../src/core/ports/files.ts";
import { canMount, mountFuse } from "../../src/mounts/fuse.ts";
import type { FuseMount, FuseOptions } from "../../src/mounts/fuse.ts";

/** Why a test that mounts is skipped here; false when it is not. */
export const SKIP: string | false = canMount() ?? false;

/** What a shell did. */
export interface Ran {
  readonly out: string;
  readonly err: string;
  /** -1 when it was killed, since it took too long. */
  readonly code: number;
}

/** A mount for one test. */
export interface Mounted {
  readonly dir: string;
  readonly mount: FuseMount;
  /** What nobody foresaw. */
  readonly problems: unknown[];
  /** Runs a script of bash in its directory. Never in this process: it may not use its own mount. */
  readonly sh: (script: string) => Promise<Ran>;
}

/** An empty directory of its own, and whatever is mounted there is gone after the test. */
export async function emptyDirectory(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "fuse-test-"));
  t.after(async () => {
    await run("umount", ["-i", "-f", "-l", dir]);
    await rm(dir, { recursive: true });
  });
  return dir;
}

/** Mounts `files` for the time of a test. */
export async function mountedFor(
  t: TestContext,
  files: FileService,
  options: Partial<FuseOptions> = {},
): Promise<Mounted> {
  const dir = await emptyDirectory(t);
  const problems: unknown[] = [];
  const onProblem = (problem: unknown): void => {
    problems.push(problem);
  };
  const mount = await mountFuse({ files, dir, name: "fuse-test", onProblem, ...options });
  t.after(() => mount.unmount());
  return { dir, mount, problems, sh: (script) => sh(`cd ${dir} && { ${script}\n}`) };
}

/** Runs a script of bash. */
export function sh(script: string): Promise<Ran> {
  return run("bash", ["-c", script]);
}

/** Runs a program, for 20 s at most. */
export function run(command: string, args: readonly string[]): Promise<Ran> {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: "/",
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    // With all that it started.
    const timer = setTimeout(() => process.kill(-(child.pid ?? 0), "SIGKILL"), 20_000);
    const out: Buffer[] = [];
    let err = "";
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    child.on("close", () => clearTimeout(timer));
    child.on("error", (error) => done({ out: "", err: String(error), code: -1 }));
    child.on("close", (code) => {
      done({ out: Buffer.concat(out).toString(), err, code: code ?? -1 });
    });
  });
}

/** Until `holds` is true; an error after 15 s. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 15_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Not so within 15 s: ${String(holds)}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}
