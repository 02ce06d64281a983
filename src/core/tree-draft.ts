import { byteLength, bytesAbove } from "./byte-length.ts";
import { OpenAgentsError } from "./errors.ts";
import { nextLimit, pages } from "./pages.ts";
import { comparePaths } from "./path-order.ts";
import type { AgentFiles, FilesQuery, FileSize, FileText } from "./ports/memory.ts";
import type { Ledger, TreeRow, Value } from "./ports/index.ts";
import { areaOf, hasAll, wordsOf } from "./search.ts";
import type { FoundQuery } from "./search.ts";

/** What of a store is read. */
type Stored = Pick<Ledger, "read" | "files" | "search">;

/** So many paths does a store find at once. */
const MOST_FOUND = 1000;

/** A tick's working copy of an agent's files, read as they are needed. Dropping it is the rollback. */
export class TreeDraft implements AgentFiles {
  readonly #store: Stored;
  readonly #id: string;
  readonly #limit: number;
  /** In the order of the last change; undefined stands for removed. */
  readonly #changed = new Map<string, Value | undefined>();
  /** Those of these paths that end in "/": what is stored below them is not there. */
  readonly #cleared = new Set<string>();

  constructor(store: Stored, { id, limit }: { readonly id: string; readonly limit: number }) {
    this.#store = store;
    this.#id = id;
    this.#limit = limit;
  }

  /**
   * What differs from what is stored, in the order in which it is to be done: contents by path, undefined
   * where a file is to go, or all below a path that ends in "/".
   */
  get changes(): ReadonlyMap<string, Value | undefined> {
    return this.#changed;
  }

  async read(path: string): Promise<string | undefined> {
    const value = await this.#value(path);
    return value === undefined ? undefined : textOf(value);
  }

  async bytes(path: string): Promise<Uint8Array | undefined> {
    const value = await this.#value(path);
    return typeof value === "string" ? new TextEncoder().encode(value) : value;
  }

  async list(query: FilesQuery): Promise<readonly FileText[]> {
    return (await this.#rows(query)).map(({ path, value }) => ({ path, value: textOf(value) }));
  }

  async sizes({ prefix, after, limit }: FilesQuery): Promise<readonly FileSize[]> {
    const found: FileSize[] = [];
    // Of large files, few are in memory at once.
    const rows = pages<TreeRow>(
      (last, few) => this.#rows({ prefix, after: last?.path ?? after, limit: few }),
      ({ value }) => value.length,
    );
    for await (const { path, value } of rows) {
      found.push({ path, size: sizeOf(value) });
      if (found.length === limit) break;
    }
    return found;
  }

  async search({ words, areas, limit }: FoundQuery): Promise<readonly string[]> {
    const own: string[] = [];
    let changed = 0;
    for (const [path, value] of this.#changed) {
      const area = areaOf(path);
      if (area === undefined || !areas.includes(area)) continue;
      changed += 1;
      if (value !== undefined && hasAll(wordsOf(area, { path, value }), words)) own.push(path);
    }
    own.reverse();
    const found = own.slice(0, limit);
    // What the tick has changed may be found as it was: there are more behind it.
    for (let more = limit - found.length + changed; found.length < limit; more *= 2) {
      const size = Math.min(more, MOST_FOUND);
      const rows = await this.#store.search(this.#id, { words, areas, limit: size });
      const rest = rows.filter((path) => !this.#changed.has(path) && !this.#isCleared(path));
      found.splice(own.length, found.length, ...rest.slice(0, limit - own.length));
      if (rows.length < size || size === MOST_FOUND) break;
    }
    return found;
  }

  async #rows({ prefix, after = "", limit }: FilesQuery): Promise<readonly TreeRow[]> {
    const files = new Map<string, Value>();
    let last = after;
    let whole = false;
    // Of what is to go, only as much is read as is in the way.
    for (let few = limit; files.size < limit && !whole;) {
      const rows = await this.#store.files(this.#id, { prefix, after: last, limit: few });
      for (const { path, value } of rows) {
        if (this.#changed.has(path)) {
          if (this.#changed.get(path) !== undefined) files.set(path, this.#changed.get(path)!);
        } else if (!this.#isCleared(path)) files.set(path, value);
      }
      whole = rows.length < few;
      last = this.#pastCleared(rows.at(-1)?.path ?? last);
      few = nextLimit(rows, ({ value }) => value.length, few);
    }
    for (const [path, value] of this.#changed) {
      if (value === undefined || !path.startsWith(prefix)) continue;
      // Beyond the last row that was read, what was written may not be next.
      if (comparePaths(path, after) <= 0 || (!whole && comparePaths(path, last) > 0)) continue;
      files.set(path, value);
    }
    return [...files]
      .map(([path, value]) => ({ path, value }))
      .sort((a, b) => comparePaths(a.path, b.path))
      .slice(0, limit);
  }

  #isCleared(path: string): boolean {
    return this.#cleared.size > 0 && [...this.#cleared].some((below) => path.startsWith(below));
  }

  /** A path, or where what is cleared ends that it is in: nothing of that is to be read. */
  #pastCleared(path: string): string {
    for (const cleared of this.#cleared)
      if (path.startsWith(cleared)) return `${cleared}\u{10ffff}`;
    return path;
  }

  write(path: string, content: Value): void {
    const tooMany =
      typeof content === "string"
        ? bytesAbove(content, this.#limit)
        : content.byteLength > this.#limit && content.byteLength;
    if (tooMany) {
      throw new OpenAgentsError(
        "LIMIT",
        `Cannot write "${path}": ${tooMany} bytes is above limits.valueBytes (${this.#limit})`,
      );
    }
    // What the caller does with its bytes from now on is not what was written.
    this.#change(path, typeof content === "string" ? content : content.slice());
  }

  remove(path: string): void {
    if (path.endsWith("/")) {
      for (const file of this.#changed.keys()) {
        if (file.startsWith(path)) this.#changed.delete(file);
      }
      this.#cleared.add(path);
    }
    this.#change(path, undefined);
  }

  #change(path: string, value: Value | undefined): void {
    this.#changed.delete(path);
    this.#changed.set(path, value);
  }

  async #value(path: string): Promise<Value | undefined> {
    if (this.#changed.has(path)) return this.#changed.get(path);
    if (this.#isCleared(path)) return undefined;
    const [value] = await this.#store.read(this.#id, [path]);
    return value;
  }
}

function textOf(value: Value): string {
  return typeof value === "string" ? value : new TextDecoder().decode(value);
}

function sizeOf(value: Value): number {
  return typeof value === "string" ? byteLength(value) : value.byteLength;
}
