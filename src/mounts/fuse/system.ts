import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { readdir, readFile, realpath, stat, writeFile } from "node:fs/promises";
import { endianness } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

import { FileError } from "../../core/file-error.ts";

// What the mount needs of the system besides the device: who may mount, what is mounted where, and the
// commands mount(8) and umount(8).

export const DEVICE = "/dev/fuse";

/** A line of /proc/self/mountinfo. */
export interface MountedAt {
  /** A number that no other mount has at the same time. */
  readonly id: string;
  /** `major:minor` of its device. */
  readonly device: string;
  readonly dir: string;
  readonly type: string;
}

const INSTEAD = "use HTTP (/fs) or `agentctl fs`, which need no mount";
const CAP_SYS_ADMIN = 1n << 21n;

/** How long (ms) a command of the system may take. */
const PATIENCE = 10_000;

/** Why this process cannot mount anything, and what to do instead; undefined when it can. */
export function whyNot(): string | undefined {
  if (process.platform !== "linux") return `FUSE mounts need Linux: ${INSTEAD}`;
  if (endianness() !== "LE") return `FUSE mounts need a little-endian machine: ${INSTEAD}`;
  if (!existsSync(DEVICE)) {
    return `There is no ${DEVICE}: load the kernel module "fuse" or give the container that device; or ${INSTEAD}`;
  }
  if (!mayMount()) {
    return (
      "Mounting needs root (CAP_SYS_ADMIN): run it as root; fusermount3 is no way round, since " +
      `Node cannot receive the open device from it; or ${INSTEAD}`
    );
  }
  try {
    accessSync(DEVICE, constants.R_OK | constants.W_OK);
  } catch {
    return `${DEVICE} may not be opened here: allow the container that device; or ${INSTEAD}`;
  }
  const paths = (process.env["PATH"] ?? "").split(":");
  for (const command of ["mount", "umount", "sh"]) {
    if (!paths.some((path) => existsSync(join(path, command)))) {
      return `The command ${command} is not there: install util-linux; or ${INSTEAD}`;
    }
  }
  return undefined;
}

/**
 * The real path of an empty directory with nothing mounted on it. A dead mount there, left by a process
 * that was killed, is taken away.
 *
 * @throws ENOENT, ENOTDIR, ENOTEMPTY, EBUSY
 */
export async function freeDirectory(dir: string): Promise<string> {
  const path = await realDirectory(resolve(dir));
  for (;;) {
    const there = (await mounted()).findLast((mount) => mount.dir === path);
    if (there === undefined) break;
    if (!there.type.startsWith("fuse") || !(await isDead(path))) {
      throw new FileError(
        "EBUSY",
        `Cannot mount on "${dir}": something is mounted there: unmount it first, or take another directory`,
      );
    }
    await unmountByForce(path);
  }
  const problem = await whyUnfit(path);
  if (problem !== undefined) {
    throw new FileError(problem.errno, `Cannot mount on "${dir}": ${problem.why}`);
  }
  return path;
}

/** What is mounted, the newest last. */
export async function mounted(): Promise<MountedAt[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).trimEnd().split("\n");
  return lines.map((line) => {
    const [id = "", , device = "", , dir = "", ...rest] = line.split(" ");
    return { id, device, dir: unescape(dir), type: rest[rest.indexOf("-") + 1] ?? "" };
  });
}

/** Mounts an open device. @throws EIO with what mount(8) said */
export async function mount(fd: number, name: string, dir: string, options: string): Promise<void> {
  const type = `fuse.${name}`;
  const { code, said } = await run(["mount", "-i", "-t", type, "-o", options, name, dir], fd);
  if (code !== 0) throw new FileError("EIO", `Cannot mount on "${dir}": ${said}`);
}

/** Unmounts what nobody uses. False when somebody does. @throws EIO with what umount(8) said */
export async function unmountIdle(dir: string): Promise<boolean> {
  const { code, said } = await run(["umount", "-i", dir]);
  if (code !== 0 && !said.includes("busy")) {
    throw new FileError("EIO", `Cannot unmount "${dir}": ${said}`);
  }
  return code === 0;
}

/** Unmounts whoever uses it: what waits for it fails. */
export async function unmountByForce(dir: string): Promise<void> {
  await run(["umount", "-i", "-f", "-l", dir]);
}

/** The same for a mount of this process, wherever it lives on. @throws EBUSY with what the system said */
export async function breakOff(mount: MountedAt): Promise<void> {
  const { code, said } = await run(breakingOff(mount));
  if (code !== 0) throw new FileError("EBUSY", `Cannot unmount "${mount.dir}": ${said}`);
}

/** The same for a process that ends, which cannot wait otherwise. */
export function breakOffSync(mount: MountedAt): void {
  const [command, ...args] = breakingOff(mount);
  spawnSync(command, args, { cwd: "/", stdio: "ignore", timeout: PATIENCE });
}

/**
 * Unmounts the mount with the number `$2` by force, by its path `$1`: only when none is above it there, which
 * may be somebody else's. Gives 1 when it did not.
 */
const UNMOUNT_OURS = `
unmount_ours() {
  place= top=
  while read -r id _ _ _ at _; do [ "$id" != "$2" ] || place=$at; done < /proc/self/mountinfo
  [ -n "$place" ] || return 1
  while read -r id parent _ _ at _; do
    [ "$at" != "$place" ] || top=$id
    [ "$at" != "$place" ] || [ "$parent" != "$2" ] || return 1
  done < /proc/self/mountinfo
  [ "$top" = "$2" ] && umount -i -f -l "$1"
}`;

/**
 * Starts a process that unmounts by force when this one is gone, whatever ended it. The result has it
 * end without doing so. It has a session of its own, so that no signal to the group of this one hits it.
 */
export function unmountWhenGone(mount: MountedAt): () => void {
  // Where it does not unmount, ours is dead all the same: nobody has its device open.
  const script = `${UNMOUNT_OURS}
IFS= read -r _ && exit; unmount_ours "$1" "$2"`;
  const guard = spawn("sh", ["-c", script, "unmount-when-gone", mount.dir, mount.id], {
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.on("error", () => {});
  guard.stdin.on("error", () => {});
  guard.unref();
  (guard.stdin as { unref?: () => void }).unref?.();
  return () => guard.stdin.end("\n");
}

/**
 * What is mounted there now may be another one's, and ours may live on below it, or where no path leads
 * (umount -l by somebody else, with users that stay): then the connection is broken off by its number.
 */
const BREAK_OFF = `${UNMOUNT_OURS}
unmount_ours "$1" "$2" && exit
connections=/sys/fs/fuse/connections
[ -e "$connections/$3" ] || mount -i -t fusectl fusectl "$connections"
[ ! -e "$connections/$3" ] || echo 1 > "$connections/$3/abort"`;

function breakingOff({ dir, id, device }: MountedAt): [string, ...string[]] {
  return ["sh", "-c", BREAK_OFF, "unmount", dir, id, device.split(":")[1] ?? ""];
}

/** Has the kernel read a file that is read in sequence this much ahead, where it lets itself be told. */
export async function readAhead(device: string, kibibytes: number): Promise<void> {
  await writeFile(`/sys/class/bdi/${device}/read_ahead_kb`, String(kibibytes)).catch(() => {});
}

function mayMount(): boolean {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
    return (BigInt(`0x${effective}`) & CAP_SYS_ADMIN) !== 0n;
  } catch {
    return process.geteuid?.() === 0;
  }
}

/** Only the way to it is looked at: itself it may be a dead mount, or one that does not answer. */
async function realDirectory(path: string): Promise<string> {
  if (path === "/") return path;
  const parent = await realpath(dirname(path)).catch((error: unknown) => {
    throw new FileError("ENOENT", `Cannot mount on "${path}": ${String(error)}`);
  });
  const named = join(parent, basename(path));
  if ((await mounted()).some((mount) => mount.dir === named)) return named;
  return realpath(named).catch(() => named);
}

/** Asked from another process, since nobody knows whether there will be an answer. */
async function isDead(path: string): Promise<boolean> {
  const { said } = await run(["stat", path]);
  return said.includes("not connected");
}

async function whyUnfit(
  path: string,
): Promise<{ errno: "ENOENT" | "ENOTDIR" | "ENOTEMPTY"; why: string } | undefined> {
  const known = await stat(path).catch(() => undefined);
  if (known === undefined) return { errno: "ENOENT", why: "it does not exist: make it first" };
  if (!known.isDirectory()) return { errno: "ENOTDIR", why: "it is no directory" };
  if ((await readdir(path)).length === 0) return undefined;
  return { errno: "ENOTEMPTY", why: "it is not empty, and what is in it would be hidden" };
}

function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

interface Ran {
  /** undefined when it was killed, or could not be started. */
  readonly code: number | undefined;
  readonly said: string;
}

function run([command, ...args]: readonly [string, ...string[]], stdin?: number): Promise<Ran> {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: "/",
      env: { ...process.env, LC_ALL: "C" },
      stdio: [stdin ?? "ignore", "ignore", "pipe"],
      timeout: PATIENCE,
      killSignal: "SIGKILL",
    });
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    child.on("error", (error) => done({ code: undefined, said: String(error) }));
    child.on("close", (code) => done({ code: code ?? undefined, said: said.trim() }));
  });
}
