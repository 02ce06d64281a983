import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sizes } from "./sizes.ts";

/** One row of the table, and one object of the JSON. */
export interface Row extends Figures {
  readonly name: string;
}

/** What a row measured. */
export interface Figures {
  readonly value: number;
  readonly unit: string;
  /** Of single operations, in the unit of the row, or in ms for a row of so many a second. */
  readonly p50?: number;
  readonly p99?: number;
  /** What went over the network, where that is measured too. */
  readonly bytes?: number;
  /** How good `value` is beside what it is measured against: higher is better, 1 is the same. */
  readonly ratio?: number;
  /** What that is, and its own figure. */
  readonly against?: string;
}

/** What a row has to work with. */
export interface Bench {
  readonly sizes: Sizes;
  /** A new directory, gone when the run ends. */
  directory(): string;
  /** What `make` gives, made by whichever row asks first. */
  once<T>(key: string, make: () => Promise<T>): Promise<T>;
  /** Tells whoever watches what goes on. */
  say(text: string): void;
}

export type Measure = (bench: Bench) => Promise<Figures>;

const TMPFS = 0x01021994;

/** A bench in the directory for temporary files, which it leaves as it found it. */
export function openBench(sizes: Sizes): Bench {
  const root = mkdtempSync(join(tmpdir(), "openagents-bench-"));
  process.on("exit", () => rmSync(root, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
  const say = (text: string): void => {
    process.stderr.write(`${text}\n`);
  };
  if (statfsSync(root).type === TMPFS) {
    say(`"${tmpdir()}" is in memory, where an fsync costs nothing: set TMPDIR to a disk`);
  }
  const made = new Map<string, Promise<unknown>>();
  return {
    sizes,
    say,
    directory: () => mkdtempSync(join(root, "d-")),
    once<T>(key: string, make: () => Promise<T>) {
      const known = made.get(key) ?? make();
      made.set(key, known);
      return known as Promise<T>;
    },
  };
}
