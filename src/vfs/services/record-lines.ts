import { byteLength } from "../../core/byte-length.ts";
import { logSize, pages } from "../../core/pages.ts";
import type { AgentFace, FileRange, LogHead, LogRow } from "../../core/ports/index.ts";
import { boundsOf } from "../asked.ts";
import { bytesOf, joined } from "../nodes.ts";

/** So many records are between two of which it is known where they begin, at first. */
const STRIDE = 64;
/** So many such places are known of one agent; beyond that every second one is forgotten. */
const POINTS = 4096;
/** Where reads ended that may go on. */
const ENDS = 8;
/** Of so many agents it is known. */
const AGENTS = 256;

/** A place in the lines of a record: after record `n`, so many bytes from the beginning. */
interface Place {
  readonly n: number;
  readonly at: number;
}

/** What lines a record gives, each with its end. */
export type LinesOf = (row: LogRow) => string;

/** The canonical text of a record, as a line. */
export function recordLine({ record }: LogRow): string {
  return `${record}\n`;
}

/** Where in lines that agents' records give the records are. Records never change, so it stays right. */
export class RecordIndexes {
  readonly #indexes = new Map<string, RecordIndex>();
  readonly #linesOf: LinesOf;

  constructor(linesOf: LinesOf) {
    this.#linesOf = linesOf;
  }

  /** That of one agent. What was not used for long is forgotten, and found again by reading. */
  of(id: string): RecordIndex {
    const index = this.#indexes.get(id) ?? new RecordIndex(this.#linesOf);
    this.#indexes.delete(id);
    this.#indexes.set(id, index);
    if (this.#indexes.size > AGENTS) {
      for (const oldest of this.#indexes.keys()) {
        this.#indexes.delete(oldest);
        break;
      }
    }
    return index;
  }
}

/** The lines that one agent's record gives, of one record after the other. */
export class RecordIndex {
  readonly #linesOf: LinesOf;
  #stride = STRIDE;
  /** Sorted: the place before every so many records. */
  #points: Place[] = [{ n: 0, at: 0 }];
  #ends: Place[] = [];
  /** How far it is known, and the hash of the last record that is. */
  #known: Place = { n: 0, at: 0 };
  #hash = "";
  /** Another one for each record that took the place of another: what was read of that is not noted. */
  #era = 0;

  constructor(linesOf: LinesOf) {
    this.#linesOf = linesOf;
  }

  /** How many bytes all lines have. */
  async size(face: AgentFace): Promise<number> {
    const head = await this.#check(face);
    if (head.n > this.#known.n) {
      // Who knew that size will read what has come since.
      this.#ended(this.#known, this.#era);
      for await (const _row of this.#rows(face, this.#known, head.n)) continue;
    }
    return this.#known.at;
  }

  /** A part of the lines. */
  async read(face: AgentFace, range: FileRange): Promise<Uint8Array> {
    const head = await this.#check(face);
    const [from, to] = boundsOf(range, Number.MAX_SAFE_INTEGER);
    const parts: Uint8Array[] = [];
    const era = this.#era;
    let { n, at } = this.#before(from);
    for await (const row of at < to ? this.#rows(face, { n, at }, head.n) : []) {
      const lines = this.#linesOf(row);
      const next = at + byteLength(lines);
      if (next > from) {
        parts.push(bytesOf(lines).subarray(Math.max(0, from - at), Math.max(0, to - at)));
      }
      if (next >= to) break;
      n = row.n;
      at = next;
    }
    // Whoever reads on begins with the record that this read ended in.
    this.#ended({ n, at }, era);
    return joined(parts);
  }

  #ended(place: Place, era: number): void {
    if (era !== this.#era) return;
    this.#ends = [place, ...this.#ends.filter(({ at }) => at !== place.at)].slice(0, ENDS);
  }

  /** Forgets all when the record is not the one that it was: the agent was restored from a bundle. */
  async #check(face: AgentFace): Promise<LogHead> {
    const head = (await face.head()) ?? { n: 0, hash: "" };
    const { n } = this.#known;
    if (n === 0) return head;
    const last = head.n === n ? head : head.n > n ? (await face.log(n - 1, 1))[0] : undefined;
    if (last?.hash !== this.#hash) {
      this.#era += 1;
      this.#stride = STRIDE;
      this.#points = [{ n: 0, at: 0 }];
      this.#ends = [];
      this.#known = { n: 0, at: 0 };
    }
    return head;
  }

  /** The last known place that is not after an offset. */
  #before(offset: number): Place {
    let low = 0;
    for (let high = this.#points.length; high - low > 1;) {
      const middle = (low + high) >> 1;
      if (this.#points[middle]!.at <= offset) low = middle;
      else high = middle;
    }
    const ends = [...this.#ends, this.#known].filter(({ at }) => at <= offset);
    return ends.reduce((best, end) => (end.at > best.at ? end : best), this.#points[low]!);
  }

  /** Records after a place up to `last`; what is new of them is noted. */
  async *#rows(face: AgentFace, { n }: Place, last: number): AsyncGenerator<LogRow> {
    const rows = pages<LogRow>(
      (before, limit) => face.log(before?.n ?? n, Math.min(limit, last - (before?.n ?? n))),
      logSize,
    );
    const era = this.#era;
    for await (const row of rows) {
      if (row.n > last) return;
      if (era === this.#era) this.#note(row);
      yield row;
      if (row.n === last) return;
    }
  }

  #note(row: LogRow): void {
    const { n, hash } = row;
    if (n !== this.#known.n + 1) return;
    this.#known = { n, at: this.#known.at + byteLength(this.#linesOf(row)) };
    this.#hash = hash;
    if (n % this.#stride !== 0) return;
    this.#points.push(this.#known);
    if (this.#points.length <= POINTS) return;
    this.#stride *= 2;
    this.#points = this.#points.filter((point) => point.n % this.#stride === 0);
  }
}
