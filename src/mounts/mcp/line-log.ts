import type { Clock } from "../../core/ports/index.ts";

/** Characters of a line, and lines in a time, ms. */
const MOST = { line: 1000, lines: 100, time: 60_000 } as const;

/**
 * Takes what a program writes, as it comes, and tells its lines: long ones cut, and of more than so many in a
 * minute only how many they were.
 */
export class LineLog {
  readonly #tell: (line: string) => void;
  readonly #clock: Pick<Clock, "now">;
  #rest = "";
  #isCut = false;
  #since = -Infinity;
  #told = 0;
  #dropped = 0;

  constructor(tell: (line: string) => void, clock: Pick<Clock, "now">) {
    this.#tell = tell;
    this.#clock = clock;
  }

  write(text: string): void {
    const lines = text.split("\n");
    for (const [i, part] of lines.entries()) {
      const room = MOST.line - this.#rest.length;
      this.#rest += part.slice(0, room);
      if (part.length > room) this.#isCut = true;
      if (i < lines.length - 1) this.end();
    }
  }

  /** What is there of a line that has not ended is told. */
  end(): void {
    const line = this.#rest.trimEnd() + (this.#isCut ? " …" : "");
    this.#rest = "";
    this.#isCut = false;
    if (line === "") return;
    const now = this.#clock.now();
    if (now - this.#since >= MOST.time) {
      if (this.#dropped > 0) this.#tell(`(${this.#dropped} lines were left out)`);
      this.#since = now;
      this.#told = 0;
      this.#dropped = 0;
    }
    if (this.#told === MOST.lines) {
      this.#dropped += 1;
      return;
    }
    this.#told += 1;
    this.#tell(line);
  }
}
