import type { LiveEvent } from "../core/followers.ts";
import { nextLimit } from "../core/pages.ts";
import type { Runtime } from "../core/runtime.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { LIVE_NAMES, liveEvents, recordedTick } from "./tick-events.ts";
import type { EventName, RecordedTick, StreamEvent } from "./tick-events.ts";

/** A place in an agent's stream: tick `n` is seen, and the first `parts` of what follows it. */
export interface StreamPosition {
  readonly n: number;
  readonly parts: number;
}

/** Reads an event's id. @throws INVALID for what is none */
export function streamPosition(text: string): StreamPosition {
  const match = /^(\d{1,15})(?:\.(\d{1,9}))?$/.exec(text);
  if (match === null) {
    throw new OpenAgentsError("INVALID", `Cannot resume stream: "${text}" is no id of an event`);
  }
  return { n: Number(match[1]), parts: Number(match[2] ?? 0) };
}

export interface ReaderOptions {
  /** Where to go on from; absent for what happens from now on. */
  readonly from?: StreamPosition | undefined;
  /** The events that are wanted; absent for all. */
  readonly events?: ReadonlySet<EventName> | undefined;
}

/** What happened to an agent since the last look, in order: the same arrays for all who read it. */
export type Batch = readonly StreamEvent[];

/** One client's place in an agent's stream. What it does not take is not kept for it. */
export interface FeedReader {
  /** The id that a client resumes from. */
  readonly cursor: string;
  readonly closed: boolean;
  /**
   * What comes next; undefined when nothing came for `patience` ms, or the reader is closed.
   * @throws NOT_FOUND, MOVED … when there is nothing more to come
   */
  next(patience: number): Promise<readonly Batch[] | undefined>;
  /** Ends the wait of `next` too. */
  close(): void;
}

/** Rendered ticks that are kept for readers to come, and how long their text may be in all. */
const KEPT = 64;
const KEPT_LENGTH = 4_194_304;
/** Batches of live events that wait for one reader; past it, the record has to tell it of the tick. */
const WAITING = 32;

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

/** A part of what happened inside of tick `n`; `starts` when its start is in it. */
interface LiveBatch {
  readonly n: number;
  readonly starts: boolean;
  readonly events: StreamEvent[];
}

/** What all the readers of one agent share: each tick is read and rendered once for all of them. */
class AgentFeed {
  readonly runtime: Runtime;
  readonly id: string;
  readonly #onEnd: () => void;
  readonly #readers = new Set<Reader>();
  readonly #unwatch: () => void;
  readonly #ticks = new Map<number, RecordedTick>();
  readonly #reading = new Map<number, Promise<readonly RecordedTick[]>>();
  #length = 0;
  #unfollow: (() => void) | undefined;
  #live: LiveBatch[] = [];
  #telling: ReturnType<typeof setTimeout> | undefined;
  /** The newest tick that was told of. */
  #told = 0;
  /** The newest durable tick that is known of. */
  newest = 0;
  /** Changes when the agent's record began anew. */
  era = 0;

  constructor(runtime: Runtime, id: string, onEnd: () => void) {
    this.runtime = runtime;
    this.id = id;
    this.#onEnd = onEnd;
    this.#unwatch = runtime.watch(id, ({ record }) => {
      if (record.n <= this.#told) this.#anew();
      this.#told = record.n;
      this.reached(record.n);
      this.#tell();
      for (const reader of this.#readers) reader.wake();
    });
  }

  join(reader: Reader): void {
    this.#readers.add(reader);
    if (reader.live) this.#unfollow ??= this.runtime.follow(this.id, (event) => this.#hear(event));
  }

  leave(reader: Reader): void {
    this.#readers.delete(reader);
    if (![...this.#readers].some(({ live }) => live)) {
      this.#unfollow?.();
      this.#unfollow = undefined;
    }
    if (this.#readers.size > 0) return;
    this.#unwatch();
    this.#onEnd();
  }

  reached(n: number): void {
    this.newest = Math.max(this.newest, n);
  }

  /** Ticks after `after`, the next one first; none when it is not there. */
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
    this.#telling ??= setTimeout(() => this.#tell(), 0);
    const starts = live.event === "tick_start";
    const last = this.#live.at(-1);
    if (last === undefined || last.n !== live.n || starts) {
      this.#live.push({ n: live.n, starts, events: [...liveEvents(live)] });
    } else last.events.push(...liveEvents(live));
  }

  #tell(): void {
    clearTimeout(this.#telling);
    this.#telling = undefined;
    if (this.#live.length === 0) return;
    const batches = this.#live;
    this.#live = [];
    for (const reader of this.#readers) reader.hear(batches);
  }
}

class Reader implements FeedReader {
  /** It wants to hear of running ticks. */
  readonly live: boolean;
  readonly #feed: AgentFeed;
  readonly #events: ReadonlySet<EventName> | undefined;
  #era: number;
  #n = Number.POSITIVE_INFINITY;
  #parts = 0;
  #limit = 1;
  #waiting: LiveBatch[] = [];
  /** The tick of which all live events so far are waiting or were given. */
  #hears: number | undefined;
  /** The tick whose start was given live, and nothing after it lost. */
  #watched: number | undefined;
  #wake: () => void = () => {};
  #closed = false;

  constructor(feed: AgentFeed, events: ReadonlySet<EventName> | undefined) {
    this.#feed = feed;
    this.#events = events;
    this.#era = feed.era;
    this.live = events === undefined || [...events].some((name) => LIVE_NAMES.has(name));
    feed.join(this);
  }

  begin({ n, parts }: StreamPosition): void {
    this.#n = n;
    this.#parts = parts;
  }

  get cursor(): string {
    return this.#parts === 0 ? String(this.#n) : `${this.#n}.${this.#parts}`;
  }

  get closed(): boolean {
    return this.#closed;
  }

  async next(patience: number): Promise<readonly Batch[] | undefined> {
    const deadline = Date.now() + patience;
    for (;;) {
      if (this.#closed) return undefined;
      if (this.#feed.era !== this.#era) {
        throw new OpenAgentsError("NOT_FOUND", "Cannot go on: the agent was erased");
      }
      const live = this.#takeLive();
      if (live.length > 0) return live;
      const late = Date.now() >= deadline;
      // Looked at now and then too, as an agent that is erased says nothing.
      if (this.#feed.newest > this.#n || late) {
        const batches = await this.#readOn();
        if (batches.length > 0) return batches;
        if (late || this.#closed) return undefined;
        continue;
      }
      await this.#change(deadline - Date.now());
    }
  }

  hear(batches: readonly LiveBatch[]): void {
    if (!this.live || this.#closed) return;
    for (const batch of batches) {
      if (batch.starts) this.#hears = batch.n;
      else if (this.#hears !== batch.n) continue;
      if (this.#waiting.length < WAITING) {
        this.#waiting.push(batch);
        continue;
      }
      this.#waiting = [];
      this.#hears = undefined;
      this.#watched = undefined;
    }
    this.#wake();
  }

  wake(): void {
    this.#wake();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting = [];
    this.#feed.leave(this);
    this.#wake();
  }

  #takeLive(): readonly Batch[] {
    const { length } = this.#waiting;
    if (length === 0) return [];
    const next = this.#parts > 0 ? undefined : this.#n + 1;
    this.#waiting = this.#waiting.filter(({ n }) => n > this.#n);
    const taken = this.#waiting.filter(({ n }) => n === next);
    if (taken.length === 0) return [];
    this.#waiting = this.#waiting.filter(({ n }) => n !== next);
    if (taken.some(({ starts }) => starts)) this.#watched = next;
    return this.#wanted(taken.map(({ events }) => events));
  }

  async #readOn(): Promise<readonly Batch[]> {
    const ticks = await this.#feed.read(this.#n, this.#limit);
    // A tick that is told of but not there would have the loop spin.
    if (ticks.length === 0) this.#feed.newest = Math.min(this.#feed.newest, this.#n);
    // Few at a time where they are large.
    this.#limit = nextLimit(ticks, lengthOf, this.#limit);
    const batches: Batch[] = [];
    for (const { n, events, rest } of ticks) {
      if (this.#parts > 0) batches.push(events.slice(Math.min(this.#parts, events.length - 1)));
      else batches.push(this.#watched === n ? rest : events);
      this.#parts = 0;
      this.#n = n;
    }
    return this.#wanted(batches);
  }

  #wanted(batches: readonly Batch[]): readonly Batch[] {
    const wanted = this.#events;
    if (wanted === undefined) return batches;
    return batches
      .map((batch) => batch.filter(({ event }) => wanted.has(event)))
      .filter(({ length }) => length > 0);
  }

  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      // To wait for ever keeps no timer, which would keep an object in memory.
      const timer = Number.isFinite(ms) ? setTimeout(resolve, ms) : undefined;
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function lengthOf({ events }: RecordedTick): number {
  let length = 0;
  for (const { data } of events) length += data.length;
  return length;
}
