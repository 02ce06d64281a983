import { OpenAgentsError } from "../../core/errors.ts";
import { FileError, isErrno } from "../../core/file-error.ts";
import type { Errno } from "../../core/file-error.ts";
import { failed, missing } from "../../vfs/failed.ts";

/** What errors of the system are that have another name among ours. */
const OTHERS: Readonly<Record<string, Errno>> = {
  EPERM: "EACCES",
  ENXIO: "EACCES",
  ENODEV: "EACCES",
  ETXTBSY: "EBUSY",
  EAGAIN: "EBUSY",
  EMFILE: "EBUSY",
  ENFILE: "EBUSY",
  EMLINK: "ENOTSUP",
  EOPNOTSUPP: "ENOTSUP",
  ENOSYS: "ENOTSUP",
};

const REASONS: Partial<Record<Errno, string>> = {
  EACCES: "the system does not let this process do it",
  EROFS: "its file system is read-only",
  EEXIST: "it is there",
  ENOTEMPTY: "it is not empty",
  ENOTDIR: "a part of it is no directory",
  EISDIR: "it is a directory",
  ENAMETOOLONG: "its name is too long here",
  ELOOP: "a part of it is a link, and links are not followed",
  EXDEV: "it would be on another file system",
  EFBIG: "it would be larger than a file can be here",
  ENOSPC: "no space is left",
  EDQUOT: "the quota is used up",
  EBUSY: "it is in use",
  ENOTSUP: "its file system cannot do this",
  EINVAL: "its file system does not take it",
};

/** True for an error of the system, or one of files, that is one of these. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  if (error instanceof FileError) return codes.includes(error.errno);
  return codes.includes((error as NodeJS.ErrnoException | undefined)?.code ?? "");
}

/**
 * What anything thrown in doing something with a path is among the errors of files. Its text names the
 * path alone, and never where that is on the host.
 */
export function hostError(error: unknown, verb: string, path: string): Error {
  if (error instanceof OpenAgentsError) return error;
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === undefined) return error instanceof Error ? error : new Error(String(error));
  const errno = isErrno(code) ? code : (OTHERS[code] ?? "EIO");
  if (errno === "ENOENT") return missing(path);
  return failed(errno, verb, path, REASONS[errno] ?? `the system says ${code}`);
}

/** @throws ELOOP, EISDIR, EACCES for what is no plain file */
export function checkPlain(
  stats: {
    isFile(): boolean;
    isDirectory(): boolean;
    isSymbolicLink(): boolean;
  },
  verb: string,
  path: string,
): void {
  if (stats.isFile()) return;
  if (stats.isSymbolicLink()) throw linked(verb, path);
  if (stats.isDirectory()) throw failed("EISDIR", verb, path, "it is a directory");
  throw special(verb, path);
}

/** The error that a path is a link, or leads through one. */
export function linked(verb: string, path: string): FileError {
  return failed("ELOOP", verb, path, "it is a link, or below one: use the path it leads to");
}

/** The error that a path is a pipe, a socket or a device. */
export function special(verb: string, path: string): FileError {
  return failed("EACCES", verb, path, "it is neither a file nor a directory");
}
