import { errnoOf } from "../../core/file-error.ts";
import type { Errno } from "../../core/file-error.ts";
import type { FileService, FileStat } from "../../core/ports/files.ts";
import { AssertionError, equal } from "../assert.ts";

/** What not every service of files can do. */
export type FileCapability =
  /** New files can be made, changed, removed and renamed. */
  | "write"
  /** Files can be written at any place and resized. */
  | "ranges"
  /** A new file needs a directory; without it, those above it are made with it. */
  | "parents"
  /** Directories can be made. */
  | "directories"
  /** They can be renamed, with all that is in them. */
  | "moveDirectories"
  /** What a stat says has a revision, and a write can ask for one. */
  | "revisions"
  /** A file may have any name that `normalPath` lets through. */
  | "names"
  | "watch"
  | "exchange"
  | "stream";

/** Fresh files for one case. */
export interface FileServiceFixture {
  readonly files: FileService;
  /** The directory in which everything is done; with `write` it is empty. Default `/`. */
  readonly root?: string | undefined;
  /** A file that is there, for services that cannot be written. */
  readonly given?: FileContent | undefined;
  /** A file that answers: two different questions, and what it says. */
  readonly exchange?: ExchangeSample | undefined;
  readonly stream?: StreamSample | undefined;
  dispose(): Promise<void>;
}

export interface FileContent {
  readonly path: string;
  readonly data: Uint8Array;
}

export interface ExchangeSample {
  readonly path: string;
  readonly rounds: readonly (readonly [data: Uint8Array, answer: Uint8Array])[];
}

export interface StreamSample {
  readonly path: string;
  /** Has one more line come, or more; each time another one. */
  readonly grow: () => Promise<void>;
}

/** What a case body gets. */
export interface FilesCase extends FileServiceFixture {
  /** The path of something in `root`. */
  readonly at: (name: string) => string;
}

/** Cases by name, with what they need. */
export type FileCases = Readonly<
  Record<
    string,
    {
      readonly needs: readonly FileCapability[];
      readonly run: (fixture: FilesCase) => Promise<void>;
    }
  >
>;

export function bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

export function text(data: Uint8Array): string {
  return decoder.decode(data);
}

/** @throws AssertionError unless `promise` rejects with one of these */
export async function refused(promise: Promise<unknown>, ...errnos: Errno[]): Promise<void> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => ({ error, errno: errnoOf(error) }),
  );
  if (outcome !== undefined && errnos.includes(outcome.errno)) return;
  const got = outcome === undefined ? "none" : outcome.errno;
  const message = `Expected ${errnos.join(" or ")} but got ${got}`;
  throw new AssertionError(message, { cause: outcome?.error });
}

/** The whole directory, so many entries at a time. */
export async function entries(
  files: FileService,
  path: string,
  limit?: number,
): Promise<readonly FileStat[]> {
  const all: FileStat[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await files.list(path, { limit, cursor });
    if (page.items.length > (limit ?? 100)) throw new AssertionError("A page has too many entries");
    all.push(...page.items);
    if (page.cursor === undefined) return all;
    cursor = page.cursor;
  }
}

/** Their names, sorted, so that they can be compared. */
export async function names(files: FileService, path: string): Promise<readonly string[]> {
  return (await entries(files, path)).map(({ name }) => name).sort();
}

/** Checks the content of a file. */
export async function holds(files: FileService, path: string, expected: string): Promise<void> {
  equal(text(await files.read(path)), expected, path);
}

/** A turn of the event loop, for whatever has to come through it. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 1);
  });
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
