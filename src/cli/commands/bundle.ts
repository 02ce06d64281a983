import { createReadStream, createWriteStream, renameSync, rmSync } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { isKey } from "../../core/agent.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { IMPORT_MODES } from "../../core/move.ts";
import type { Imported } from "../../core/move.ts";
import type { Connection } from "../../control/client.ts";
import type { RemoteRuntime } from "../../core/runtime.ts";
import { agentPath, homeOf, outputOf } from "../command.ts";
import { otherHome, otherHomeOptions } from "../other-home.ts";
import type { OtherHome } from "../other-home.ts";
import { sizeText } from "../output.ts";
import { counted, showProgress } from "../progress.ts";
import { notEmpty, oneOf, UsageError } from "../usage-error.ts";

interface ExportOptions extends OtherHome {
  readonly output?: string;
}

interface ImportOptions {
  readonly mode?: string;
  readonly name?: string;
}

/** `agentctl export` and `agentctl import`. */
export function bundleCommands(program: Command): void {
  otherHomeOptions(
    program
      .command("export <name>")
      .description("write an agent with all that it has, as a tar file")
      .option("-o, --output <file>", "the file (default: stdout)")
      .option("--to <home>", "whom its key is sealed for: an npub, or the address of a home"),
  ).action(async (name: string, options: ExportOptions, command: Command) => {
    await exportAgent(command, name, options);
  });

  program
    .command("import [file]")
    .description('take an agent in from a tar file; "-", or none, reads stdin')
    .option("--mode <mode>", `${IMPORT_MODES.join(", ")} (default: restore)`)
    .option("--name <name>", "another name than it has; for a clone its name")
    .action(async (file: string | undefined, options: ImportOptions, command: Command) => {
      await importAgent(command, file, options);
    });
}

// Loaded where it is needed: it has much that no other command does.
const runtimeAt = async (home: Connection): Promise<RemoteRuntime> =>
  (await import("../../control/remote-runtime.ts")).remoteRuntime(home);

async function exportAgent(command: Command, name: string, options: ExportOptions): Promise<void> {
  const out = outputOf(command);
  const file = notEmpty("--output", options.output);
  if (file === undefined && out.json) {
    throw new UsageError("Cannot print JSON and a bundle: name a file with -o FILE");
  }
  if (file === undefined && process.stdout.isTTY) {
    throw new UsageError(
      "Cannot print a bundle to a terminal: name a file with -o FILE, or send it on with >",
    );
  }
  const home = await runtimeAt(homeOf(command));
  agentPath(name);
  const to = await sealedFor(options);
  let bytes = 0;
  const progress = showProgress({ what: `Exporting ${name}` });
  const bundle = counted(await home.export(name, { to }), (more) => {
    bytes += more;
    progress.add(more);
  });
  try {
    if (file === undefined) await print(bundle);
    else await writeWhole(file, bundle);
  } finally {
    progress.end();
  }
  if (out.json) out.document({ name, bytes, file, ...(to !== undefined && { to }) });
  const where = file === undefined ? "" : ` to ${file}`;
  out.talk(`Wrote ${name}${where}: ${sizeText(bytes)}.${to === undefined ? HERE_ONLY : ""}`);
}

const HERE_ONLY =
  " Its key is not in it: it can be restored where it comes from. For another home, use --to.";

/** Writes to stdout. A part of a bundle is none: here a reader who has read enough is an error. */
async function print(bundle: ReadableStream<Uint8Array>): Promise<void> {
  process.stdout.removeAllListeners("error");
  try {
    const to = Writable.toWeb(process.stdout) as WritableStream<Uint8Array>;
    await bundle.pipeTo(to, { preventClose: true });
  } catch (error) {
    throw refused("Cannot write bundle", error);
  }
}

/** Writes a file that is there as a whole or not at all, and that nobody else can read. */
async function writeWhole(file: string, bundle: ReadableStream<Uint8Array>): Promise<void> {
  const part = `${file}.part`;
  try {
    rmSync(part, { force: true });
    const to = createWriteStream(part, { mode: 0o600, flags: "wx", flush: true });
    await pipeline(Readable.fromWeb(bundle), to);
    renameSync(part, file);
  } catch (error) {
    rmSync(part, { force: true });
    throw refused(`Cannot write "${file}"`, error);
  }
}

/** The public key of the home that a bundle is for. */
async function sealedFor(options: OtherHome): Promise<string | undefined> {
  const to = notEmpty("--to", options.to);
  if (to !== undefined && isKey(to)) {
    if (options.toToken !== undefined || options.toData !== undefined) {
      throw new UsageError("Cannot use --to-token or --to-data: with --to KEY nobody is asked");
    }
    return to;
  }
  if (to === undefined && options.toData === undefined) return undefined;
  return (await (await runtimeAt(otherHome(options))).identity()).npub;
}

async function importAgent(
  command: Command,
  file: string | undefined,
  options: ImportOptions,
): Promise<void> {
  const out = outputOf(command);
  const mode = oneOf("--mode", options.mode, IMPORT_MODES);
  const name = notEmpty("--name", options.name);
  if (mode === "clone" && name === undefined) {
    throw new UsageError("Cannot clone: give the new agent a name with --name NAME");
  }
  const home = await runtimeAt(homeOf(command));
  const { bundle, total } = await readBundle(file);
  const progress = showProgress({ what: "Importing", total });
  const imported = await home
    .import(counted(bundle, progress.add), { mode, name })
    .finally(progress.end);
  const { agent, warnings } = imported;
  if (out.json) out.document(imported);
  else out.print(agent.id);
  for (const warning of warnings) out.talk(`Warning: ${warning}`);
  out.talk(importedText(imported));
}

/** A bundle, and its length where that is known. */
async function readBundle(
  file: string | undefined,
): Promise<{ readonly bundle: ReadableStream<Uint8Array>; readonly total?: number }> {
  let total: number | undefined;
  if (file !== undefined && file !== "-") {
    try {
      const found = await stat(file);
      if (found.isDirectory()) throw new UsageError(`"${file}" is a directory`);
      if (found.isFile()) total = found.size;
    } catch (error) {
      throw refused(`Cannot read "${file}"`, error);
    }
  } else if (process.stdin.isTTY) {
    throw new UsageError("Cannot read a bundle from a terminal: name a file, or send it in with <");
  }
  const from = file === undefined || file === "-" ? process.stdin : createReadStream(file);
  return {
    bundle: Readable.toWeb(from) as ReadableStream<Uint8Array>,
    ...(total !== undefined && { total }),
  };
}

function importedText({ agent, ticket }: Imported): string {
  if (ticket !== undefined) {
    return `Took in ${agent.name}, which is on its way: it wakes once its old home has let it go.`;
  }
  return `Took in ${agent.name}. See what it does with: agentctl status ${agent.name}`;
}

/** What went wrong with a file; our own errors as they are. */
function refused(what: string, error: unknown): unknown {
  if (error instanceof OpenAgentsError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const known = code === "EACCES" || code === "EPERM" ? "DENIED" : "FAILED";
  return new OpenAgentsError(known, `${what}: ${message}`, { cause: error });
}
