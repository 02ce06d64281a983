import {
  GETATTR_FH,
  IN_HEADER,
  NAME_BYTES,
  OPCODE,
  POLL_SCHEDULE_NOTIFY,
  S,
  SETATTR,
} from "./protocol.ts";
import type { FuseErrno } from "./protocol.ts";

/** What every request says first. */
export interface RequestHeader {
  /** Its number: the reply has the same. */
  readonly unique: number;
  /** The node that it is about. */
  readonly node: number;
  /** The thread that asks; 0 for the kernel itself. */
  readonly pid: number;
}

/** What is asked. Numbers of handles (`fh`), offsets and sizes are safe integers, names are checked. */
export type RequestBody =
  | ({ readonly op: "init"; readonly major: number; readonly minor: number } & InitSays)
  | { readonly op: "lookup" | "unlink" | "rmdir" | "mkdir" | "mknod"; readonly name: string }
  | { readonly op: "forget"; readonly nodes: readonly Forgotten[] }
  | { readonly op: "getattr"; readonly fh: number | undefined }
  | ({ readonly op: "setattr" } & Attributes)
  | ({ readonly op: "rename"; readonly name: string } & RenameTo)
  | { readonly op: "open"; readonly flags: number }
  | { readonly op: "create"; readonly flags: number; readonly name: string }
  | { readonly op: "read"; readonly fh: number; readonly offset: number; readonly size: number }
  | {
      readonly op: "write";
      readonly fh: number;
      readonly offset: number;
      readonly data: Uint8Array;
    }
  | { readonly op: "flush" | "release" | "fsync" | "releasedir"; readonly fh: number }
  | ({ readonly op: "readdir"; readonly plus: boolean } & DirectoryRange)
  | { readonly op: "interrupt"; readonly target: number }
  | ({ readonly op: "poll"; readonly fh: number } & PollAsked)
  | { readonly op: "opendir" | "readlink" | "statfs" | "access" | "fsyncdir" | "destroy" }
  | { readonly op: "refused"; readonly errno: FuseErrno };

export type FuseRequest = RequestHeader & RequestBody;

/** What the kernel can do. */
export interface InitSays {
  readonly maxReadahead: number;
  readonly flags: number;
  readonly flags2: number;
}

/** A node that the kernel forgets, and how often it had been told of it. */
export interface Forgotten {
  readonly node: number;
  readonly count: number;
}

/** What a SETATTR asks for: absent is as it was. */
export interface Attributes {
  readonly fh: number | undefined;
  readonly size: number | undefined;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

export interface RenameTo {
  /** The directory that it goes to. */
  readonly to: number;
  readonly toName: string;
  readonly flags: number;
}

export interface DirectoryRange {
  readonly fh: number;
  readonly offset: number;
  readonly size: number;
}

export interface PollAsked {
  /** What the kernel calls this poll when it is told that something came. */
  readonly kh: bigint;
  readonly events: number;
  /** Whether it wants to be told. */
  readonly schedule: boolean;
}

/** A frame that is no request. It is answered by `errno` where its number could be read. */
export class ProtocolError extends Error {
  override readonly name: string = "ProtocolError";
  readonly errno: FuseErrno;
  /** The request's number; undefined when not even that could be read. */
  readonly unique: number | undefined;

  constructor(errno: FuseErrno, message: string, unique?: number) {
    super(message);
    this.errno = errno;
    this.unique = unique;
  }
}

/** What cannot be had for ever: the kernel remembers ENOSYS and does not ask again. */
const UNKNOWN: RequestBody = { op: "refused", errno: "ENOSYS" };
const REFUSED: RequestBody = { op: "refused", errno: "ENOTSUP" };

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads one frame from the kernel. Data of a WRITE is part of `frame`, not a copy.
 * @throws ProtocolError, and nothing else, whatever the bytes
 */
export function parseRequest(frame: Uint8Array): FuseRequest {
  if (frame.byteLength < IN_HEADER) {
    throw new ProtocolError("EINVAL", `${frame.byteLength} bytes are no request`);
  }
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const unique = u64(view, 8);
  const body = new Body(frame, view, unique);
  if (view.getUint32(0, true) !== frame.byteLength) {
    throw body.wrong("its length is not what it says");
  }
  const node = u64(view, 16);
  return Object.assign(
    { unique, node, pid: view.getUint32(32, true) },
    parseBody(view.getUint32(4, true), body, node),
  );
}

function parseBody(opcode: number, body: Body, node: number): RequestBody {
  switch (opcode) {
    case OPCODE.LOOKUP:
      return { op: "lookup", name: body.name(0) };
    case OPCODE.READ:
      return { op: "read", fh: body.number(0), offset: body.number(8), size: body.u32(16) };
    case OPCODE.OPEN:
      return { op: "open", flags: body.u32(0) };
    case OPCODE.GETATTR:
      return { op: "getattr", fh: body.u32(0) & GETATTR_FH ? body.number(8) : undefined };
    case OPCODE.RELEASE:
      return { op: "release", fh: body.number(0) };
    case OPCODE.FLUSH:
      return { op: "flush", fh: body.number(0) };
    case OPCODE.FSYNC:
      return { op: "fsync", fh: body.number(0) };
    case OPCODE.RELEASEDIR:
      return { op: "releasedir", fh: body.number(0) };
    case OPCODE.WRITE: {
      const data = body.rest(40);
      if (data.byteLength !== body.u32(16)) throw body.wrong("its data is not as long as it says");
      return { op: "write", fh: body.number(0), offset: body.number(8), data };
    }
    case OPCODE.READDIR:
    case OPCODE.READDIRPLUS:
      return {
        op: "readdir",
        plus: opcode === OPCODE.READDIRPLUS,
        fh: body.number(0),
        offset: body.number(8),
        size: body.u32(16),
      };
    case OPCODE.FORGET:
      return { op: "forget", nodes: [{ node, count: body.number(0) }] };
    case OPCODE.BATCH_FORGET:
      return { op: "forget", nodes: body.forgotten() };
    case OPCODE.SETATTR:
      return parseAttributes(body);
    case OPCODE.MKNOD:
      if ((body.u32(0) & S.IFMT) !== S.IFREG) return REFUSED;
      return { op: "mknod", name: body.name(16) };
    case OPCODE.MKDIR:
      return { op: "mkdir", name: body.name(8) };
    case OPCODE.UNLINK:
      return { op: "unlink", name: body.name(0) };
    case OPCODE.RMDIR:
      return { op: "rmdir", name: body.name(0) };
    case OPCODE.RENAME:
      return { op: "rename", to: body.number(0), flags: 0, ...body.names(8) };
    case OPCODE.RENAME2:
      return { op: "rename", to: body.number(0), flags: body.u32(8), ...body.names(16) };
    case OPCODE.CREATE:
      return { op: "create", flags: body.u32(0), name: body.name(16) };
    case OPCODE.INTERRUPT:
      return { op: "interrupt", target: body.number(0) };
    case OPCODE.POLL:
      return {
        op: "poll",
        fh: body.number(0),
        kh: body.u64(8),
        schedule: (body.u32(16) & POLL_SCHEDULE_NOTIFY) !== 0,
        events: body.u32(20),
      };
    case OPCODE.INIT:
      return {
        op: "init",
        major: body.u32(0),
        minor: body.u32(4),
        maxReadahead: body.u32(8),
        flags: body.u32(12),
        flags2: body.has(20) ? body.u32(16) : 0,
      };
    case OPCODE.OPENDIR:
      return { op: "opendir" };
    case OPCODE.READLINK:
      return { op: "readlink" };
    case OPCODE.STATFS:
      return { op: "statfs" };
    case OPCODE.ACCESS:
      return { op: "access" };
    case OPCODE.FSYNCDIR:
      return { op: "fsyncdir" };
    case OPCODE.DESTROY:
      return { op: "destroy" };
    case OPCODE.SYMLINK:
    case OPCODE.LINK:
      return REFUSED;
    default:
      return UNKNOWN;
  }
}

function parseAttributes(body: Body): RequestBody {
  const valid = body.u32(0);
  const given = <T>(bit: number, value: T): T | undefined => (valid & bit ? value : undefined);
  return {
    op: "setattr",
    fh: valid & SETATTR.FH ? body.number(8) : undefined,
    size: valid & SETATTR.SIZE ? body.number(16) : undefined,
    mode: given(SETATTR.MODE, body.u32(68)),
    uid: given(SETATTR.UID, body.u32(76)),
    gid: given(SETATTR.GID, body.u32(80)),
  };
}

/** A number of 64 bits; inexact above 2^53. */
function u64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}

/** The bytes after the header. What is not there is a ProtocolError. */
class Body {
  readonly #frame: Uint8Array;
  readonly #view: DataView;
  readonly #unique: number;

  constructor(frame: Uint8Array, view: DataView, unique: number) {
    this.#frame = frame;
    this.#view = view;
    this.#unique = unique;
  }

  wrong(why: string, errno: FuseErrno = "EINVAL"): ProtocolError {
    return new ProtocolError(errno, `Cannot read request ${this.#unique}: ${why}`, this.#unique);
  }

  has(bytes: number): boolean {
    return IN_HEADER + bytes <= this.#frame.byteLength;
  }

  u32(at: number): number {
    this.#need(at + 4);
    return this.#view.getUint32(IN_HEADER + at, true);
  }

  u64(at: number): bigint {
    this.#need(at + 8);
    return this.#view.getBigUint64(IN_HEADER + at, true);
  }

  /** A number of 64 bits that JavaScript can count with. */
  number(at: number): number {
    this.#need(at + 8);
    const value = u64(this.#view, IN_HEADER + at);
    if (!Number.isSafeInteger(value)) throw this.wrong("a number is too large");
    return value;
  }

  rest(at: number): Uint8Array {
    this.#need(at);
    return this.#frame.subarray(IN_HEADER + at);
  }

  /** The name that fills the rest. */
  name(at: number): string {
    const bytes = this.rest(at);
    if (bytes.indexOf(0) !== bytes.byteLength - 1)
      throw this.wrong("its name does not end with it");
    return this.#text(bytes.subarray(0, -1));
  }

  /** The two names of a rename. */
  names(at: number): { readonly name: string; readonly toName: string } {
    const bytes = this.rest(at);
    const end = bytes.indexOf(0);
    if (end === -1) throw this.wrong("a name does not end");
    return { name: this.#text(bytes.subarray(0, end)), toName: this.name(at + end + 1) };
  }

  forgotten(): Forgotten[] {
    const count = this.u32(0);
    this.#need(8 + count * 16);
    return Array.from({ length: count }, (_, index) => ({
      node: this.number(8 + index * 16),
      count: this.number(16 + index * 16),
    }));
  }

  #need(bytes: number): void {
    if (!this.has(bytes)) throw this.wrong("it is cut off");
  }

  #text(bytes: Uint8Array): string {
    if (bytes.byteLength > NAME_BYTES) throw this.wrong("a name is too long", "ENAMETOOLONG");
    let name: string;
    try {
      name = decoder.decode(bytes);
    } catch {
      throw this.wrong("a name is no UTF-8");
    }
    if (!isName(name)) throw this.wrong("a name is none");
    return name;
  }
}

/** True for what can be the name of an entry. */
export function isName(name: string): boolean {
  return (
    name !== "" &&
    name !== "." &&
    name !== ".." &&
    !name.includes("/") &&
    !name.includes("\0") &&
    name.isWellFormed()
  );
}
