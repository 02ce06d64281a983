import { isWithin } from "./path.ts";

/** Paths that wait for a watcher; beyond that it is told no more than that there were changes. */
const MOST_WAITING = 1000;

/** Those who watch paths, of whom each is told of what changes there. */
export class Changes {
  readonly #feeds = new Set<PathFeed>();

  /** Tells whoever watches any of these paths, what is above or what is below it. */
  tell(...paths: readonly string[]): void {
    for (const feed of this.#feeds) for (const path of paths) feed.push(path);
  }

  /** What is told from now on: as `FileService.watch` gives it. */
  watch(path: string, signal: AbortSignal): PathFeed {
    const feed = new PathFeed(path, signal, () => this.#feeds.delete(feed));
    if (!signal.aborted) this.#feeds.add(feed);
    return feed;
  }
}

/**
 * Changes at or below one path, for one who iterates. A path that waits to be taken is there once; of a
 * change above the path, the path itself is told. What waits is bounded: beyond that, it is the path alone.
 */
export class PathFeed implements AsyncIterableIterator<string> {
  readonly #path: string;
  readonly #onEnd: () => void;
  readonly #stop: () => void;
  readonly #waiting = new Set<string>();
  readonly #takers: PromiseWithResolvers<IteratorResult<string>>[] = [];
  #ended = false;
  #error: unknown;

  /** @param onEnd called once, when nobody takes anything any more */
  constructor(path: string, signal: AbortSignal, onEnd: () => void) {
    this.#path = path;
    const end = (): void => this.end();
    this.#stop = () => signal.removeEventListener("abort", end);
    this.#onEnd = onEnd;
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) this.#ended = true;
  }

  get ended(): boolean {
    return this.#ended;
  }

  push(changed: string): void {
    if (this.#ended) return;
    const within = isWithin(changed, this.#path);
    if (!within && !isWithin(this.#path, changed)) return;
    const path = within ? changed : this.#path;
    const taker = this.#takers.shift();
    if (taker !== undefined) {
      taker.resolve({ done: false, value: path });
      return;
    }
    const full = this.#waiting.size >= MOST_WAITING;
    if (full) this.#waiting.clear();
    this.#waiting.add(full ? this.#path : path);
  }

  end(): void {
    this.#close();
    for (const taker of this.#takers.splice(0)) taker.resolve({ done: true, value: undefined });
  }

  /** Whoever takes next is given the error, and nothing of what waited. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#close();
    const taker = this.#takers.shift();
    if (taker === undefined) this.#error = error;
    else taker.reject(error);
    this.end();
  }

  async next(): Promise<IteratorResult<string>> {
    const error = this.#error;
    if (error !== undefined) {
      this.#error = undefined;
      throw error;
    }
    if (this.#ended) return { done: true, value: undefined };
    for (const value of this.#waiting) {
      this.#waiting.delete(value);
      return { done: false, value };
    }
    const taker = Promise.withResolvers<IteratorResult<string>>();
    this.#takers.push(taker);
    return taker.promise;
  }

  async return(): Promise<IteratorResult<string>> {
    this.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting.clear();
    this.#stop();
    this.#onEnd();
  }
}
