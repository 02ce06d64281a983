import { errnoOf, FileError } from "../core/file-error.ts";
import type { FileService } from "../core/ports/index.ts";

/** The files of a mount that this home cannot make: whatever is done with them fails and says why. */
export function brokenService(path: string, error: unknown): FileService {
  const why = (error as Error).message;
  const fail = async (): Promise<never> => {
    const errno = errnoOf(error) === "EACCES" ? "EACCES" : "ENOTSUP";
    throw new FileError(errno, `Cannot use the mount "${path}": ${why}`, { cause: error });
  };
  return {
    stat: fail,
    list: fail,
    read: fail,
    write: fail,
    remove: fail,
    rename: fail,
    exchange: fail,
    watch: () => ({ [Symbol.asyncIterator]: () => ({ next: fail }) }),
  };
}
