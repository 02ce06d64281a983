import type { StepUse } from "./budget.ts";
import { OpenAgentsError } from "./errors.ts";
import type { ErrorInfo } from "./errors.ts";
import { FileError } from "./file-error.ts";
import type { Errno } from "./file-error.ts";
import { sha256Hex } from "./hash.ts";
import type { Json } from "./json.ts";
import { Replay } from "./replay.ts";
import type { Ask, Known, Stamp } from "./replay.ts";

/**
 * How a step, request or sleep ended: its result, or the error that its caller is to see; and when it was
 * asked for, which entries of older releases do not have.
 */
export type Entry = ({ readonly value?: Json } | { readonly error: KeptError }) &
  Partial<Stamp> & {
    /** What it cost, and whether a record counts that. */
    readonly used?: StepUse;
    readonly counted?: true;
  };

/** An error as it is journaled; one of files has its name among those. */
export interface KeptError extends ErrorInfo {
  readonly errno?: Errno;
}

/** What an entry has for who asked for it. @throws the error that it is */
export function valueOf(entry: Entry): Json | undefined {
  if ("error" in entry) {
    const { code, message, errno } = entry.error;
    throw errno === undefined ? new OpenAgentsError(code, message) : new FileError(errno, message);
  }
  // A copy: what a hook does to it must not change what is replayed.
  return typeof entry.value === "object" ? structuredClone(entry.value) : entry.value;
}

/** What a journal is opened with. */
export interface JournalInput {
  /** The texts of the files that are there, by key. */
  readonly stored?: readonly (readonly [key: string, text: string])[];
  /** What a parked tick waits for. */
  readonly waits?: readonly ({ readonly key: string } & Partial<Stamp>)[];
  /** The revision of the code that goes by it. */
  readonly revision: string;
}

/** Before the key of something that was asked for and is to be done anew: a file that says where it stood. */
const AGAIN = "again:";

/** The hooks beside the trigger's own that have steps in its journal. */
const HOOK = /^(onWake|onError)\//;

/** Which hook asks for a key: "" for that of the trigger. */
function hookOf(key: string): string {
  return HOOK.exec(key)?.[1] ?? "";
}

/**
 * The finished steps of one trigger, by key. A key is a name and how many of that name came before
 * it in this run of the hook (`fetch#0`, `fetch#1`), so the same code asks for the same keys again.
 */
export class Journal {
  readonly #entries: Map<string, Entry>;
  /** The keys of what is to be done anew, with where it stood. */
  readonly #again: Map<string, Partial<Stamp>>;
  readonly #waits: NonNullable<JournalInput["waits"]>;
  readonly #counts = new Map<string, number>();
  /** By hook; what that of the trigger asks for is under "". */
  readonly #replays = new Map<string, Replay>();
  /** What failed in this run, of which nothing is stored yet. */
  readonly #failed: Ask[] = [];
  /** SHA-256 of what earlier ticks and tries of the trigger have left, by key, as it was found. */
  readonly found: ReadonlyMap<string, string>;
  /** SHA-256 of what this one has stored so far, by key. */
  readonly written: Map<string, string> = new Map();
  /** Steps whose cost the record of this tick counts. */
  readonly #counting = new Set<string>();
  /** The revision of the code that goes by it. */
  readonly revision: string;
  /** A step of this run has ended and is stored. */
  grew = false;
  #hook: string | undefined;

  constructor({ stored = [], waits = [], revision }: JournalInput) {
    const files = stored.map(([key, text]) => [key, JSON.parse(text) as Entry] as const);
    this.#entries = new Map(files.filter(([key]) => !key.startsWith(AGAIN)));
    this.#again = new Map(
      files
        .filter(([key]) => key.startsWith(AGAIN))
        .map(([key, at]) => [key.slice(AGAIN.length), at]),
    );
    this.#waits = waits;
    this.found = new Map(stored.map(([key, text]) => [key, sha256Hex(text)]));
    this.revision = revision;
  }

  /**
   * The key of the next step of this name. Those of another hook that runs in the same tick are
   * apart: whether it runs may differ from one try to the next.
   */
  nextKey(step: string): string {
    const name = this.#hook === undefined ? step : `${this.#hook}/${step}`;
    const count = this.#counts.get(name) ?? 0;
    this.#counts.set(name, count + 1);
    return `${name}#${count}`;
  }

  /** Takes the place of a key in the order in which its hook asks. */
  ask(key: string): Ask {
    return this.#replayOf(hookOf(key)).ask(key);
  }

  /** Where something that was asked for stands, as it is kept with its result. */
  stampOf({ at }: Ask): Stamp {
    return { at, code: this.revision };
  }

  /** Runs a hook that is not the trigger's own. */
  async within(hook: string, run: () => unknown): Promise<void> {
    this.#hook = hook;
    try {
      await run();
    } finally {
      // A hook that was cut off may end while another one runs.
      if (this.#hook === hook) this.#hook = undefined;
    }
  }

  /** The order of what the hook that runs asks for. */
  get replay(): Replay {
    return this.#replayOf(this.#hook ?? "");
  }

  /** The run is over: what is held back in a replay fails with this. */
  end(error: () => Error): void {
    for (const replay of this.#replays.values()) replay.end(error);
  }

  /** The revision other than the present one that has asked for something; undefined when none has. */
  get otherRevision(): string | undefined {
    return this.#stamps().find(({ code }) => code !== undefined && code !== this.revision)?.code;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  set(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
  }

  /** Takes in a step that is finished and stored as this text. */
  wrote(key: string, text: string): void {
    if (!key.startsWith(AGAIN)) {
      this.#entries.set(key, JSON.parse(text) as Entry);
      this.grew = true;
    }
    this.written.set(key, sha256Hex(text));
  }

  /** The record of this tick counts what the step cost. */
  count(key: string): void {
    this.#counting.add(key);
  }

  /** All that is finished, by key. */
  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** What cost something that neither an earlier record nor that of this tick counts. */
  uncounted(): readonly (readonly [key: string, used: StepUse])[] {
    return [...this.#entries].flatMap(([key, { used, counted }]) =>
      used === undefined || counted === true || this.#counting.has(key) ? [] : [[key, used]],
    );
  }

  /** What this tick counts, as it is to be stored where it outlives the tick. */
  *counted(): Generator<readonly [key: string, entry: Entry]> {
    for (const key of this.#counting) {
      const entry = this.#entries.get(key);
      if (entry !== undefined) yield [key, { ...entry, counted: true }];
    }
  }

  /** A step failed, and nothing of it is kept: if the hook goes on all the same, it is known by its place. */
  failed(ask: Ask): void {
    if (!this.#again.has(ask.key)) this.#failed.push(ask);
  }

  /** What is to be stored, by key, with whatever is stored next: that steps have failed before it. */
  takeFailed(): readonly (readonly [key: string, text: string])[] {
    return this.#failed.splice(0).map((ask) => this.#redo(ask.key, this.stampOf(ask)));
  }

  /**
   * What is to be stored in the place of an entry that is removed, so that it is asked for anew: undefined
   * when nothing came after it.
   */
  redo(key: string): readonly [key: string, text: string] | undefined {
    const { at, code } = this.#entries.get(key) ?? {};
    if (at === undefined || code === undefined || this.#again.has(key)) return undefined;
    const hook = hookOf(key);
    const later = this.#stamps().some((one) => (one.at ?? 0) > at && hookOf(one.key) === hook);
    return later ? this.#redo(key, { at, code }) : undefined;
  }

  /**
   * Keys of what is not to be kept with a dead letter: what failed is asked for anew when that is
   * replayed, but not where it was other code that asked, and what `onError` did is done.
   */
  passing(mismatch: boolean): string[] {
    const keys = [...this.#entries].filter(
      ([key, entry]) => (!mismatch && "error" in entry) || hookOf(key) === "onError",
    );
    return keys.map(([key]) => key);
  }

  /** True when something was ever journaled for this trigger, so that it has files to remove. */
  get used(): boolean {
    return this.found.size > 0 || this.#entries.size > 0;
  }

  #redo(key: string, stamp: Stamp): readonly [key: string, text: string] {
    this.#again.set(key, stamp);
    return [AGAIN + key, JSON.stringify(stamp)];
  }

  #replayOf(hook: string): Replay {
    const there = this.#replays.get(hook);
    if (there !== undefined) return there;
    const known = this.#stamps().filter(({ key }) => hookOf(key) === hook);
    const replay = new Replay(known, this.otherRevision !== undefined);
    this.#replays.set(hook, replay);
    return replay;
  }

  #stamps(): Known[] {
    const stamps = new Map<string, Known>();
    for (const [key, { at, code }] of this.#again)
      stamps.set(key, { key, at, code, kind: "again" });
    for (const { key, at, code } of this.#waits)
      stamps.set(key, { key, at, code, kind: "waiting" });
    for (const [key, { at, code }] of this.#entries)
      stamps.set(key, { key, at, code, kind: "done" });
    return [...stamps.values()];
  }
}
