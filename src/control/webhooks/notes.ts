import { leafHash } from "../../core/hash.ts";
import { canonicalJson } from "../../core/json.ts";
import { logSize, pages } from "../../core/pages.ts";
import type { HomeFile, LogRow } from "../../core/ports/index.ts";
import type { Runtime } from "../../core/runtime.ts";
import { readRow } from "../../core/trajectory.ts";
import { eventsOf } from "./events.ts";
import type { NotedTick } from "./events.ts";
import { PATHS, jsonFile } from "./files.ts";
import type { Delivery, WebhookFiles } from "./files.ts";
import { countsFrom, wants } from "./subscription.ts";
import type { StoredWebhook } from "./subscription.ts";

/** Ticks of agents after which it is noted how far they were looked at, though nobody wanted them. */
const SLACK = 256;
/** Ticks whose events are noted in one change. */
const BATCH = 256;
/** Bytes of events in one change, unless one tick alone has more. */
const BATCH_SIZE = 1_048_576;

export interface NotesOptions {
  readonly files: WebhookFiles;
  readonly webhooks: () => readonly StoredWebhook[];
  readonly newId: () => string;
  readonly now: () => number;
  /** Events were noted for these webhooks, so many for each. */
  readonly noted: (counts: ReadonlyMap<string, number>) => Promise<void>;
}

/** The newest tick of an agent that was looked at. */
interface Cursor {
  readonly n: number;
  /** The hash of its record: an agent that was restored may have another tick of this number. */
  readonly hash: string | undefined;
}

/** What the ticks that were missed are found by. */
export type PastTicks = Pick<Runtime, "list" | "log">;

/**
 * Notes the events of ticks for the webhooks that want them, together with how far each agent's record
 * was looked at: both are there or neither. What comes while a change is being written goes into the
 * next one, so that there is one write at a time however much happens.
 */
export class Notes {
  readonly #options: NotesOptions;
  /** How far the record of each agent was looked at, as far as it is known here. */
  readonly #cursors = new Map<string, Cursor>();
  /** Agents whose cursor is not written yet. */
  readonly #moved = new Set<string>();
  #unwritten = 0;
  #queue: NotedTick[] = [];
  #writing: Promise<void> | undefined;

  constructor(options: NotesOptions) {
    this.#options = options;
  }

  /** Reads how far agents were looked at. */
  async load(): Promise<void> {
    for await (const { path, value } of this.#options.files.each(PATHS.cursors)) {
      const [n, hash] = value.split(" ");
      this.#cursors.set(path.slice(PATHS.cursors.length), { n: Number(n), hash });
    }
  }

  /** Notes what a tick stands for; durable when it resolves. A tick that was noted before is passed over. */
  async notice(ticks: readonly NotedTick[]): Promise<void> {
    if (!this.#options.webhooks().some(({ active }) => active)) return;
    this.#queue.push(...ticks);
    while (this.#queue.length > 0) {
      this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
      await this.#writing;
    }
    await this.#writing;
  }

  /** Writes down how far each agent was looked at. */
  async flush(): Promise<void> {
    await this.#writing;
    await this.#options.files.write({ put: this.#cursorFiles() });
  }

  /**
   * Notes what agents did while nobody looked: between a tick and its note, the process may have ended.
   * An agent that was never looked at counts from the oldest webhook on. False when it was ended before
   * all was noted.
   */
  async catchUp(past: PastTicks, signal?: AbortSignal): Promise<boolean> {
    const active = this.#options.webhooks().filter((webhook) => webhook.active);
    const since = Math.min(...active.map(countsFrom));
    const isEnded = (): boolean => signal?.aborted === true;
    if (since === Infinity) return true;
    for (let cursor: string | undefined; ;) {
      const { items, cursor: next } = await past.list({ limit: 1000, cursor });
      for (const agent of items) {
        if (isEnded()) return false;
        const known = await this.#holding(past, agent.id);
        const after = known?.n ?? (await firstSince(past, agent.id, since));
        const rows = pages<LogRow>(
          (last, limit) => past.log(agent.id, last?.n ?? after, limit),
          logSize,
        );
        for await (const row of rows) {
          if (isEnded()) return false;
          await this.notice([{ agent, ...readRow(row) }]);
        }
        if (!this.#cursors.has(agent.id)) {
          const [row] = after === 0 ? [] : await past.log(agent.id, after - 1, 1);
          this.#moveTo(agent.id, { n: after, hash: row?.hash });
        }
      }
      if (next === undefined) break;
      cursor = next;
    }
    await this.flush();
    return true;
  }

  /** Forgets how far agents were looked at, as nobody wants their events any more. */
  async forget(): Promise<void> {
    await this.#writing;
    this.#cursors.clear();
    this.#moved.clear();
    await this.#options.files.clear(PATHS.cursors);
  }

  /** The cursor of an agent, where its record still has what that says. */
  async #holding(past: PastTicks, agent: string): Promise<Cursor | undefined> {
    const known = this.#cursors.get(agent);
    if (known === undefined || known.n === 0) return known;
    const [row] = await past.log(agent, known.n - 1, 1);
    if (row !== undefined && (known.hash === undefined || row.hash === known.hash)) return known;
    this.#cursors.delete(agent);
    return undefined;
  }

  async #write(): Promise<void> {
    const { files, webhooks, newId, now, noted } = this.#options;
    const put: HomeFile[] = [];
    const counts = new Map<string, number>();
    const before = new Map<string, Cursor | undefined>();
    const repeats = new Repeats(this.#queue);
    let size = 0;
    let count = 0;
    for (const tick of this.#queue) {
      if (count === BATCH || size > BATCH_SIZE) break;
      count += 1;
      const { id } = tick.agent;
      const known = this.#cursors.get(id);
      if (repeats.has(tick, known)) continue;
      if (!before.has(id)) before.set(id, known);
      this.#moveTo(id, { n: tick.record.n, hash: repeats.hashOf(tick) });
      for (const webhook of webhooks()) {
        const wanted = wants(webhook, tick);
        if (wanted === undefined) continue;
        for (const event of eventsOf(tick, wanted)) {
          const delivery: Delivery = { id: newId(), event, notedAt: now(), tries: [] };
          const file = jsonFile(PATHS.waiting(webhook.id, delivery), delivery);
          size += file.value.length;
          counts.set(webhook.id, (counts.get(webhook.id) ?? 0) + 1);
          put.push(file);
        }
      }
    }
    const taken = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    if (put.length === 0 && this.#unwritten < SLACK) return;
    try {
      await files.write({ put: [...put, ...this.#cursorFiles()] });
    } catch (error) {
      // Nothing of it is there: these ticks go first when the next one comes, or are found at the next start.
      for (const [id, known] of before) {
        if (known === undefined) this.#cursors.delete(id);
        else this.#cursors.set(id, known);
      }
      for (const { agent } of taken) this.#moved.delete(agent.id);
      this.#queue = [...taken, ...this.#queue];
      throw error;
    }
    if (counts.size > 0) await noted(counts);
  }

  #moveTo(agent: string, cursor: Cursor): void {
    this.#cursors.set(agent, cursor);
    this.#moved.add(agent);
    this.#unwritten += 1;
  }

  #cursorFiles(): HomeFile[] {
    const files = [...this.#moved].map((agent) => {
      const { n, hash } = this.#cursors.get(agent)!;
      return { path: PATHS.cursor(agent), value: hash === undefined ? `${n}` : `${n} ${hash}` };
    });
    this.#moved.clear();
    this.#unwritten = 0;
    return files;
  }
}

/**
 * Tells a tick that comes again from one of another history: an agent that was erased and restored
 * from an older bundle goes on from a lower number. Whoever tells of ticks again goes on to the newest
 * one that was told of, so the one is followed by what is known, and the other is not.
 */
class Repeats {
  readonly #queue: readonly NotedTick[];
  readonly #hashes = new Map<NotedTick, string>();
  /** Up to which number it was found, of an agent, that ticks come again. */
  readonly #found = new Map<string, number>();

  constructor(queue: readonly NotedTick[]) {
    this.#queue = queue;
  }

  hashOf(tick: NotedTick): string {
    const known = this.#hashes.get(tick) ?? leafHash(canonicalJson(tick.record));
    this.#hashes.set(tick, known);
    return known;
  }

  has({ agent, record }: NotedTick, known: Cursor | undefined): boolean {
    if (known === undefined || record.n > known.n) return false;
    if (this.#found.get(agent.id) === known.n) return true;
    const { n, hash } = known;
    const again =
      hash === undefined ||
      this.#queue.some(
        (other) =>
          other.agent.id === agent.id &&
          ((other.record.n === n && this.hashOf(other) === hash) ||
            (other.record.n === n + 1 && other.record.prev === hash)),
      );
    if (again) this.#found.set(agent.id, n);
    return again;
  }
}

/** The number of the last tick before a time, by halving: what came after it is what counts. */
async function firstSince(past: PastTicks, agent: string, since: number): Promise<number> {
  const isBefore = async (n: number): Promise<boolean> => {
    const [row] = await past.log(agent, n - 1, 1);
    return row !== undefined && readRow(row).record.at < since;
  };
  let low = 0;
  let high = 1;
  while (await isBefore(high)) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await isBefore(middle)) low = middle;
    else high = middle;
  }
  return low;
}
