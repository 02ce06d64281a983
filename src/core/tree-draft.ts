import { bytesAbove } from "./byte-length.ts";
import { OpenAgentsError } from "./errors.ts";
import { comparePaths } from "./path-order.ts";
import type { AgentFiles, FilesQuery, FileText } from "./ports/memory.ts";
import type { Ledger } from "./ports/index.ts";

/** A tick's working copy of an agent's files, read as they are needed. Dropping it is the rollback. */
export class TreeDraft implements AgentFiles {
  readonly #store: Pick<Ledger, "read" | "files">;
  readonly #id: string;
  readonly #limit: number;
  /** Undefined stands for removed. */
  readonly #changed = new Map<string, string | undefined>();

  constructor(
    store: Pick<Ledger, "read" | "files">,
    { id, limit }: { readonly id: string; readonly limit: number },
  ) {
    this.#store = store;
    this.#id = id;
    this.#limit = limit;
  }

  /** What differs from what is stored: texts by path, undefined where a file is to go. */
  get changes(): ReadonlyMap<string, string | undefined> {
    return this.#changed;
  }

  async read(path: string): Promise<string | undefined> {
    if (this.#changed.has(path)) return this.#changed.get(path);
    const [value] = await this.#store.read(this.#id, [path]);
    return value === undefined ? undefined : textOf(value);
  }

  async list({ prefix, after = "", limit }: FilesQuery): Promise<readonly FileText[]> {
    const gone = [...this.#changed.keys()].filter((path) => path.startsWith(prefix)).length;
    const rows = await this.#store.files(this.#id, { prefix, after, limit: limit + gone });
    const files = new Map(rows.map(({ path, value }) => [path, textOf(value)]));
    // Beyond the last row that was read, what was written may not be next.
    const whole = rows.length < limit + gone;
    const last = rows.at(-1)?.path ?? "";
    for (const [path, text] of this.#changed) {
      if (!path.startsWith(prefix) || comparePaths(path, after) <= 0) continue;
      if (text === undefined) files.delete(path);
      else if (whole || comparePaths(path, last) <= 0) files.set(path, text);
    }
    return [...files]
      .map(([path, value]) => ({ path, value }))
      .sort((a, b) => comparePaths(a.path, b.path))
      .slice(0, limit);
  }

  write(path: string, text: string): void {
    const tooMany = bytesAbove(text, this.#limit);
    if (tooMany !== undefined) {
      throw new OpenAgentsError(
        "LIMIT",
        `Cannot write "${path}": ${tooMany} bytes is above limits.valueBytes (${this.#limit})`,
      );
    }
    this.#changed.set(path, text);
  }

  remove(path: string): void {
    this.#changed.set(path, undefined);
  }
}

function textOf(value: string | Uint8Array): string {
  return typeof value === "string" ? value : new TextDecoder().decode(value);
}
