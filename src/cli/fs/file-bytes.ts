import { errnoOf, FileError } from "../../core/file-error.ts";
import type { FileService, FileStat } from "../../core/ports/index.ts";
import { normalPath } from "../../vfs/path.ts";

/** The most that is asked for at once, bytes. */
export const PART = 1_048_576;

/**
 * The content of a file, in parts where it is long. Of a stream: what there is of it now.
 * @throws ESTALE when a ranged file changes meanwhile, as its parts would not belong together
 */
export async function* fileBytes(
  files: FileService,
  path: string,
  { size, revision, nature }: FileStat,
): AsyncIterable<Uint8Array> {
  if (size === undefined || size <= PART) {
    yield await files.read(path);
    return;
  }
  for (let offset = 0; ;) {
    const part = await files.read(path, { offset, length: PART });
    if (part.byteLength > 0) yield part;
    offset += part.byteLength;
    if (part.byteLength < PART) break;
  }
  if (nature !== "ranged" || revision === undefined) return;
  if ((await files.stat(path)).revision === revision) return;
  throw new FileError("ESTALE", `Cannot read "${path}": it changed meanwhile: try again`);
}

const MOST_LINKS = 8;

/** What is known of what a path leads to, through links. @throws ELOOP */
export async function statThrough(files: FileService, path: string): Promise<FileStat> {
  let at = path;
  for (let links = 0; links <= MOST_LINKS; links += 1) {
    const stat = await files.stat(at);
    if (stat.kind !== "link" || stat.target === undefined) return stat;
    const parts = stat.target.startsWith("/") ? [] : at.split("/").slice(1, -1);
    for (const part of stat.target.split("/")) {
      if (part === "..") parts.pop();
      else parts.push(part);
    }
    at = normalPath(`/${parts.join("/")}`);
  }
  throw new FileError("ELOOP", `Cannot open "${path}": it leads through too many links`);
}

/** The same; undefined where there is nothing. */
export async function statIfThere(files: FileService, path: string): Promise<FileStat | undefined> {
  try {
    return await statThrough(files, path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
