import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { createTarPacker } from "modern-tar";
import type { AgentRecord } from "../agent.ts";
import { allFiles } from "../load.ts";
import type { Signer, Store } from "../ports/index.ts";
import { BundleHash } from "./hash.ts";
import type { Entry } from "./hash.ts";
import type { Manifest } from "./manifest.ts";

/** Bytes of an entry that holds rows, unless one row alone has more. */
export const CHUNK = 1_048_576;
/** Rows that are read at once. */
const PAGE = 256;

/** How many of each a bundle holds. */
export interface Counts {
  readonly files: number;
  readonly records: number;
  readonly seen: number;
  readonly mail: number;
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
 * below `bytes/`; then rows as NDJSON in numbered entries: `trajectory/`, `seen/` and `mail/`, which is
 * inbox and dead letters by position; and `end.json`. Nothing of the agent may be written meanwhile
 * but its inbox.
 */
export async function* bundleEntries(source: Source): AsyncGenerator<Entry> {
  const { store, signer, record, manifest } = source;
  const { id } = record;
  const hash = new BundleHash();
  const counts = { files: 0, records: 0, seen: 0, mail: 0 };
  const hashed = (name: string, bytes: Uint8Array): Entry => {
    const entry = { name, bytes };
    hash.add(entry);
    return entry;
  };
  yield hashed("manifest.json", json(manifest));
  for await (const { path, value } of allFiles(store, id, "")) {
    counts.files += 1;
    yield typeof value === "string"
      ? hashed(`tree/${path}`, utf8ToBytes(value))
      : hashed(`bytes/${path}`, value);
  }
  const rows = {
    records: logRows(store, id),
    seen: seenRows(store, id),
    mail: mailRows(store, id),
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
export const FOLDERS = { records: "trajectory", seen: "seen", mail: "mail" } as const;

/**
 * A tar archive (POSIX pax) of entries, made as it is read. `done` is called once, when it was read to
 * its end, was cancelled, or failed.
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

async function* chunks(folder: string, rows: AsyncIterable<unknown>): AsyncGenerator<Entry> {
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
  for await (const row of rows) {
    const line = utf8ToBytes(`${JSON.stringify(row)}\n`);
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

async function* logRows(store: Store, id: string): AsyncGenerator {
  for (let after = 0; ;) {
    const rows = await store.log(id, after, PAGE);
    yield* rows;
    if (rows.length < PAGE) return;
    after = rows.at(-1)!.n;
  }
}

async function* seenRows(store: Store, id: string): AsyncGenerator {
  for (let after = ""; ;) {
    const rows = await store.seen(id, { after, limit: PAGE });
    yield* rows;
    if (rows.length < PAGE) return;
    after = rows.at(-1)!.id;
  }
}

/** Inbox and dead letters as one, by position. */
async function* mailRows(store: Store, id: string): AsyncGenerator {
  const [inbox, dead] = [boxRows(store, id, "inbox"), boxRows(store, id, "deadletter")];
  let [a, b] = [await inbox.next(), await dead.next()];
  while (a.done !== true || b.done !== true) {
    const first = a.done !== true && (b.done === true || a.value.position < b.value.position);
    const { position: _position, ...row } = (first ? a : b).value!;
    yield row;
    if (first) a = await inbox.next();
    else b = await dead.next();
  }
}

async function* boxRows(store: Store, id: string, box: "inbox" | "deadletter") {
  for (let after = 0; ;) {
    const rows = await store.mail(id, { box, after, limit: PAGE });
    yield* rows;
    if (rows.length < PAGE) return;
    after = rows.at(-1)!.position;
  }
}

function json(value: unknown): Uint8Array {
  return utf8ToBytes(JSON.stringify(value));
}
