import {
  EXPIRE_ONLY,
  INIT_FLAG,
  INIT_FLAG2_HAS_EXPIRE_ONLY,
  MAJOR,
  MAX_PAGES,
  MAX_WRITE,
  MINOR,
  NAME_BYTES,
  NOTIFY,
  OUT_HEADER,
  S,
} from "./protocol.ts";
import type { InitSays } from "./request.ts";

/** What the kernel is told of a file. */
export interface FuseAttributes {
  readonly ino: number;
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  /** ms since 1970. */
  readonly time: number;
  readonly uid: number;
  readonly gid: number;
}

/** One name in a listing. */
export interface DirectoryEntry {
  readonly name: string;
  readonly ino: number;
  /** Where the listing goes on after it. */
  readonly next: number;
  readonly mode: number;
}

/** Seconds for which the kernel may take attributes and names for true without asking. */
export const TTL = 1;

const ATTR = 88;
const ENTRY = 40 + ATTR;
const DIRENT = 24;
const encoder = new TextEncoder();
const EMPTY = new Uint8Array(0);

/** The header of a reply to `unique` that a body of `bytes` follows; `errno` 0 when all went well. */
export function encodeHeader(unique: number, errno: number, bytes: number): Uint8Array {
  const header = new Uint8Array(OUT_HEADER);
  const view = new DataView(header.buffer);
  view.setUint32(0, OUT_HEADER + bytes, true);
  view.setInt32(4, -errno, true);
  setU64(view, 8, unique);
  return header;
}

/** What of the kernel's abilities is used. */
export function encodeInit(kernel: InitSays): Uint8Array {
  const wanted =
    INIT_FLAG.ASYNC_READ |
    INIT_FLAG.ATOMIC_O_TRUNC |
    INIT_FLAG.BIG_WRITES |
    INIT_FLAG.AUTO_INVAL_DATA |
    INIT_FLAG.DO_READDIRPLUS |
    INIT_FLAG.READDIRPLUS_AUTO |
    INIT_FLAG.PARALLEL_DIROPS |
    INIT_FLAG.MAX_PAGES |
    INIT_FLAG.INIT_EXT;
  const { bytes, view } = block(64);
  view.setUint32(0, MAJOR, true);
  view.setUint32(4, MINOR, true);
  view.setUint32(8, Math.max(kernel.maxReadahead, MAX_WRITE), true);
  view.setUint32(12, kernel.flags & wanted, true);
  // How many requests that nobody waits for may be under way: a slow one must not stop the others.
  view.setUint16(16, 1024, true);
  view.setUint16(18, 768, true);
  view.setUint32(20, MAX_WRITE, true);
  view.setUint32(24, 1, true);
  view.setUint16(28, MAX_PAGES, true);
  view.setUint32(32, kernel.flags2 & INIT_FLAG2_HAS_EXPIRE_ONLY, true);
  return bytes;
}

/** The reply to GETATTR and SETATTR. */
export function encodeAttributes(attributes: FuseAttributes, ttl: number = TTL): Uint8Array {
  const { bytes, view } = block(16 + ATTR);
  setU64(view, 0, ttl);
  setAttributes(view, 16, attributes);
  return bytes;
}

/** The reply to LOOKUP and what makes something: `node` is its number from now on. */
export function encodeEntry(
  node: number,
  attributes: FuseAttributes,
  ttl: number = TTL,
): Uint8Array {
  const { bytes, view } = block(ENTRY);
  setEntry(view, 0, { node, attributes, ttl });
  return bytes;
}

/** The reply to OPEN and OPENDIR. */
export function encodeOpen(fh: number, flags: number): Uint8Array {
  const { bytes, view } = block(16);
  setU64(view, 0, fh);
  view.setUint32(8, flags, true);
  return bytes;
}

/** The reply to CREATE: what LOOKUP and OPEN would have said. */
export function encodeCreated(entry: Uint8Array, open: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(entry.byteLength + open.byteLength);
  bytes.set(entry);
  bytes.set(open, entry.byteLength);
  return bytes;
}

/** The reply to WRITE: how many bytes were taken. */
export function encodeWritten(count: number): Uint8Array {
  const { bytes, view } = block(8);
  view.setUint32(0, count, true);
  return bytes;
}

/** The reply to POLL: what of it holds now. */
export function encodePoll(events: number): Uint8Array {
  const { bytes, view } = block(8);
  view.setUint32(0, events, true);
  return bytes;
}

/** The reply to STATFS: of a place that counts neither blocks nor files. */
export function encodeStatfs(): Uint8Array {
  const { bytes, view } = block(80);
  view.setUint32(40, 4096, true);
  view.setUint32(44, NAME_BYTES, true);
  view.setUint32(48, 4096, true);
  return bytes;
}

/** Tells that what is known of a node is old; with `data` also what is kept of its content. */
export function encodeStaleNode(node: number, data: boolean): Uint8Array {
  const { bytes, view } = notice(NOTIFY.INVAL_INODE, 24);
  setU64(view, OUT_HEADER, node);
  view.setBigInt64(OUT_HEADER + 8, data ? 0n : -1n, true);
  return bytes;
}

/** Tells that a name may lead elsewhere: it is looked up again at its next use. */
export function encodeStaleName(parent: number, name: string): Uint8Array {
  const text = encoder.encode(name);
  const { bytes, view } = notice(NOTIFY.INVAL_ENTRY, 16 + text.byteLength + 1);
  setU64(view, OUT_HEADER, parent);
  view.setUint32(OUT_HEADER + 8, text.byteLength, true);
  view.setUint32(OUT_HEADER + 12, EXPIRE_ONLY, true);
  bytes.set(text, OUT_HEADER + 16);
  return bytes;
}

/** Tells that what a poll waits for has come. */
export function encodePollNotice(kh: bigint): Uint8Array {
  const { bytes, view } = notice(NOTIFY.POLL, 8);
  view.setBigUint64(OUT_HEADER, kh, true);
  return bytes;
}

/** The reply to READDIR and READDIRPLUS, filled up entry by entry. */
export class DirectoryReply {
  readonly #size: number;
  readonly #plus: boolean;
  /** Most directories are small, and the kernel has room for a large one. */
  #bytes: Uint8Array = EMPTY;
  #view: DataView = new DataView(EMPTY.buffer);
  #length = 0;

  /** `size`: the most bytes that the kernel takes. */
  constructor(size: number, plus: boolean) {
    this.#size = size;
    this.#plus = plus;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /**
   * Adds an entry; false when it has no more room. `known` gives the node that it is, and is called
   * only when there is room and attributes are wanted: the kernel counts that node as looked up.
   */
  add(entry: DirectoryEntry, known: () => KnownEntry | undefined): boolean {
    const name = encoder.encode(entry.name);
    const head = this.#plus ? ENTRY : 0;
    const bytes = head + ((DIRENT + name.byteLength + 7) & ~7);
    if (this.#length + bytes > this.#size) return false;
    this.#grow(this.#length + bytes);
    const node = this.#plus ? known() : undefined;
    if (node !== undefined) setEntry(this.#view, this.#length, { ...node, ttl: TTL });
    const at = this.#length + head;
    setU64(this.#view, at, entry.ino);
    setU64(this.#view, at + 8, entry.next);
    this.#view.setUint32(at + 16, name.byteLength, true);
    this.#view.setUint32(at + 20, (entry.mode & S.IFMT) >> 12, true);
    this.#bytes.set(name, at + DIRENT);
    this.#length += bytes;
    return true;
  }

  #grow(length: number): void {
    if (length <= this.#bytes.byteLength) return;
    const { bytes, view } = block(Math.min(this.#size, Math.max(2 * length, 1024)));
    bytes.set(this.bytes);
    [this.#bytes, this.#view] = [bytes, view];
  }
}

/** A node and what is known of it. */
export interface KnownEntry {
  readonly node: number;
  readonly attributes: FuseAttributes;
}

function setEntry(view: DataView, at: number, entry: KnownEntry & { readonly ttl: number }): void {
  setU64(view, at, entry.node);
  setU64(view, at + 16, entry.ttl);
  setU64(view, at + 24, entry.ttl);
  setAttributes(view, at + 40, entry.attributes);
}

function setAttributes(view: DataView, at: number, attributes: FuseAttributes): void {
  const { time } = attributes;
  const seconds = Math.floor(time / 1000);
  const nanoseconds = Math.floor((time - seconds * 1000) * 1e6);
  setU64(view, at, attributes.ino);
  setU64(view, at + 8, attributes.size);
  setU64(view, at + 16, Math.ceil(attributes.size / 512));
  for (const field of [24, 32, 40]) view.setBigInt64(at + field, BigInt(seconds), true);
  for (const field of [48, 52, 56]) view.setUint32(at + field, nanoseconds, true);
  view.setUint32(at + 60, attributes.mode, true);
  // Of a directory, 1 says that nobody counts its directories.
  view.setUint32(at + 64, 1, true);
  view.setUint32(at + 68, attributes.uid, true);
  view.setUint32(at + 72, attributes.gid, true);
  view.setUint32(at + 80, 4096, true);
}

function notice(code: number, bytes: number): { bytes: Uint8Array; view: DataView } {
  const made = block(OUT_HEADER + bytes);
  made.view.setUint32(0, OUT_HEADER + bytes, true);
  made.view.setInt32(4, code, true);
  return made;
}

function block(length: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(length);
  return { bytes, view: new DataView(bytes.buffer) };
}

function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 0x1_0000_0000, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}
