import type { Dir, Dirent } from "node:fs";
import { lstat, opendir } from "node:fs/promises";
import type { FileListQuery } from "../../core/ports/index.ts";
import { limitOf } from "../../vfs/asked.ts";
import { failed } from "../../vfs/failed.ts";
import { shownName } from "./names.ts";

/** How many names one look at a directory finds at most, in order. */
const AHEAD = 10_000;
/** Of how many listings that go on the next names are kept. */
const LISTINGS = 8;

/** Names in their order, and whether there are more after them. */
interface Names {
  readonly names: readonly string[];
  readonly more: boolean;
}

/** What was found for a page that was not asked for yet. */
interface Kept extends Names {
  /** The directory as it was then: names of another one are of no use. */
  readonly seen: string;
}

/**
 * Pages of names in order of their UTF-16 code units. The memory it takes does not depend on how large a
 * directory is: each look goes through all of it and takes the next 10,000 names, which serve for the
 * pages that follow while the directory stays as it is.
 */
export class Listings {
  readonly #kept = new Map<string, Kept>();

  /** A page of the directory at `place`, which is at `path`. @throws EINVAL for a cursor that is none */
  async page(
    place: string,
    path: string,
    query: FileListQuery,
  ): Promise<{ readonly names: readonly string[]; readonly cursor: string | undefined }> {
    const limit = limitOf(query);
    const after = query.cursor === undefined ? "" : nameOfCursor(query.cursor, path);
    const { dev, ino, mtimeNs } = await lstat(place, { bigint: true });
    const seen = `${dev} ${ino} ${mtimeNs}`;
    const found = this.#take(`${path}/${after}`, seen) ?? (await namesAfter(place, after));
    const names = found.names.slice(0, limit);
    const last = names.at(-1);
    const rest = found.names.slice(limit);
    if (last === undefined || (rest.length === 0 && !found.more)) {
      return { names, cursor: undefined };
    }
    if (rest.length > 0) this.#keep(`${path}/${last}`, { names: rest, more: found.more, seen });
    return { names, cursor: Buffer.from(last).toString("base64url") };
  }

  #take(key: string, seen: string): Kept | undefined {
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    return kept?.seen === seen ? kept : undefined;
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.set(key, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= LISTINGS) break;
      this.#kept.delete(oldest);
    }
  }
}

/** The entries of a directory, by the names that others see. */
export async function* entriesOf(
  place: string,
): AsyncGenerator<{ readonly name: string; readonly isDirectory: boolean }> {
  // Names come as bytes: what is no UTF-8 must not be taken for something else.
  const entries = (await opendir(place, {
    encoding: "buffer" as BufferEncoding,
    bufferSize: 512,
  })) as Dir & AsyncIterable<Dirent | Dirent<Buffer>>;
  for await (const entry of entries) {
    const name = shownName(entry.name as unknown as Buffer);
    if (name !== undefined) yield { name, isDirectory: entry.isDirectory() };
  }
}

async function namesAfter(place: string, after: string): Promise<Names> {
  let names: string[] = [];
  let more = false;
  /** No name beyond it is among the next ones. */
  let last: string | undefined;
  const cut = (): void => {
    names.sort();
    if (names.length <= AHEAD) return;
    more = true;
    names = names.slice(0, AHEAD);
    last = names.at(-1);
  };
  for await (const { name } of entriesOf(place)) {
    if (name <= after) continue;
    if (last !== undefined && name > last) continue;
    names.push(name);
    if (names.length >= 2 * AHEAD) cut();
  }
  cut();
  return { names, more };
}

function nameOfCursor(cursor: string, path: string): string {
  const name = Buffer.from(cursor, "base64url").toString("utf8");
  if (name !== "" && Buffer.from(name).toString("base64url") === cursor) return name;
  throw failed("EINVAL", "list", path, "the cursor is of no page before it: begin anew");
}
