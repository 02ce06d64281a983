import { byteLength, bytesAbove } from "./byte-length.ts";
import { OpenAgentsError } from "./errors.ts";
import { nextLimit, pages } from "./pages.ts";
import { comparePaths } from "./path-order.ts";
import type { AgentFiles, FilesQuery, FileSize, FileText } from "./ports/memory.ts";
import type { Ledger, TreeRow, Value } from "./ports/index.ts";

/** A tick's working copy of an agent's files, read as they are needed. Dropping it is the rollback. */
export class TreeDraft implements AgentFiles {
  readonly #store: Pick<Ledger, "read" | "files">;
  readonly #id: string;
  readonly #limit: number;
  /** Undefined stands for removed. */
  readonly #changed = new Map<string, Value | undefined>();

  constructor(
    store: Pick<Ledger, "read" | "files">,
    { id, limit }: { readonly id: string; readonly limit: number },
  ) {
    this.#store = store;
    this.#id = id;
    this.#limit = limit;
  }

  /** What differs from what is stored: contents by path, undefined where a file is to go. */
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

  async #rows({ prefix, after = "", limit }: FilesQuery): Promise<readonly TreeRow[]> {
    const files = new Map<string, Value>();
    let last = after;
    let whole = false;
    // Of what is to go, only as much is read as is in the way.
    for (let few = limit; files.size < limit && !whole;) {
      const rows = await this.#store.files(this.#id, { prefix, after: last, limit: few });
      for (const { path, value } of rows) {
        if (!this.#changed.has(path)) files.set(path, value);
        else if (this.#changed.get(path) !== undefined) files.set(path, this.#changed.get(path)!);
      }
      whole = rows.length < few;
      last = rows.at(-1)?.path ?? last;
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
    this.#changed.set(path, typeof content === "string" ? content : content.slice());
  }

  remove(path: string): void {
    this.#changed.set(path, undefined);
  }

  async #value(path: string): Promise<Value | undefined> {
    if (this.#changed.has(path)) return this.#changed.get(path);
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
