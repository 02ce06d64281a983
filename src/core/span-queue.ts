/** What became of spans that were to be exported. */
export interface SpanCounts {
  readonly exported: number;
  /** Lost, as the queue was full or nobody took them. */
  readonly dropped: number;
  readonly queued: number;
}

/** Spans that wait to be exported, at most so many: what comes when it is full is dropped, and counted. */
export class SpanQueue<T> {
  readonly #size: number;
  #waiting: T[] = [];
  #exported = 0;
  #dropped = 0;
  #sending = 0;

  constructor(size = 2048) {
    this.#size = size;
  }

  push(span: T): void {
    if (this.#waiting.length < this.#size) this.#waiting.push(span);
    else this.#dropped += 1;
  }

  get counts(): SpanCounts {
    return {
      exported: this.#exported,
      dropped: this.#dropped,
      queued: this.#waiting.length + this.#sending,
    };
  }

  /**
   * Exports what waits, `most` at a time. What `send` rejects is dropped, and what is behind it waits for
   * the next call. Never rejects.
   */
  async drain(send: (spans: T[]) => Promise<void>, most = 512): Promise<void> {
    while (this.#waiting.length > 0) {
      const spans = this.#waiting.splice(0, most);
      // Not answered for yet, they are neither here nor there.
      this.#sending += spans.length;
      try {
        await send(spans);
        this.#exported += spans.length;
      } catch {
        this.#dropped += spans.length;
        return;
      } finally {
        this.#sending -= spans.length;
      }
    }
  }
}
