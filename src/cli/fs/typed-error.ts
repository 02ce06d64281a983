import { OpenAgentsError } from "../../core/errors.ts";
import { FileError } from "../../core/file-error.ts";
import type { Errno } from "../../core/file-error.ts";
import type { TreePath } from "./tree-path.ts";

/** What is done with a path; its errors name it as it was typed. */
export async function named<T>(path: TreePath, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw asTyped(error, path);
  }
}

/** An error that names a path as it was typed, in place of how the tree or the agent names it. */
export function asTyped(error: unknown, { typed, path }: TreePath): unknown {
  if (!(error instanceof OpenAgentsError)) return error;
  const message = error.message.replace(/"(\/[^"]*)"/g, (quoted, found: string) =>
    found === path || (found !== "/" && path.endsWith(found)) ? `"${typed}"` : quoted,
  );
  if (message === error.message) return error;
  const options = { cause: error };
  return error instanceof FileError
    ? new FileError(error.errno, message, options)
    : new OpenAgentsError(error.code, message, options);
}

/** An error of a path that was typed. */
export function refused(errno: Errno, verb: string, typed: string, why: string): FileError {
  return new FileError(errno, `Cannot ${verb} "${typed}": ${why}`);
}

/** An error with a file of this machine; our own errors as they are. */
export function localError(verb: string, path: string, error: unknown): unknown {
  if (error instanceof OpenAgentsError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const known =
    code === "ENOENT" ? "NOT_FOUND" : code === "EACCES" || code === "EPERM" ? "DENIED" : "FAILED";
  return new OpenAgentsError(known, `Cannot ${verb} "${path}": ${message}`, { cause: error });
}
