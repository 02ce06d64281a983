import { OpenAgentsError } from "../../core/errors.ts";
import type { HomeFile, HomeFiles } from "../../core/ports/home-files.ts";
import type { Schedule } from "./schedule.ts";

/** Of each schedule that will fire there is one file below this, by time: its name is all of it. */
const DUE = "due/";
const SCHEDULES = "schedules/";
/** Up to when firings were begun: what is due up to then is decided on as it was then. */
const MARK = "scheduler/mark";
/** Digits of the last time that has a date. */
const DIGITS = 16;

/** A schedule as it was read: `text` is what must still be there for it to be written. */
export interface Shelved {
  readonly schedule: Schedule;
  readonly text: string;
}

/** An entry of the index by time. */
export interface DueEntry {
  readonly path: string;
  readonly at: number;
  readonly id: string;
}

/** Schedules in a home's files, with an index by time that is written in the same change. */
export class Shelf {
  readonly #files: HomeFiles;
  readonly #earlier: (at: number) => void;

  /** `earlier` is told when something will be due at a time, in the turn in which it is written. */
  constructor(files: HomeFiles, earlier: (at: number) => void) {
    this.#files = files;
    this.#earlier = earlier;
  }

  /** Undefined when there is none. @throws CORRUPT for a file that is none */
  async read(id: string): Promise<Shelved | undefined> {
    const text = await this.#files.read(pathOf(id));
    return text === undefined ? undefined : { schedule: parse(id, text), text };
  }

  /** In order of id, after an id; `last` is that of the page's last file when there may be more. */
  async list(
    after: string | undefined,
    limit: number,
  ): Promise<{ readonly items: readonly Shelved[]; readonly last: string | undefined }> {
    const files = await this.#files.list({
      prefix: SCHEDULES,
      after: after && pathOf(after),
      limit,
    });
    const items = files.flatMap(({ path, value }) => {
      try {
        return [{ schedule: parse(path.slice(SCHEDULES.length), value), text: value }];
      } catch {
        // One that is damaged says so when it is read, and hides no others.
        return [];
      }
    });
    const last = files.length === limit ? files.at(-1)!.path.slice(SCHEDULES.length) : undefined;
    return { items, last };
  }

  /** Adds a schedule; false when there is one of this id. */
  add(schedule: Schedule): Promise<boolean> {
    const at = timeOf(schedule);
    if (at !== undefined) this.#earlier(at);
    return this.#files.write({
      put: filesOf(schedule),
      expect: [{ path: pathOf(schedule.id), value: undefined }],
    });
  }

  /** Puts a schedule in the place of what was read; false when that has changed since. */
  replace(before: Shelved, schedule: Schedule): Promise<boolean> {
    const at = timeOf(schedule);
    if (at !== undefined) this.#earlier(at);
    return this.#files.write({
      put: filesOf(schedule),
      remove: indexOf(before.schedule),
      expect: [{ path: pathOf(schedule.id), value: before.text }],
    });
  }

  /**
   * Takes a schedule away, also one that is damaged, whose revision is no text; false when there is none.
   * @throws what `check` throws of its revision
   */
  async remove(id: string, check: (revision: string) => void): Promise<boolean> {
    for (;;) {
      const text = await this.text(id);
      if (text === undefined) return false;
      let index: readonly string[] = [];
      let revision = "";
      try {
        const schedule = parse(id, text);
        index = indexOf(schedule);
        ({ revision } = schedule);
      } catch {
        // Its entry leads nowhere then, and is taken away when it is due.
      }
      check(revision);
      const path = pathOf(id);
      const remove = [path, ...index];
      if (await this.#files.write({ remove, expect: [{ path, value: text }] })) return true;
    }
  }

  /** What is due by `now`, the longest due first. */
  async due(now: number, limit: number): Promise<readonly DueEntry[]> {
    const before = `${DUE}${digits(Math.max(0, now + 1))}`;
    return (await this.#files.list({ prefix: DUE, before, limit })).map(entryOf);
  }

  /** When something is due next. */
  async first(): Promise<number | undefined> {
    const [entry] = await this.#files.list({ prefix: DUE, limit: 1 });
    return entry && entryOf(entry).at;
  }

  /** Takes an entry away that leads nowhere, while its schedule is `before`. */
  async drop(entry: DueEntry, before: string | undefined): Promise<void> {
    await this.#files.write({
      remove: [entry.path],
      expect: [{ path: pathOf(entry.id), value: before }],
    });
  }

  /** The text of a schedule's file, whatever it is. */
  text(id: string): Promise<string | undefined> {
    return this.#files.read(pathOf(id));
  }

  /** Up to when firings were begun, 0 before the first. */
  async mark(): Promise<number> {
    const mark = Number(await this.#files.read(MARK));
    return Number.isSafeInteger(mark) ? mark : 0;
  }

  async setMark(at: number): Promise<void> {
    await this.#files.write({ put: [{ path: MARK, value: String(at) }] });
  }
}

/** When a schedule is to be looked at; undefined for one that is not to fire. */
export function timeOf({ due, retryAt }: Schedule): number | undefined {
  return due === undefined ? undefined : (retryAt ?? due);
}

/** True when an entry of the index is that of this schedule. */
export function leadsTo(entry: DueEntry, schedule: Schedule): boolean {
  return indexOf(schedule).includes(entry.path);
}

/** A schedule out of the text of its file. @throws CORRUPT */
export function parse(id: string, text: string): Schedule {
  try {
    const schedule = JSON.parse(text) as Schedule;
    if (schedule.id === id) return schedule;
  } catch {
    // Said below.
  }
  throw new OpenAgentsError(
    "CORRUPT",
    `Cannot read schedule "${id}": its file is damaged: delete the schedule and create it again`,
  );
}

function filesOf(schedule: Schedule): readonly HomeFile[] {
  const value = JSON.stringify(schedule);
  return [
    { path: pathOf(schedule.id), value },
    ...indexOf(schedule).map((path) => ({ path, value: "" })),
  ];
}

function pathOf(id: string): string {
  return `${SCHEDULES}${id}`;
}

function indexOf(schedule: Schedule): readonly string[] {
  const at = timeOf(schedule);
  return at === undefined ? [] : [`${DUE}${digits(at)}/${schedule.id}`];
}

function entryOf({ path }: HomeFile): DueEntry {
  const at = Number(path.slice(DUE.length, DUE.length + DIGITS));
  return { path, at, id: path.slice(DUE.length + DIGITS + 1) };
}

function digits(time: number): string {
  return String(time).padStart(DIGITS, "0");
}
