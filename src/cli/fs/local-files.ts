import { createReadStream, createWriteStream, renameSync, rmSync } from "node:fs";
import { lstat, mkdir, opendir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { localError } from "./typed-error.ts";

/** What a path of this machine is. */
export interface LocalStat {
  readonly kind: "file" | "directory" | "link" | "other";
  /** Of a file. */
  readonly size?: number;
}

/** Undefined where there is nothing. `follow`: a link is what it leads to. @throws DENIED, FAILED */
export async function localStat(path: string, follow = true): Promise<LocalStat | undefined> {
  try {
    const found = await (follow ? stat(path) : lstat(path));
    if (found.isFile()) return { kind: "file", size: found.size };
    if (found.isDirectory()) return { kind: "directory" };
    return { kind: found.isSymbolicLink() ? "link" : "other" };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw localError("read", path, error);
  }
}

/** The content of a file of this machine; `-` is stdin. */
export async function* localBytes(path: string): AsyncIterable<Uint8Array> {
  try {
    yield* (path === "-" ? process.stdin : createReadStream(path)) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw localError("read", path === "-" ? "stdin" : path, error);
  }
}

/** The names in a directory of this machine, in their order. */
export async function localNames(path: string): Promise<readonly string[]> {
  try {
    const names: string[] = [];
    for await (const { name } of await opendir(path)) names.push(name);
    return names.sort();
  } catch (error) {
    throw localError("read", path, error);
  }
}

/** Makes a directory, and those above it; it may be there. */
export async function makeLocalDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw localError("make", path, error);
  }
}

/**
 * Writes a file that is there as before or as a whole. What is no file, such as a pipe, is written as it
 * stands.
 */
export async function writeLocal(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    const there = await localStat(path, false);
    if (there !== undefined && there.kind !== "file") {
      await pipeline(Readable.from(bytes), createWriteStream(path));
      return;
    }
    const part = `${path}.${process.pid}.part`;
    try {
      await pipeline(Readable.from(bytes), createWriteStream(part, { flags: "wx" }));
      renameSync(part, path);
    } finally {
      rmSync(part, { force: true });
    }
  } catch (error) {
    throw localError("write", path, error);
  }
}

/** What something is called, for a copy of it in a directory. */
export function localName(path: string): string {
  return basename(join(path));
}
