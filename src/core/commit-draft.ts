import type { AlarmFile } from "./alarms.ts";
import type { Envelope } from "./envelope.ts";
import { sha256Hex } from "./hash.ts";
import type { Parked } from "./parked.ts";
import type { Changes, TreeRow, Value } from "./ports/index.ts";
import { paths } from "./tree.ts";
import type { Timer } from "./tree.ts";

/** Collects the files, mail and timers that a tick's commit is to change. */
export class CommitDraft {
  readonly #put = new Map<string, Value>();
  readonly remove: Set<string> = new Set();
  readonly timersSet: Timer[] = [];
  readonly timersRemoved: Timer[] = [];
  parkedDropped = 0;
  send: Envelope[] = [];
  readonly ack: number[] = [];
  readonly retry: NonNullable<Changes["retry"]>[number][] = [];
  readonly bury: NonNullable<Changes["bury"]>[number][] = [];

  write(path: string, value: Value): void {
    this.remove.delete(path);
    this.#put.set(path, value);
  }

  erase(path: string): void {
    this.#put.delete(path);
    this.remove.add(path);
  }

  setTimer(timer: Timer): void {
    this.timersSet.push(timer);
    this.write(paths.timer(timer), "");
  }

  removeTimer(timer: Timer): void {
    this.timersRemoved.push(timer);
    this.erase(paths.timer(timer));
  }

  /** Takes back a tick that is parked, with all that was kept for it. */
  dropParked({ envelope: { id }, at, waits }: Parked): void {
    this.parkedDropped += 1;
    this.removeTimer({ at, kind: "parked", id });
    for (const path of [paths.parked(id), paths.journal(id), paths.crashes(id)]) this.erase(path);
    for (const { request } of waits) if (request !== undefined) this.erase(paths.wait(request));
  }

  /** Stores an alarm in the place of what was there under its id; undefined takes it away. */
  moveAlarm(id: string, from: AlarmFile | undefined, to: AlarmFile | undefined): void {
    if (from !== undefined) this.removeTimer({ at: from.at, kind: "alarm", id });
    if (to === undefined) {
      if (from !== undefined) this.erase(paths.alarm(id));
      return;
    }
    this.write(paths.alarm(id), JSON.stringify(to));
    this.setTimer({ at: to.at, kind: "alarm", id });
  }

  /** How many more files there are at a path, given whether there is one before. */
  more(path: string, before: boolean): number {
    const after = this.#put.has(path) || (before && !this.remove.has(path));
    return Number(after) - Number(before);
  }

  rows(): TreeRow[] {
    return [...this.#put].map(([path, value]) => ({ path, value }));
  }

  /** SHA-256 by path of what is put, and of files written before the commit that it does not remove. */
  digests(before: readonly (readonly [string, string])[]): Record<string, string> | undefined {
    const kept = before.filter(([path]) => !this.remove.has(path));
    if (this.#put.size === 0 && kept.length === 0) return undefined;
    const put = [...this.#put].map(([path, value]) => [path, sha256Hex(value)] as const);
    return Object.fromEntries([...kept, ...put]);
  }
}
