import type { Errno } from "../../core/file-error.ts";

// The numbers of the FUSE kernel protocol (linux/fuse.h), as far as they are used here. Byte order is
// that of the machine; every one that Node runs Linux on is little-endian but s390x.

/** The version spoken: 7.38, the newest that changes anything here. */
export const MAJOR = 7;
export const MINOR = 38;

/** The bytes before the body of a request, and before that of a reply. */
export const IN_HEADER = 40;
export const OUT_HEADER = 16;

/** The most bytes of one WRITE or READ. */
export const MAX_WRITE = 1_048_576;
export const MAX_PAGES = 256;

/** The node number of the root. */
export const ROOT = 1;

/** Bytes of a name: more is ENAMETOOLONG. */
export const NAME_BYTES = 255;

export const OPCODE = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  ACCESS: 34,
  CREATE: 35,
  INTERRUPT: 36,
  DESTROY: 38,
  POLL: 40,
  NOTIFY_REPLY: 41,
  BATCH_FORGET: 42,
  READDIRPLUS: 44,
  RENAME2: 45,
} as const;

/** What both sides can do, from INIT. Those from bit 32 on are in `flags2`, counted from 0 again. */
export const INIT_FLAG = {
  ASYNC_READ: 0x1,
  ATOMIC_O_TRUNC: 0x8,
  BIG_WRITES: 0x20,
  AUTO_INVAL_DATA: 0x1000,
  DO_READDIRPLUS: 0x2000,
  READDIRPLUS_AUTO: 0x4000,
  PARALLEL_DIROPS: 0x40000,
  MAX_PAGES: 0x400000,
  INIT_EXT: 0x40000000,
} as const;
export const INIT_FLAG2_HAS_EXPIRE_ONLY = 0x8;

/** How the kernel treats an open file. */
export const FOPEN = { DIRECT_IO: 1, KEEP_CACHE: 2, NOFLUSH: 32 } as const;

/** What a SETATTR changes. */
export const SETATTR = { MODE: 1, UID: 2, GID: 4, SIZE: 8, FH: 64 } as const;

export const GETATTR_FH = 1;
export const RENAME_NOREPLACE = 1;
export const POLL_SCHEDULE_NOTIFY = 1;

/** What is told to the kernel unasked. */
export const NOTIFY = { POLL: 1, INVAL_INODE: 2, INVAL_ENTRY: 3 } as const;
export const EXPIRE_ONLY = 1;

/** Flags of open(2) on Linux. */
export const O = {
  ACCMODE: 3,
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
} as const;

/** Kinds of files in a mode; and setuid, setgid and the sticky bit. */
export const S = {
  IFMT: 0o170000,
  IFDIR: 0o040000,
  IFREG: 0o100000,
  IFLNK: 0o120000,
  BEYOND_RIGHTS: 0o7000,
} as const;

/** What poll(2) says. */
export const POLL = { IN: 1, OUT: 4, RDNORM: 64, WRNORM: 256 } as const;

/** The errors of files, and ENOSYS: what the kernel then never asks for again. */
export type FuseErrno = Errno | "ENOSYS";

/** The number of each error on Linux. */
export const ERRNO: Readonly<Record<FuseErrno, number>> = {
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENOTSUP: 95,
  ETIMEDOUT: 110,
  EHOSTUNREACH: 113,
  ESTALE: 116,
  EREMOTEIO: 121,
  EDQUOT: 122,
};
