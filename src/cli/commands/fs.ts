import type { Command } from "commander";
import { errorInfo } from "../../core/errors.ts";
import type { FileService, FileStat } from "../../core/ports/index.ts";
import { errnoOf } from "../../core/file-error.ts";
import { able } from "../../core/able.ts";
import { nameOf, partsOf } from "../../vfs/path.ts";
import { homeOf, optionsOf, outputOf } from "../command.ts";
import { printFields } from "../fields.ts";
import { byteOutput, jsonContent, print } from "../fs/byte-output.ts";
import { copy, placeOf } from "../fs/copy.ts";
import { fileBytes, statIfThere, statThrough } from "../fs/file-bytes.ts";
import { readInput } from "../fs/input.ts";
import { longLines, shortLine } from "../fs/listing.ts";
import { pagesOf } from "../fs/pages.ts";
import { gather, putFile } from "../fs/put.ts";
import type { Source } from "../fs/put.ts";
import { removeAll } from "../fs/remove.ts";
import { followFile, lastLines } from "../fs/tail.ts";
import { below, treePath } from "../fs/tree-path.ts";
import type { TreePath } from "../fs/tree-path.ts";
import { named, refused } from "../fs/typed-error.ts";
import type { Output } from "../output.ts";
import { sizeText } from "../output.ts";
import { notEmpty, UsageError, wholeNumber } from "../usage-error.ts";

const MOST_LINES = 1_000_000;

interface WriteFlags {
  readonly file?: string;
  readonly append?: true;
  readonly new?: true;
  readonly ifMatch?: string;
}

interface TailFlags {
  readonly follow?: true;
  readonly lines: string;
}

/** `agentctl fs`: the home as a tree of files. */
export function fsCommands(program: Command): void {
  const fs = program
    .command("fs")
    .description("the home as files: ls, cat, write, tail, stat, cp, mv, mkdir, rm");
  fs.command("ls [path]")
    .description("list a directory: /agents/alice, alice:goals, or alice (default: /agents)")
    .option("-l, --long", "what can be done with each, its size and time")
    .action(async (typed: string | undefined, flags: { long?: true }, command: Command) => {
      const path = treePath(typed ?? "/agents");
      const { files, out } = await toolsOf(command);
      await list(files, path, { out, long: flags.long === true, command });
    });
  fs.command("cat <path...>")
    .description("print files; a stream goes on until it is stopped")
    .action(async (typed: readonly string[], _flags: unknown, command: Command) => {
      const paths = typed.map(treePath);
      const { files, out } = await toolsOf(command);
      await each(paths, (path) => show(files, path, { out, several: paths.length > 1 }));
    });
  fs.command("write <path> [text]")
    .description("write a file: the text as it is, or what comes on stdin; print what it answers")
    .option("--file <file>", 'what is to be written; "-" for stdin')
    .option("--append", "behind what is there")
    .option("--new", "only when it is not there")
    .option("--if-match <revision>", "only when it is at this revision, as fs stat says it")
    .action(
      async (typed: string, text: string | undefined, flags: WriteFlags, command: Command) => {
        const path = treePath(typed);
        const revision = notEmpty("--if-match", flags.ifMatch);
        if (flags.new === true && revision !== undefined) {
          throw new UsageError("Cannot use --new and --if-match together: what is new has none");
        }
        const { files, out } = await toolsOf(command);
        const source = await readInput(text, flags.file);
        await named(path, () => write(files, path, { source, flags, out }));
      },
    );
  fs.command("tail <path>")
    .description("print the end of a file; a stream goes on until it is stopped")
    .option("-f, --follow", "go on as it grows, also after a restart of agentd")
    .option("-n, --lines <number>", "how many lines of what is there", "10")
    .action(async (typed: string, flags: TailFlags, command: Command) => {
      const path = treePath(typed);
      const lines = wholeNumber("--lines", flags.lines, { min: 0, max: MOST_LINES });
      const { files, out } = await toolsOf(command);
      const connect = await connector(command);
      await named(path, () =>
        tail(files, path, { out, lines, follow: flags.follow === true, connect }),
      );
    });
  fs.command("stat <path>")
    .description("show what is known of a file")
    .action(async (typed: string, _flags: unknown, command: Command) => {
      const path = treePath(typed);
      const { files, out } = await toolsOf(command);
      const stat = await named(path, () => files.stat(path.path));
      const { name, kind, access, size, modifiedAt, ...rest } = stat;
      printFields(out, { path: path.path, name, kind, access, size, modifiedAt, ...rest });
    });
  fs.command("cp <source> <dest>")
    .description("copy between this machine and the tree, or in the tree")
    .option("-r, --recursive", "directories too, with all that is in them")
    .action(async (from: string, to: string, flags: { recursive?: true }, command: Command) => {
      const [source, target] = [placeOf(from), placeOf(to)];
      const { files, out } = await toolsOf(command);
      const copied: { from: string; to: string }[] = [];
      await copy(source, target, {
        files,
        deep: flags.recursive === true,
        onCopied: (one, other) => copied.push({ from: one, to: other }),
        onLeftOut: (one, why) => out.talk(`Left out ${one}: ${why}`),
      });
      // What was copied to stdout is all that belongs there.
      if (to === "-") return;
      if (out.json) return out.document(copied);
      const [only] = copied;
      if (copied.length === 1 && only !== undefined) out.talk(`Copied ${only.from} to ${only.to}.`);
      else out.talk(`Copied ${copied.length} files.`);
    });
  fs.command("mv <path> <target>")
    .description("give a file another name or place in the tree")
    .action(async (from: string, to: string, _flags: unknown, command: Command) => {
      const [source, given] = [treePath(from), treePath(to)];
      const { files, out } = await toolsOf(command);
      const into = await named(given, () => statIfThere(files, given.path));
      const target =
        into?.kind === "directory" || given.slash ? below(given, nameOf(source.path)) : given;
      await named(target, () => named(source, () => files.rename(source.path, target.path)));
      if (out.json) out.document({ from: source.path, to: target.path });
      else out.talk(`Moved ${source.typed} to ${target.typed}.`);
    });
  fs.command("mkdir <path>")
    .description("make a directory")
    .action(async (typed: string, _flags: unknown, command: Command) => {
      const path = treePath(typed);
      const { files, out } = await toolsOf(command);
      await named(path, () => able(files, "makeDirectory", path.path)(path.path));
      if (out.json) out.document({ path: path.path, done: "mkdir" });
      else out.talk(`Made ${path.typed}.`);
    });
  fs.command("rm <path...>")
    .description("remove files and empty directories")
    .option("-r, --recursive", "directories with all that is in them")
    .action(async (typed: readonly string[], flags: { recursive?: true }, command: Command) => {
      const paths = typed.map(treePath);
      const { files, out } = await toolsOf(command);
      const removed: { path: string; done: "rm" }[] = [];
      await each(paths, async (path) => {
        if (flags.recursive === true) await removeAll(files, path);
        else await named(path, () => files.remove(path.path));
        removed.push({ path: path.path, done: "rm" });
        if (!out.json) out.talk(`Removed ${path.typed}.`);
      }).finally(() => out.json && out.document(removed));
    });
}

interface Tools {
  readonly files: FileService;
  readonly out: Output;
}

async function toolsOf(command: Command): Promise<Tools> {
  return { files: (await connector(command))(), out: outputOf(command) };
}

/** What finds the home anew each time: after a restart it may have another address. */
async function connector(command: Command): Promise<() => FileService> {
  // Loaded where it is needed: it has much that no other command does.
  const { remoteFiles } = await import("../../control/remote-files.ts");
  return () => remoteFiles(homeOf(command));
}

/** Does something with each path, also behind one with which it cannot be done. @throws the last error */
async function each(
  paths: readonly TreePath[],
  act: (path: TreePath) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  for (const path of paths) {
    try {
      await act(path);
    } catch (error) {
      if (errorInfo(error).code === "UNREACHABLE" || error instanceof UsageError) throw error;
      failures.push(error);
    }
  }
  for (const error of failures.slice(0, -1)) {
    process.stderr.write(`agentctl: ${errorInfo(error).message}\n`);
  }
  if (failures.length > 0) throw failures.at(-1);
}

async function list(
  files: FileService,
  at: TreePath,
  {
    out,
    long,
    command,
  }: { readonly out: Output; readonly long: boolean; readonly command: Command },
): Promise<void> {
  const lines = optionsOf(command).ndjson === true;
  const all: FileStat[] = [];
  for await (const page of entries(files, at)) {
    if (lines) for (const stat of page) out.row(stat);
    else if (out.json) all.push(...page);
    else if (page.length > 0) {
      await print(`${(long ? longLines(out, page) : page.map(shortLine)).join("\n")}\n`);
    }
  }
  if (out.json && !lines) out.document(all);
}

/** What is in a directory, page by page; of a file itself. */
async function* entries(files: FileService, at: TreePath): AsyncIterable<readonly FileStat[]> {
  const pages = pagesOf(files, at.path)[Symbol.asyncIterator]();
  for (;;) {
    const page = await named(at, () => pages.next()).catch(async (error: unknown) => {
      if (errnoOf(error) !== "ENOTDIR") throw error;
      const stat = await named(at, () => files.stat(at.path));
      return { done: undefined, value: [{ ...stat, name: at.typed }] };
    });
    if (page.done === true) return;
    yield page.value;
    if (page.done === undefined) return;
  }
}

async function show(
  files: FileService,
  at: TreePath,
  { out, several }: { readonly out: Output; readonly several: boolean },
): Promise<void> {
  await named(at, async () => {
    const stat = await statThrough(files, at.path);
    if (out.json && stat.nature !== "stream") {
      const document = {
        path: at.path,
        ...jsonContent(await whole(fileBytes(files, at.path, stat))),
      };
      return several ? out.row(document) : out.document(document);
    }
    const to = byteOutput(out);
    for await (const bytes of fileBytes(files, at.path, stat)) await to.write(bytes);
    if (stat.nature === "stream") {
      const never = new AbortController().signal;
      for await (const bytes of able(files, "follow", at.path)(at.path, never)) {
        await to.write(bytes);
      }
      await to.end();
      throw refused("EHOSTUNREACH", "read on in", at.typed, "agentd has ended it");
    }
    return to.end();
  });
}

async function whole(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function write(
  files: FileService,
  { path, typed }: TreePath,
  {
    source,
    flags,
    out,
  }: { readonly source: Source; readonly flags: WriteFlags; readonly out: Output },
): Promise<void> {
  const there = await statIfThere(files, path);
  if (there?.nature === "exchange") {
    if (flags.append ?? flags.new ?? flags.ifMatch) {
      throw new UsageError(`Cannot write "${typed}" that way: it is asked, and answers`);
    }
    const question = await gather(source, { path, limit: there.limit });
    const answer = await able(files, "exchange", path)(path, question);
    if (out.json) return out.document({ path, ...jsonContent(answer) });
    const to = byteOutput(out);
    await to.write(answer);
    return to.end();
  }
  let bytes = 0;
  const counted: Source = {
    size: source.size,
    bytes: (async function* () {
      for await (const chunk of source.bytes) {
        bytes += chunk.byteLength;
        yield chunk;
      }
    })(),
  };
  // A directory names what it is given.
  const at = flags.append === true || there?.kind === "directory" ? "end" : undefined;
  const plain = at === undefined && flags.new === undefined && flags.ifMatch === undefined;
  const written = plain
    ? await putFile(files, path, counted)
    : (
        await files.write(path, await gather(counted, { path, limit: there?.limit }), {
          at,
          ifMatch: flags.ifMatch,
          ...(flags.new === true && { create: "only" }),
        })
      ).path;
  if (out.json) return out.document({ path: written, bytes });
  if (written === path) return out.talk(`Wrote ${typed}: ${sizeText(bytes)}.`);
  return out.print(written);
}

async function tail(
  files: FileService,
  at: TreePath,
  {
    out,
    lines,
    follow,
    connect,
  }: {
    readonly out: Output;
    readonly lines: number;
    readonly follow: boolean;
    readonly connect: () => FileService;
  },
): Promise<void> {
  const to = byteOutput(out);
  const path = follow ? await lasting(files, at.path) : at.path;
  const stat = await statThrough(files, path);
  const { bytes, end } = await lastLines(files, path, { stat, lines });
  await to.write(bytes);
  const stream = stat.nature === "stream";
  if (!follow && !stream) return to.end();
  const signal = new AbortController().signal;
  const talk = (text: string): void => out.talk(text);
  for await (const more of followFile({ connect, path, end, stream, signal, talk })) {
    await to.write(more);
  }
}

/** The same path by the agent's id, as its name may pass to another. */
async function lasting(files: FileService, path: string): Promise<string> {
  const [top, ref, ...rest] = partsOf(path);
  if (top !== "agents" || ref === undefined) return path;
  const { target } = await files.stat(`/agents/${ref}`);
  return target === undefined ? path : `/agents/${[target, ...rest].join("/")}`;
}
