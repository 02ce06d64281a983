import { spawn } from "node:child_process";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { MOUNT_NAME } from "../../backends/local/mount-name.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { FileService } from "../../core/ports/index.ts";
import type { AgentInfo } from "../../core/runtime.ts";
import { agentPath, homeOf, outputOf } from "../command.ts";
import type { CommonOptions } from "../command.ts";
import { notEmpty, UsageError } from "../usage-error.ts";

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

interface MountFlags extends CommonOptions {
  readonly agent?: string;
  readonly readOnly?: true;
  readonly detach?: true;
}

/** `agentctl mount` and `agentctl umount`. */
export function mountCommands(program: Command): void {
  program
    .command("mount <dir>")
    .description("show the home as files in a directory, until this is stopped (Linux)")
    .option("--agent <name>", "one agent's directory alone")
    .option("--read-only", "nothing can be changed through it")
    .option("--detach", "go on in the background, and print the process's id")
    .action(async (dir: string, _flags: unknown, command: Command) => {
      if (dir === "") throw new UsageError("Cannot mount: the directory is empty");
      const flags = command.optsWithGlobals<MountFlags>();
      notEmpty("--agent", flags.agent);
      if (flags.detach === true) await detach(dir, flags, command);
      else await mount(dir, flags, command);
    });
  program
    .command("umount <dir>")
    .description("take away what agentctl mount or agentd --mount has mounted")
    .option("--force", "also while somebody uses it: what waits for it fails")
    .action(async (dir: string, flags: { readonly force?: true }, command: Command) => {
      const out = outputOf(command);
      const { unmount } = await import("../fs/unmount.ts");
      const path = await unmount(dir, flags.force === true);
      if (out.json) out.document({ dir: path, done: "umount" });
      else out.talk(`Unmounted ${path}.`);
    });
}

/** Mounts, and resolves once it is unmounted. */
async function mount(dir: string, flags: MountFlags, command: Command): Promise<void> {
  const out = outputOf(command);
  const { canMount, mountFuse } = await import("../../mounts/fuse.ts");
  const reason = canMount();
  if (reason !== undefined) {
    throw new OpenAgentsError("UNSUPPORTED", `Cannot mount "${dir}": ${reason}`);
  }
  const { files, agent, url } = await treeOf(flags, command);
  const starter = new Starter();
  const mounted = await mountFuse({
    files,
    dir,
    name: MOUNT_NAME,
    readOnly: flags.readOnly === true,
    onProblem: (problem) => out.talk(`Problem with the mount: ${String(problem)}`),
  });
  let stopping = false;
  const stop = (signal?: keyof typeof SIGNALS): void => {
    if (stopping && signal !== undefined) process.exit(SIGNALS[signal]);
    stopping = true;
    void mounted.unmount();
  };
  for (const signal of Object.keys(SIGNALS)) process.on(signal, stop);
  if (!starter.tell(() => stop())) {
    const what = agent === undefined ? url : `${flags.agent} of ${url}`;
    if (out.json) out.document({ dir: mounted.dir, url, agent, pid: process.pid });
    else out.print(`Mounted ${what} on ${mounted.dir}`);
    if (!out.json) out.talk("It is there until Ctrl-C.");
  }
  await mounted.closed;
  if (!stopping) out.talk(`${mounted.dir} was unmounted.`);
  for (const signal of Object.keys(SIGNALS)) process.off(signal, stop);
}

interface Tree {
  readonly files: FileService;
  /** Its npub, when one agent alone is mounted. */
  readonly agent: string | undefined;
  readonly url: string;
}

/** What is to be mounted. @throws UNREACHABLE, DENIED, NOT_FOUND before anything is */
async function treeOf({ agent: name }: MountFlags, command: Command): Promise<Tree> {
  const { createClient } = await import("../../control/client.ts");
  const { mountedTree } = await import("../fs/mounted-tree.ts");
  const connection = homeOf(command);
  const client = createClient(connection);
  let agent: string | undefined;
  if (name === undefined) await client.get("/agents?limit=1");
  // By its key, as its name may pass to another.
  else agent = (await client.get<AgentInfo>(agentPath(name))).id;
  const files = mountedTree(() => homeOf(command), agent);
  return { files, agent, url: connection.url };
}

/** Who started this process in the background, when somebody did. */
class Starter {
  readonly #there: boolean = process.send !== undefined && process.connected;
  #gone = false;

  constructor() {
    if (!this.#there) return;
    process.once("disconnect", () => (this.#gone = true));
    // What listens to it must not keep a process alive that cannot mount.
    process.channel?.unref();
    // Nobody reads it once the starter has ended.
    process.stderr.on("error", () => {});
  }

  /** Says that the mount is there; false where there is nobody. `onGone` when nobody waits any more. */
  tell(onGone: () => void): boolean {
    if (!this.#there) return false;
    if (this.#gone) onGone();
    else process.send!(MOUNTED, () => process.disconnect());
    return true;
  }
}

const MOUNTED = "mounted";

/** Mounts in another process, and resolves once the mount answers. */
async function detach(dir: string, flags: MountFlags, command: Command): Promise<void> {
  const out = outputOf(command);
  const child = spawn(
    process.execPath,
    [...process.execArgv, process.argv[1]!, "mount", ...wordsOf(flags), "--", dir],
    { detached: true, stdio: ["ignore", "ignore", "pipe", "ipc"] },
  );
  const ended = once(child, "close");
  child.stderr!.pipe(process.stderr, { end: false });
  const first = await Promise.race([once(child, "message"), ended.then(([code]) => ({ code }))]);
  if ("code" in first) {
    // It has said why.
    process.exitCode = typeof first.code === "number" ? first.code : 1;
    return;
  }
  const { mountPoint } = await import("../fs/unmount.ts");
  const path = await mountPoint(dir);
  await stat(path);
  child.stderr!.destroy();
  child.unref();
  if (child.connected) child.disconnect();
  if (out.json) return out.document({ dir: path, pid: child.pid });
  out.print(String(child.pid));
  return out.talk(`Mounted on ${path}, until: agentctl umount ${dir}`);
}

/** The options of the process that mounts. */
function wordsOf(flags: MountFlags): readonly string[] {
  const words: string[] = [];
  for (const key of ["agent", "url", "token", "context"] as const) {
    const value = flags[key];
    if (value !== undefined) words.push(`--${key}`, value);
  }
  if (flags.data !== undefined) words.push("--data", resolve(flags.data));
  if (flags.readOnly === true) words.push("--read-only");
  return words;
}
