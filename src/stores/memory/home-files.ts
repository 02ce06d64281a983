import { checkChange, checkPath, closed, rangeOf } from "../../core/home-file-rules.ts";
import { comparePaths } from "../../core/path-order.ts";
import type {
  HomeFile,
  HomeFiles,
  HomeFilesChange,
  HomeFilesQuery,
} from "../../core/ports/home-files.ts";

/** A home's files that end with their process: for tests, and for trying things out. */
export function memoryHomeFiles(): HomeFiles {
  return new MemoryFiles();
}

class MemoryFiles implements HomeFiles {
  readonly #values = new Map<string, string>();
  /** In their order. */
  readonly #paths: string[] = [];
  #closed = false;

  async read(path: string): Promise<string | undefined> {
    this.#open();
    checkPath(path);
    return this.#values.get(path);
  }

  async list(query: HomeFilesQuery): Promise<readonly HomeFile[]> {
    this.#open();
    const { from, inclusive, to } = rangeOf(query);
    const files: HomeFile[] = [];
    for (
      let i = this.#indexOf(from);
      i < this.#paths.length && files.length < query.limit;
      i += 1
    ) {
      const path = this.#paths[i]!;
      if (to !== undefined && comparePaths(path, to) >= 0) break;
      const value = query.values === false ? "" : this.#values.get(path)!;
      if (inclusive || path !== from) files.push({ path, value });
    }
    return files;
  }

  async write(change: HomeFilesChange): Promise<boolean> {
    this.#open();
    checkChange(change);
    const { put = [], remove = [], expect = [] } = change;
    if (expect.some(({ path, value }) => this.#values.get(path) !== value)) return false;
    for (const path of remove) {
      if (this.#values.delete(path)) this.#paths.splice(this.#indexOf(path), 1);
    }
    for (const { path, value } of put) {
      if (!this.#values.has(path)) this.#paths.splice(this.#indexOf(path), 0, path);
      this.#values.set(path, value);
    }
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #open(): void {
    if (this.#closed) throw closed();
  }

  /** Where a path is, or would be. */
  #indexOf(path: string): number {
    let [low, high] = [0, this.#paths.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePaths(this.#paths[middle]!, path) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
