/** The values that were used last, at most `size` of them. */
export class Recent<T> {
  readonly #values = new Map<string, T>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#values.size;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** Looks a value up, which makes it the last used. */
  get(key: string): T | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) {
      this.#values.delete(key);
      this.#values.set(key, value);
    }
    return value;
  }

  /** Keeps a value; the one that it drives out is given back. */
  set(key: string, value: T): T | undefined {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= this.#size) return undefined;
    const [oldest, dropped] = this.#values.entries().next().value!;
    this.#values.delete(oldest);
    return dropped;
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  values(): IterableIterator<T> {
    return this.#values.values();
  }
}
