import { stripVTControlCharacters, styleText } from "node:util";

/** Data goes to stdout, talk to stderr. */
export interface Output {
  /** True when data is to be JSON. */
  readonly json: boolean;
  /** One line, or more, of data for people. */
  print(text: string): void;
  /** One JSON document. */
  document(value: unknown): void;
  /** One line of NDJSON. */
  row(value: unknown): void;
  /** Rows under their headings, in columns. */
  table(headings: readonly string[], rows: readonly (readonly string[])[]): void;
  /** Something for the person at the terminal. */
  talk(text: string): void;
}

/** Output to this process's streams. Colours are for terminals without `NO_COLOR`. */
export function createOutput(json: boolean): Output {
  const line = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };
  return {
    json,
    print: (text) => line(harmless(text)),
    document: (value) => line(JSON.stringify(value, undefined, 2)),
    row: (value) => line(JSON.stringify(value)),
    table(headings, rows) {
      const widths = headings.map((heading, i) =>
        Math.max(heading.length, ...rows.map((row) => row[i]?.length ?? 0)),
      );
      const format = (cells: readonly string[]): string =>
        cells
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join("  ")
          .trimEnd();
      line(styleText("bold", format(headings), { stream: process.stdout }));
      for (const row of rows) line(oneLine(format(row)));
    },
    talk(text) {
      process.stderr.write(`${harmless(text)}\n`);
    },
  };
}

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** What agents say, unable to steer a terminal: it may get there through a pipe or a file as well. */
function harmless(text: string): string {
  return stripVTControlCharacters(text).replace(CONTROL, "\uFFFD");
}

/** The same on one line, so that no text can pass for a line of its own. */
export function oneLine(text: string): string {
  return harmless(text.replaceAll("\r", "\\r").replaceAll("\n", "\\n"));
}

/** A time as people and `sort` read it; `-` for none. */
export function time(ms: number | undefined): string {
  return ms === undefined ? "-" : new Date(ms).toISOString();
}

/** A payload: text as it is, anything else as JSON. */
export function payloadText(payload: unknown): string {
  return typeof payload === "string" ? payload : JSON.stringify(payload);
}

/** A number of bytes as people read it. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const units = ["KiB", "MiB", "GiB"];
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(1)} ${units[power - 1]}`;
}
