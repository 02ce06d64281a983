import { bytesToHex } from "@noble/hashes/utils.js";
import { createTarDecoder } from "modern-tar";
import type { ParsedTarEntry } from "modern-tar";
import { OpenAgentsError } from "../errors.ts";
import { comparePaths } from "../path-order.ts";
import type { Restored } from "../ports/index.ts";
import { BundleHash } from "./hash.ts";
import type { Entry } from "./hash.ts";
import { corrupt, isCount, isHex, isObject, parseManifest } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { parseRows } from "./rows.ts";
import { chunkName, FOLDERS } from "./write.ts";
import type { Counts, End } from "./write.ts";

/** How much of a bundle is read before it is refused. */
export interface BundleLimits {
  /** Bytes of one entry, which is held in memory. */
  readonly entryBytes: number;
  readonly totalBytes: number;
  readonly entries: number;
}

/** Bytes of `manifest.json` and `end.json`. */
const NOTE_BYTES = 65_536;
const BLOCK = 512;

/** What comes out of a bundle: its manifest first, then its parts, and last how it ended. */
export type Piece =
  | { readonly manifest: Manifest }
  | { readonly part: Restored }
  | { readonly end: End };

/**
 * Reads a bundle as it comes in. All of it is checked but the signatures: names and order of the
 * entries, the form of each row, the counts and the digest.
 * @throws CORRUPT for one that is truncated, altered or no bundle; VERSION for a newer one; LIMIT
 */
export async function* readBundle(
  stream: ReadableStream<Uint8Array>,
  limits: BundleLimits,
): AsyncGenerator<Piece> {
  const hash = new BundleHash();
  const counts = { files: 0, records: 0, seen: 0, mail: 0, outbox: 0 };
  const order = new Order();
  let ended = false;
  for await (const entry of tarEntries(stream, limits)) {
    if (ended) throw corrupt(`"${entry.name}" comes after its end`);
    const kind = order.next(entry.name);
    if (kind === "end") {
      ended = true;
      yield { end: parseEnd(entry, hash, counts) };
      continue;
    }
    hash.add(entry);
    if (kind === "manifest") {
      yield { manifest: parseManifest(textOf(entry)) };
      continue;
    }
    const part = partOf(kind, entry);
    counts.files += part.files?.length ?? 0;
    counts.records += part.log?.length ?? 0;
    counts.seen += part.seen?.length ?? 0;
    counts.mail += part.mail?.length ?? 0;
    counts.outbox += part.outbox?.length ?? 0;
    yield { part };
  }
  if (!ended) throw corrupt("it is truncated");
}

/**
 * The manifest of a bundle, and the whole bundle still to be read: to see whom it is for.
 * @throws CORRUPT, VERSION
 */
export async function peekManifest(
  stream: ReadableStream<Uint8Array>,
): Promise<{ readonly manifest: Manifest; readonly stream: ReadableStream<Uint8Array> }> {
  const reader = stream.getReader();
  let head = new Uint8Array(0);
  const more = async (length: number): Promise<void> => {
    while (head.length < length) {
      const { done, value } = await reader.read();
      if (done) throw corrupt("it is truncated");
      const longer = new Uint8Array(head.length + value.length);
      longer.set(head);
      longer.set(value, head.length);
      head = longer;
    }
  };
  await more(BLOCK);
  const text = (from: number, to: number): string =>
    new TextDecoder().decode(head.subarray(from, to)).replace(/\0.*$/s, "");
  const size = Number.parseInt(text(124, 136), 8);
  if (text(0, 100) !== "manifest.json" || !(size <= NOTE_BYTES)) {
    throw corrupt("it does not begin with a manifest");
  }
  await more(BLOCK + size);
  const bytes = head.subarray(BLOCK, BLOCK + size);
  const manifest = parseManifest(textOf({ name: "manifest.json", bytes }));
  let first: Uint8Array | undefined = head;
  const whole = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (first !== undefined) {
        controller.enqueue(first);
        first = undefined;
        return;
      }
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { manifest, stream: whole };
}

/** The entries of a tar archive, each whole. @throws CORRUPT, LIMIT */
async function* tarEntries(
  stream: ReadableStream<Uint8Array>,
  limits: BundleLimits,
): AsyncGenerator<Entry> {
  const reader = stream.pipeThrough(createTarDecoder({ strict: true })).getReader();
  let [entries, total] = [0, 0];
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(damaged);
      if (done) return;
      const { name, size, type } = value.header;
      entries += 1;
      total += size;
      if (entries > limits.entries) throw tooLarge(`more than ${limits.entries} entries`);
      const most = /^(manifest|end)\.json$/.test(name) ? NOTE_BYTES : limits.entryBytes;
      if (!(size <= most)) throw tooLarge(`an entry of ${size} bytes, ${most} are allowed`);
      if (total > limits.totalBytes) throw tooLarge(`more than ${limits.totalBytes} bytes`);
      if (type !== "file") throw corrupt(`it has a ${type}`);
      yield { name, bytes: await bodyOf(value, size) };
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

async function bodyOf(entry: ParsedTarEntry, size: number): Promise<Uint8Array> {
  // Grows with what is there, not with what the header says is to come.
  const parts: Uint8Array[] = [];
  const reader = entry.body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(damaged);
    if (done) break;
    parts.push(value);
  }
  if (parts.reduce((sum, part) => sum + part.length, 0) !== size) throw corrupt("it is truncated");
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

type Kind = "manifest" | "files" | keyof typeof FOLDERS | "end";

const KINDS: readonly Kind[] = ["manifest", "files", "records", "seen", "outbox", "mail", "end"];

/** Checks that entries have known names and come in their order. */
class Order {
  #kind = -1;
  #path = "";
  #chunk = 0;

  next(name: string): Kind {
    const kind = this.#kindOf(name);
    const i = KINDS.indexOf(kind);
    const same = i === this.#kind;
    // The manifest comes first and once; all else may be left out, but for the end.
    if (i < this.#kind || (this.#kind === -1) !== (i === 0)) {
      throw corrupt(`"${printable(name)}" is out of order`);
    }
    if (!same) this.#chunk = 0;
    this.#kind = i;
    if (kind === "files") this.#checkPath(name);
    else if (kind !== "manifest" && kind !== "end") this.#checkChunk(name, FOLDERS[kind]);
    else if (same) throw corrupt(`"${name}" is there twice`);
    return kind;
  }

  #kindOf(name: string): Kind {
    if (name === "manifest.json") return "manifest";
    if (name === "end.json") return "end";
    const folder = name.slice(0, name.indexOf("/"));
    if (folder === "tree" || folder === "bytes") return "files";
    const found = Object.entries(FOLDERS).find(([, known]) => known === folder);
    if (found === undefined) throw corrupt(`it has an unknown entry "${printable(name)}"`);
    return found[0] as Kind;
  }

  #checkPath(name: string): void {
    const path = pathOf(name);
    const plain = path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
    // oxlint-disable-next-line no-control-regex
    if (!plain || /[\u0000-\u001f\u007f\\]/.test(path)) {
      throw corrupt(`"${printable(name)}" is no path of a file`);
    }
    if (this.#path !== "" && comparePaths(path, this.#path) <= 0) {
      throw corrupt(`"${printable(name)}" is out of order`);
    }
    this.#path = path;
  }

  #checkChunk(name: string, folder: string): void {
    this.#chunk += 1;
    const expected = chunkName(folder, this.#chunk);
    if (name !== expected) throw corrupt(`"${printable(name)}" is not "${expected}"`);
  }
}

function partOf(kind: Exclude<Kind, "manifest" | "end">, entry: Entry): Restored {
  if (kind === "files") {
    const value = entry.name.startsWith("tree/") ? textOf(entry) : entry.bytes;
    return { files: [{ path: pathOf(entry.name), value }] };
  }
  return parseRows(kind, { name: entry.name, text: textOf(entry) });
}

/** The path of a file, of the name of its entry. */
function pathOf(name: string): string {
  return name.slice(name.indexOf("/") + 1);
}

function parseEnd(entry: Entry, hash: BundleHash, counts: Counts): End {
  let end: unknown;
  try {
    end = JSON.parse(textOf(entry));
  } catch (cause) {
    throw corrupt('"end.json" is not JSON', cause);
  }
  const given = isObject(end) && isObject(end["counts"]) ? end["counts"] : {};
  const same = Object.entries(counts).every(
    ([kind, count]) => isCount(given[kind]) && given[kind] === count,
  );
  if (!isObject(end) || !same) throw corrupt("it does not hold as much as its end says");
  if (end["digest"] !== bytesToHex(hash.digest()) || !isHex(end["signature"], 128)) {
    throw corrupt("it was altered: its digest does not fit");
  }
  return end as unknown as End;
}

function textOf({ name, bytes }: Entry): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw corrupt(`"${printable(name)}" is not text`);
  }
}

/** Whatever failed below: the archive, or the connection that it came by. */
function damaged(cause: unknown): never {
  if (cause instanceof OpenAgentsError) throw cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  throw corrupt(`it is truncated or damaged: ${why.replace(/\.$/, "")}`, cause);
}

function tooLarge(why: string): OpenAgentsError {
  return new OpenAgentsError("LIMIT", `Cannot read bundle: it has ${why}`);
}

function printable(name: string): string {
  // oxlint-disable-next-line no-control-regex
  const text = name.replaceAll(/[\u0000-\u001f\u007f]/g, "\uFFFD");
  return text.length <= 100 ? text : `${text.slice(0, 100)}…`;
}
