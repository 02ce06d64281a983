import { FileError } from "../core/file-error.ts";
import type { Errno } from "../core/file-error.ts";

/** The error that something cannot be done with a path: `Cannot write "/a": it is a directory`. */
export function failed(errno: Errno, verb: string, path: string, why: string): FileError {
  return new FileError(errno, `Cannot ${verb} "${path}": ${why}`);
}

/** The error that nothing has this path. */
export function missing(path: string): FileError {
  return failed("ENOENT", "find", path, "there is no such file or directory");
}
