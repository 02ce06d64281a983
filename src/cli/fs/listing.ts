import type { FileStat } from "../../core/ports/index.ts";
import type { Output } from "../output.ts";
import { oneLine } from "../output.ts";

/** An entry as `ls` shows it in short: a directory with a slash. */
export function shortLine({ name, kind }: FileStat): string {
  return oneLine(name) + (kind === "directory" ? "/" : "");
}

/** Entries as `ls -l` shows them: what they are and may be done with, size, time, name and target. */
export function longLines(out: Output, entries: readonly FileStat[]): readonly string[] {
  const rows = entries.map((entry) => ({
    access: `${LETTERS[entry.kind]}${entry.access.padEnd(2, "-")}`,
    size: entry.size === undefined ? "-" : String(entry.size),
    time: out.time(entry.modifiedAt),
    name: shortLine(entry) + (entry.target === undefined ? "" : ` -> ${oneLine(entry.target)}`),
  }));
  const width = (key: "size" | "time"): number =>
    Math.max(0, ...rows.map((row) => row[key].length));
  const [size, time] = [width("size"), width("time")];
  return rows.map(
    (row) => `${row.access}  ${row.size.padStart(size)}  ${row.time.padEnd(time)}  ${row.name}`,
  );
}

const LETTERS = { file: "-", directory: "d", link: "l" } as const;
