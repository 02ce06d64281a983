import { comparePaths } from "../core/path-order.ts";

export type ScratchNode = ScratchFile | ScratchDirectory;

/** The bytes of one file in memory. */
export class ScratchFile {
  modifiedAt: number;
  revision: string;
  #size = 0;
  /** As long as the file, or longer: what is behind its end is zeros. */
  #buffer = new Uint8Array(0);

  constructor(modifiedAt: number, revision: string) {
    this.modifiedAt = modifiedAt;
    this.revision = revision;
  }

  get size(): number {
    return this.#size;
  }

  /** A copy. */
  read(from: number, to: number): Uint8Array {
    return this.#buffer.slice(from, to);
  }

  /** Puts a copy there; what is between the end and there becomes zeros. */
  write(data: Uint8Array, at: number): void {
    if (data.byteLength === 0) return;
    const end = at + data.byteLength;
    if (end > this.#size) this.resize(end);
    this.#buffer.set(data, at);
  }

  resize(size: number): void {
    if (size > this.#buffer.byteLength) {
      // Files grow at their end, a little at a time: to copy all of it each time would take for ever.
      const wider = new Uint8Array(this.#size === 0 ? size : Math.max(size, this.#size * 2));
      wider.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = wider;
    } else if (size * 4 < this.#buffer.byteLength) {
      this.#buffer = this.#buffer.slice(0, size);
    } else {
      this.#buffer.fill(0, size, this.#size);
    }
    this.#size = size;
  }
}

/** The entries of one directory in memory. */
export class ScratchDirectory {
  modifiedAt: number;
  revision: string;
  readonly #entries = new Map<string, ScratchNode>();
  /** In their order, the one of their bytes. */
  readonly #names: string[] = [];

  constructor(modifiedAt: number, revision: string) {
    this.modifiedAt = modifiedAt;
    this.revision = revision;
  }

  get entries(): ReadonlyMap<string, ScratchNode> {
    return this.#entries;
  }

  /** The next names after one, which need not be there. */
  after(name: string | undefined, count: number): readonly string[] {
    let from = name === undefined ? 0 : this.#indexOf(name);
    if (name !== undefined && this.#names[from] === name) from += 1;
    return this.#names.slice(from, from + count);
  }

  set(name: string, node: ScratchNode): void {
    if (!this.#entries.has(name)) this.#names.splice(this.#indexOf(name), 0, name);
    this.#entries.set(name, node);
  }

  delete(name: string): ScratchNode | undefined {
    const node = this.#entries.get(name);
    if (this.#entries.delete(name)) this.#names.splice(this.#indexOf(name), 1);
    return node;
  }

  /** Where a name is, or would be. */
  #indexOf(name: string): number {
    let [low, high] = [0, this.#names.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePaths(this.#names[middle]!, name) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
