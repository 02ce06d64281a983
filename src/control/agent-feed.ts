import type { LiveEvent } from "../core/followers.ts";
import type { RunningTick } from "../core/live-tick.ts";
import type { Runtime } from "../core/runtime.ts";
import { Reader } from "./feed-reader.ts";
import type { FeedReader, FeedSource, LiveBatch, ReaderOptions } from "./feed-reader.ts";
import { lengthOf, liveEvents, recordedTick } from "./tick-events.ts";
import type { RecordedTick } from "./tick-events.ts";

/** Rendered ticks that are kept for readers to come, and how long their text may be in all. */
const KEPT = 64;
const KEPT_LENGTH = 4_194_304;
/** About how much of a running tick is given at once, in characters. */
const AT_ONCE = 65_536;

/** The feeds of each runtime, by the agent's id; one is there while somebody reads it. */
const FEEDS = new WeakMap<Pick<Runtime, "watch">, Map<string, AgentFeed>>();

/**
 * Opens an agent's stream. Ticks come from the record and only as fast as they are taken; what happens
 * inside of a running tick comes at once, unless the reader has still to read of ticks before it.
 * @param id the agent's id
 */
export async function openFeed(
  runtime: Runtime,
  id: string,
  options: ReaderOptions = {},
): Promise<FeedReader> {
  const feeds = FEEDS.get(runtime) ?? new Map<string, AgentFeed>();
  FEEDS.set(runtime, feeds);
  const feed = feeds.get(id) ?? new AgentFeed(runtime, id, () => feeds.delete(id));
  feeds.set(id, feed);
  const { from, events } = options;
  const reader = new Reader(feed, events);
  feed.join(reader);
  try {
    // Asked after the feed watches, so that no tick falls between.
    const { ticks } = await runtime.status(id);
    feed.reached(ticks);
    // From before a purge or of another agent: what is not there yet cannot have been seen.
    reader.begin(from === undefined || from.n > ticks ? { n: ticks, parts: 0 } : from);
    return reader;
  } catch (error) {
    reader.close();
    throw error;
  }
}

/** What all the readers of one agent share: each tick is read and rendered once for all of them. */
class AgentFeed implements FeedSource {
  readonly runtime: Runtime;
  readonly id: string;
  readonly #onEnd: () => void;
  readonly #readers = new Set<Reader>();
  readonly #unwatch: () => void;
  readonly #ticks = new Map<number, RecordedTick>();
  readonly #reading = new Map<number, Promise<readonly RecordedTick[]>>();
  /** What of the running tick was rendered, by where it begins, while the tick was at `#renderedTo`. */
  readonly #rendered = new Map<number, LiveBatch>();
  #renderedTo = 0;
  #length = 0;
  #unfollow: (() => void) | undefined;
  #telling: ReturnType<typeof setTimeout> | undefined;
  /** The newest tick that was told of. */
  #told = 0;
  tick: RunningTick | undefined;
  newest = 0;
  era = 0;

  constructor(runtime: Runtime, id: string, onEnd: () => void) {
    this.runtime = runtime;
    this.id = id;
    this.#onEnd = onEnd;
    this.#unwatch = runtime.watch(id, ({ record }) => {
      if (record.n <= this.#told) this.#anew();
      this.#told = record.n;
      this.reached(record.n);
      if (this.tick !== undefined && this.tick.n <= record.n && this.#allHaveSeen(this.tick)) {
        this.#turnTo(undefined);
      }
      this.#tell();
    });
  }

  join(reader: Reader): void {
    this.#readers.add(reader);
    if (!reader.live || this.#unfollow !== undefined) return;
    this.#unfollow = this.runtime.follow(this.id, (event) => this.#hear(event));
    this.#turnTo(this.runtime.running(this.id));
  }

  leave(reader: Reader): void {
    this.#readers.delete(reader);
    if (![...this.#readers].some(({ live }) => live)) {
      this.#unfollow?.();
      this.#unfollow = undefined;
      this.#turnTo(undefined);
    }
    if (this.#readers.size > 0) return;
    clearTimeout(this.#telling);
    this.#unwatch();
    this.#onEnd();
  }

  reached(n: number): void {
    this.newest = Math.max(this.newest, n);
  }

  live(from: number): LiveBatch {
    const { tick } = this;
    if (tick === undefined) return { events: [], end: from };
    if (this.#renderedTo !== tick.end) this.#rendered.clear();
    this.#renderedTo = tick.end;
    let batch = this.#rendered.get(from);
    if (batch === undefined) {
      const pieces = tick.read(from, AT_ONCE);
      const end = pieces.at(-1)?.end ?? tick.end;
      batch = { events: liveEvents(tick, pieces, from), end };
      this.#rendered.set(from, batch);
    }
    return batch;
  }

  async read(after: number, limit: number): Promise<readonly RecordedTick[]> {
    const kept: RecordedTick[] = [];
    for (let n = after + 1; kept.length < limit; n += 1) {
      const tick = this.#ticks.get(n);
      if (tick === undefined) break;
      kept.push(tick);
    }
    if (kept.length > 0) return kept;
    const reading = this.#reading.get(after) ?? this.#load(after, limit);
    this.#reading.set(after, reading);
    return reading;
  }

  async #load(after: number, limit: number): Promise<readonly RecordedTick[]> {
    const { era } = this;
    try {
      const rows = await this.runtime.log(this.id, after, limit);
      const ticks = rows.map(recordedTick);
      if (era === this.era) for (const tick of ticks) this.#keep(tick);
      return ticks;
    } finally {
      this.#reading.delete(after);
    }
  }

  #keep(tick: RecordedTick): void {
    if (this.#ticks.has(tick.n)) return;
    this.#ticks.set(tick.n, tick);
    this.#length += lengthOf(tick);
    for (const [n, oldest] of this.#ticks) {
      if (this.#ticks.size <= KEPT && this.#length <= KEPT_LENGTH) return;
      this.#ticks.delete(n);
      this.#length -= lengthOf(oldest);
    }
  }

  /** The agent was erased and has come again: what is kept is of the one before. */
  #anew(): void {
    this.era += 1;
    this.#ticks.clear();
    this.#length = 0;
    this.newest = 0;
  }

  /** What happens in one go is told in one go: to write it costs most when there are many readers. */
  #hear(live: LiveEvent): void {
    if (live.event === "tick_start") {
      if (this.tick !== undefined) this.#allHaveSeen(this.tick);
      this.#turnTo(this.runtime.running(this.id));
    }
    this.#telling ??= setTimeout(() => this.#tell(), 0);
  }

  #turnTo(tick: RunningTick | undefined): void {
    this.tick = tick;
    this.#rendered.clear();
  }

  #allHaveSeen(tick: RunningTick): boolean {
    let all = true;
    for (const reader of this.#readers) all = reader.hasSeen(tick) && all;
    return all;
  }

  #tell(): void {
    clearTimeout(this.#telling);
    this.#telling = undefined;
    for (const reader of this.#readers) reader.wake();
  }
}
