import { OpenAgentsError } from "../core/errors.ts";
import type { RunningTick } from "../core/live-tick.ts";
import { nextLimit } from "../core/pages.ts";
import { positionText } from "./stream-position.ts";
import type { LivePlace, StreamPosition } from "./stream-position.ts";
import { LIVE_NAMES, lengthOf } from "./tick-events.ts";
import type { EventName, RecordedTick, StreamEvent } from "./tick-events.ts";

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

/** A part of what happened in a running tick, and the place behind it. */
export interface LiveBatch {
  readonly events: Batch;
  readonly end: number;
}

/** What a reader reads from: what all who read of the agent share. */
export interface FeedSource {
  /** The newest durable tick that is known of. */
  newest: number;
  /** Changes when the agent's record began anew. */
  readonly era: number;
  /** The try that is told of live: it runs, or its record is still to come. */
  readonly tick: RunningTick | undefined;
  /** What happened in that try behind a place. */
  live(from: number): LiveBatch;
  /** Ticks after `after`, the next one first; none when it is not there. */
  read(after: number, limit: number): Promise<readonly RecordedTick[]>;
  leave(reader: Reader): void;
}

export class Reader implements FeedReader {
  /** It wants to hear of running ticks. */
  readonly live: boolean;
  readonly #feed: FeedSource;
  readonly #events: ReadonlySet<EventName> | undefined;
  #era: number;
  #n = Number.POSITIVE_INFINITY;
  #parts = 0;
  /** The newest tick that was durable when it began: those are read, unless it was in the middle of one. */
  #durable = 0;
  /** How much of the tick that follows `n` was given live. */
  #place: LivePlace | undefined;
  /** The tick of which all was given live that its record has too. */
  #watched: number | undefined;
  #limit = 1;
  #wake: () => void = () => {};
  #closed = false;

  constructor(feed: FeedSource, events: ReadonlySet<EventName> | undefined) {
    this.#feed = feed;
    this.#events = events;
    this.#era = feed.era;
    this.live = events === undefined || [...events].some((name) => LIVE_NAMES.has(name));
  }

  begin({ n, parts, live }: StreamPosition): void {
    this.#n = n;
    this.#parts = parts;
    this.#place = live;
    this.#durable = this.#feed.newest;
  }

  get cursor(): string {
    return positionText({ n: this.#n, parts: this.#parts, live: this.#place });
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

  /** The feed lets go of a tick that is over: true when this reader needs no more of it. */
  hasSeen(tick: RunningTick): boolean {
    if (!this.live || this.#n >= tick.n) return true;
    if (this.#place?.id !== tick.id || this.#place.at < tick.end) return false;
    // Of one that is lost, another try is what the record has.
    if (tick.stage === "done" && tick.whole) this.#watched = tick.n;
    return true;
  }

  wake(): void {
    this.#wake();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#feed.leave(this);
    this.#wake();
  }

  /** What has happened in the running tick, if that is what comes next. */
  #takeLive(): readonly Batch[] {
    const { tick } = this.#feed;
    if (!this.live || this.#parts > 0 || tick === undefined || tick.n !== this.#n + 1) return [];
    const within = this.#place?.id === tick.id;
    if (!within && tick.n <= this.#durable) return [];
    // Of another try nothing is left that could be gone on from.
    let at = within ? Math.min(this.#place!.at, tick.end) : 0;
    while (at < tick.end) {
      const { events, end } = this.#feed.live(at);
      at = end;
      this.#place = { id: tick.id, at };
      const wanted = this.#wanted([events]);
      if (wanted.length > 0) return wanted;
    }
    return [];
  }

  async #readOn(): Promise<readonly Batch[]> {
    const { tick } = this.#feed;
    if (tick !== undefined && tick.stage !== "running") this.hasSeen(tick);
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
      this.#place = undefined;
      this.#n = n;
    }
    return this.#wanted(batches);
  }

  #wanted(batches: readonly Batch[]): readonly Batch[] {
    const wanted = this.#events;
    if (wanted === undefined) return batches.filter(({ length }) => length > 0);
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
