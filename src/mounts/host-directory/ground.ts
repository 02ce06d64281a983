import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { lstat, open, realpath } from "node:fs/promises";
import { join } from "node:path";
import { failed } from "../../vfs/failed.ts";
import { partsOf } from "../../vfs/path.ts";
import { hasCode, linked } from "./errors.ts";
import { refusedName } from "./names.ts";

/** A directory of the host, and how a directory below it is reached without leaving it. */
export interface Ground {
  /**
   * Calls `use` with what stands for the directory at a normal path: `<it>/<name>` is an entry, and
   * `<it>/.` is the directory itself. Good until `use` is done.
   * @throws ENOENT; ENOTDIR; ELOOP where a part of the path is a link; EINVAL for a name that none can have
   */
  within<T>(path: string, use: (directory: string) => Promise<T>): Promise<T>;
}

/** Linux: a handle that stands for a place and can do nothing with it (`O_PATH`). */
const PLACE = 0o10000000 | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Walks by handles: each part is opened relative to the one before it, and is no link. What is then done
 * is relative to the last handle, so that whoever moves a directory or puts a link in its place in between
 * changes nothing. Linux alone has this (`/proc/self/fd`). `root` is an absolute path and is trusted.
 */
export function heldGround(root: string): Ground {
  return {
    async within(path, use) {
      let held: FileHandle | undefined;
      let directory = root === "/" ? "" : root;
      try {
        for (const name of partsOf(path)) {
          checkName(name, path);
          const next = await openPlace(`${directory}/${name}`, path);
          await held?.close();
          held = next;
          directory = `/proc/self/fd/${held.fd}`;
        }
        return await use(directory);
      } finally {
        await held?.close();
      }
    },
  };
}

/**
 * Looks where a path really leads, and goes there when that is where it seems to lead. Whoever can write
 * inside at the same time may change that in between.
 */
export function checkedGround(root: string): Ground {
  return {
    async within(path, use) {
      const parts = partsOf(path);
      for (const name of parts) checkName(name, path);
      const directory = join(await realpath(root), ...parts);
      if ((await realpath(directory)) !== directory) throw linked("use", path);
      if (!(await lstat(directory)).isDirectory()) throw noDirectory(path);
      return use(directory);
    },
  };
}

async function openPlace(place: string, path: string): Promise<FileHandle> {
  try {
    return await open(place, PLACE);
  } catch (error) {
    if (!hasCode(error, "ENOTDIR", "ELOOP")) throw error;
    const isLink = (await lstat(place)).isSymbolicLink();
    throw isLink ? linked("use", path) : noDirectory(path);
  }
}

/** @throws EINVAL for a name that nothing here can have */
export function checkName(name: string, path: string): void {
  const why = refusedName(name);
  if (why !== undefined) throw failed("EINVAL", "use", path, why);
}

function noDirectory(path: string): Error {
  return failed("ENOTDIR", "use", path, "a part of it is a file");
}
