import { OpenAgentsError } from "./errors.ts";
import type { ErrorCode, ErrorOptions } from "./errors.ts";

/** The errors of files, as POSIX `errno.h` names them. */
export type Errno =
  | "ENOENT"
  | "EACCES"
  | "EROFS"
  | "EEXIST"
  | "ENOTEMPTY"
  | "EINVAL"
  | "ENOTDIR"
  | "EISDIR"
  | "ENAMETOOLONG"
  | "ELOOP"
  | "EXDEV"
  | "EDEADLK"
  | "EFBIG"
  | "ENOSPC"
  | "EDQUOT"
  | "EBUSY"
  | "ENOTSUP"
  | "ESTALE"
  | "EINTR"
  | "ETIMEDOUT"
  | "EHOSTUNREACH"
  | "EREMOTEIO"
  | "EIO";

/** The code that each has elsewhere: the one table of both. */
const CODES: Readonly<Record<Errno, ErrorCode>> = {
  ENOENT: "NOT_FOUND",
  EACCES: "DENIED",
  EROFS: "DENIED",
  EEXIST: "EXISTS",
  ENOTEMPTY: "EXISTS",
  EINVAL: "INVALID",
  ENOTDIR: "INVALID",
  EISDIR: "INVALID",
  ENAMETOOLONG: "INVALID",
  ELOOP: "INVALID",
  EXDEV: "INVALID",
  EDEADLK: "INVALID",
  EFBIG: "LIMIT",
  ENOSPC: "LIMIT",
  EDQUOT: "RATE_LIMITED",
  EBUSY: "BUSY",
  ENOTSUP: "UNSUPPORTED",
  ESTALE: "PRECONDITION",
  EINTR: "CANCELLED",
  ETIMEDOUT: "TIMEOUT",
  EHOSTUNREACH: "UNREACHABLE",
  EREMOTEIO: "REMOTE",
  EIO: "FAILED",
};

/** What other errors are among those of files. */
const ERRNOS: Partial<Record<ErrorCode, Errno>> = {
  NOT_FOUND: "ENOENT",
  DENIED: "EACCES",
  LOCKED: "EACCES",
  EXISTS: "EEXIST",
  INVALID: "EINVAL",
  STATE: "EINVAL",
  LIMIT: "EFBIG",
  INBOX_FULL: "EDQUOT",
  RATE_LIMITED: "EDQUOT",
  BUSY: "EBUSY",
  MOVED: "ENOENT",
  TERMINATED: "EACCES",
  PRECONDITION: "ESTALE",
  UNSUPPORTED: "ENOTSUP",
  TIMEOUT: "ETIMEDOUT",
  CANCELLED: "EINTR",
  UNREACHABLE: "EHOSTUNREACH",
  REMOTE: "EREMOTEIO",
};

/** Something that cannot be done with a file. */
export class FileError extends OpenAgentsError {
  override readonly name: string = "FileError";
  readonly errno: Errno;

  constructor(errno: Errno, message: string, options?: ErrorOptions) {
    super(CODES[errno], message, options);
    this.errno = errno;
  }
}

/** True for the name of an error of files. */
export function isErrno(name: unknown): name is Errno {
  return typeof name === "string" && Object.hasOwn(CODES, name);
}

/** The error of files that anything thrown stands for: EIO for what nobody foresaw. */
export function errnoOf(error: unknown): Errno {
  if (error instanceof FileError) return error.errno;
  return (error instanceof OpenAgentsError && ERRNOS[error.code]) || "EIO";
}
