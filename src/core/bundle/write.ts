import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { createTarPacker } from "modern-tar";
import type { AgentRecord } from "../agent.ts";
import { filesOf, pages, recordOf } from "../pages.ts";
import type { MailQuery, SeenRow, Signer, Store } from "../ports/index.ts";
import { BundleHash } from "./hash.ts";
import type { Entry } from "./hash.ts";
import type { Manifest } from "./manifest.ts";

/** Bytes of an entry that holds rows, unless one row alone has more. */
export const CHUNK = 1_048_576;
/** How many of each a bundle holds. */
export interface Counts {
  readonly files: number;
  readonly records: number;
  readonly seen: number;
  readonly mail: number;
  readonly outbox: number;
}

/** `end.json`, the last entry of a bundle: with it the bundle is whole. */
export interface End {
  readonly counts: Counts;
  /** `BundleHash` of all entries before, hex. */
  readonly digest: string;
  /** BIP-340 signature of the digest by the agent's key, hex. */
  readonly signature: string;
}

/** What a bundle is written from. */
export interface Source {
  readonly store: Store;
  readonly signer: Signer;
  readonly record: AgentRecord;
  readonly manifest: Manifest;
}

/**
 * The bundle of an agent, in order: `manifest.json`; its files by path, text below `tree/` and bytes
 * below `bytes/`; then rows as NDJSON in numbered entries: `trajectory/`, `seen/`, `outbox/`, and
 * `mail/`, which is inbox and dead letters by position; and `end.json`. Nothing of the agent may be written
 * meanwhile but its inbox, and nothing added to its outbox.
 */
export async function* bundleEntries(source: Source): AsyncGenerator<Entry> {
  const { store, signer, record, manifest } = source;
  const { id } = record;
  const hash = new BundleHash();
  const counts = { files: 0, records: 0, seen: 0, mail: 0, outbox: 0 };
  const hashed = (name: string, bytes: Uint8Array): Entry => {
    const entry = { name, bytes };
    hash.add(entry);
    return entry;
  };
  yield hashed("manifest.json", json(manifest));
  for await (const { path, value } of filesOf(store, id)) {
    counts.files += 1;
    yield typeof value === "string"
      ? hashed(`tree/${path}`, utf8ToBytes(value))
      : hashed(`bytes/${path}`, value);
  }
  const rows = {
    records: logLines(store, id),
    seen: seenLines(store, id),
    mail: mailLines(store, id),
    outbox: outboxLines(store, id),
  };
  for (const [kind, folder] of Object.entries(FOLDERS) as [keyof typeof FOLDERS, string][]) {
    const lines = counted(rows[kind], () => (counts[kind] += 1));
    for await (const { name, bytes } of chunks(folder, lines)) yield hashed(name, bytes);
  }
  const digest = hash.digest();
  const signature = bytesToHex(await signer.sign({ ...record, purpose: "bundle" }, digest));
  const end: End = { counts, digest: bytesToHex(digest), signature };
  yield { name: "end.json", bytes: json(end) };
}

/** Where the rows of each kind are, in the order of the bundle. */
export const FOLDERS = {
  records: "trajectory",
  seen: "seen",
  // Before the dead letters, which what cannot be sent becomes one of.
  outbox: "outbox",
  mail: "mail",
} as const;

/**
 * A tar archive (POSIX pax) of entries, made a few MiB ahead of its reader. `done` is called once, when
 * no more entries are asked for: all are there, or it was cancelled, or it failed.
 */
export function tarStream(
  entries: AsyncGenerator<Entry>,
  done: () => void,
): ReadableStream<Uint8Array> {
  const { readable, controller } = createTarPacker();
  const mtime = new Date(0);
  const pack = async (): Promise<void> => {
    try {
      for await (const { name, bytes } of entries) {
        const body = controller.add({ name, size: bytes.length, type: "file", mtime });
        const writer = body.getWriter();
        await writer.write(bytes);
        await writer.close();
      }
      controller.finalize();
    } catch (error) {
      controller.error(error);
    } finally {
      done();
    }
  };
  void pack();
  return readable;
}

/** A zero-padded number, as entries of rows are named by. */
export function chunkName(folder: string, i: number): string {
  return `${folder}/${String(i).padStart(6, "0")}.ndjson`;
}

async function* chunks(folder: string, rows: AsyncIterable<Uint8Array>): AsyncGenerator<Entry> {
  let lines: Uint8Array[] = [];
  let size = 0;
  let i = 0;
  const chunk = (): Entry => {
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const line of lines) {
      bytes.set(line, at);
      at += line.length;
    }
    i += 1;
    [lines, size] = [[], 0];
    return { name: chunkName(folder, i), bytes };
  };
  for await (const line of rows) {
    if (size > 0 && size + line.length > CHUNK) yield chunk();
    lines.push(line);
    size += line.length;
  }
  if (size > 0) yield chunk();
}

async function* counted<T>(rows: AsyncIterable<T>, count: () => void): AsyncGenerator<T> {
  for await (const row of rows) {
    count();
    yield row;
  }
}

async function* logLines(store: Store, id: string): AsyncGenerator<Uint8Array> {
  for await (const row of recordOf(store, id)) yield lineOf(row);
}

async function* seenLines(store: Store, id: string): AsyncGenerator<Uint8Array> {
  const read = (after: SeenRow | undefined, limit: number): Promise<readonly SeenRow[]> =>
    store.seen(id, { after: after?.id, limit });
  for await (const row of pages(read, (one) => one.id.length)) yield lineOf(row);
}

async function* outboxLines(store: Store, id: string): AsyncGenerator<Uint8Array> {
  const read = async (after: OutLine | undefined, limit: number): Promise<OutLine[]> => {
    const rows = await store.outbox(after?.seq ?? 0, limit, id);
    return rows.map(({ seq, envelope }) => ({ seq, line: lineOf(envelope) }));
  };
  for await (const { line } of pages(read, (one) => one.line.length)) yield line;
}

interface OutLine {
  readonly seq: number;
  readonly line: Uint8Array;
}

/** Inbox and dead letters as one, by position. */
async function* mailLines(store: Store, id: string): AsyncGenerator<Uint8Array> {
  const [inbox, dead] = [boxLines(store, id, "inbox"), boxLines(store, id, "deadletter")];
  let [a, b] = [await inbox.next(), await dead.next()];
  let last = 0;
  while (a.done !== true || b.done !== true) {
    const first = a.done !== true && (b.done === true || a.value.position < b.value.position);
    const { position, line } = (first ? a : b).value!;
    // A dead letter that is replayed meanwhile keeps its position, and is in both.
    if (position > last) yield line;
    last = Math.max(last, position);
    if (first) a = await inbox.next();
    else b = await dead.next();
  }
}

interface MailLine {
  readonly position: number;
  readonly line: Uint8Array;
}

function boxLines(store: Store, id: string, box: MailQuery["box"]): AsyncGenerator<MailLine> {
  const read = async (after: MailLine | undefined, limit: number): Promise<MailLine[]> => {
    const rows = await store.mail(id, { box, after: after?.position ?? 0, limit });
    return rows.map(({ position, ...row }) => ({ position, line: lineOf(row) }));
  };
  return pages(read, ({ line }) => line.length);
}

function lineOf(row: unknown): Uint8Array {
  return utf8ToBytes(`${JSON.stringify(row)}\n`);
}

function json(value: unknown): Uint8Array {
  return utf8ToBytes(JSON.stringify(value));
}
