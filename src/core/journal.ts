import type { StepUse } from "./budget.ts";
import { OpenAgentsError } from "./errors.ts";
import type { ErrorInfo } from "./errors.ts";
import { FileError } from "./file-error.ts";
import type { Errno } from "./file-error.ts";
import { sha256Hex } from "./hash.ts";
import type { Json } from "./json.ts";

/** How a step, request or sleep ended: its result, or the error that its caller is to see. */
export type Entry = ({ readonly value?: Json } | { readonly error: KeptError }) & {
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

/**
 * The finished steps of one trigger, by key. A key is a name and how many of that name came before
 * it in this run of the hook (`fetch#0`, `fetch#1`), so the same code asks for the same keys again.
 */
export class Journal {
  readonly #entries: Map<string, Entry>;
  readonly #counts = new Map<string, number>();
  /** SHA-256 of what earlier ticks and tries of the trigger have left, by key, as it was found. */
  readonly found: ReadonlyMap<string, string>;
  /** SHA-256 of what this one has stored so far, by key. */
  readonly written: Map<string, string> = new Map();
  readonly #counting = new Set<string>();
  #hook: string | undefined;

  /** @param stored the texts of the files that are there, by key */
  constructor(stored: readonly (readonly [string, string])[] = []) {
    this.#entries = new Map(stored.map(([key, text]) => [key, JSON.parse(text) as Entry]));
    this.found = new Map(stored.map(([key, text]) => [key, sha256Hex(text)]));
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

  /** Runs a hook that is not the trigger's own. */
  async within(hook: string, run: () => unknown): Promise<void> {
    this.#hook = hook;
    try {
      await run();
    } finally {
      this.#hook = undefined;
    }
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  set(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
  }

  /** Takes in a step that is finished and stored as this text. */
  wrote(key: string, text: string): void {
    this.#entries.set(key, JSON.parse(text) as Entry);
    this.written.set(key, sha256Hex(text));
  }

  /** The record of this tick counts what the step cost. */
  count(key: string): void {
    this.#counting.add(key);
  }

  /** What this tick counts, as it is to be stored where it outlives the tick. */
  *counted(): Generator<readonly [key: string, entry: Entry]> {
    for (const key of this.#counting) {
      const entry = this.#entries.get(key);
      if (entry !== undefined) yield [key, { ...entry, counted: true }];
    }
  }

  /**
   * Keys of what is not to be kept with a dead letter: what failed is asked for anew when that is
   * replayed, and what `onError` did is done.
   */
  passing(): string[] {
    const keys = [...this.#entries].filter(
      ([key, entry]) => "error" in entry || key.startsWith("onError/"),
    );
    return keys.map(([key]) => key);
  }

  /** True when something was ever journaled for this trigger, so that it has files to remove. */
  get used(): boolean {
    return this.#entries.size > 0;
  }
}
