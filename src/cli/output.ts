import { stripVTControlCharacters, styleText } from "node:util";
import { colourCell, colourWord } from "./status-colour.ts";
import { tableLines } from "./table.ts";

/** Data goes to stdout, talk to stderr. */
export interface Output {
  /** True when data is to be JSON. */
  readonly json: boolean;
  /** One line, or more, of data for people; the first place of a status in it in its colour. */
  print(text: string, status?: string): void;
  /** A piece of data for people, which begins no line and ends none. */
  write(text: string): void;
  /** True when data goes to a terminal. */
  readonly terminal: boolean;
  /** One JSON document; as NDJSON one line, and a line for each item of a list. */
  document(value: unknown): void;
  /** One line of NDJSON. */
  row(value: unknown): void;
  /** Rows under their headings, in columns; on a terminal no wider than that. */
  table(headings: readonly string[], rows: readonly (readonly string[])[]): void;
  /** Something for the person at the terminal. */
  talk(text: string): void;
  /** A time for people: on a terminal how long ago or ahead it is, else in full; `-` for none. */
  time(ms: number | undefined): string;
}

/** How to print. */
export interface OutputOptions {
  readonly json?: boolean | undefined;
  readonly ndjson?: boolean | undefined;
  /** Times in full on a terminal too. */
  readonly utc?: boolean | undefined;
}

/** Output to this process's streams. Colours are for terminals without `NO_COLOR`, or for `FORCE_COLOR`. */
export function createOutput({ json, ndjson, utc }: OutputOptions): Output {
  const line = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };
  const row = (value: unknown): void => line(JSON.stringify(value));
  const terminal = process.stdout.isTTY;
  return {
    json: json === true || ndjson === true,
    terminal,
    write(text) {
      process.stdout.write(harmless(text));
    },
    print(text, status) {
      const plain = harmless(text);
      // By a function, as a text may have what `replace` takes for a sign.
      line(status === undefined ? plain : plain.replace(status, () => colourWord(status)));
    },
    document(value) {
      if (ndjson !== true) line(JSON.stringify(value, undefined, 2));
      else if (Array.isArray(value)) value.forEach(row);
      else row(value);
    },
    row,
    table(headings, rows) {
      const cells = rows.map((row) => row.map(cellText));
      const columns = terminal ? process.stdout.columns : undefined;
      const [first = "", ...others] = tableLines(headings, cells, { columns, paint: colourCell });
      line(styleText("bold", first, { stream: process.stdout }));
      others.forEach(line);
    },
    talk(text) {
      process.stderr.write(`${harmless(text)}\n`);
    },
    time: (ms) => (ms === undefined || utc === true || !terminal ? time(ms) : relativeTime(ms)),
  };
}

/** How long ago a time was, or how far ahead it is, in its largest unit. */
export function relativeTime(ms: number, now: number = Date.now()): string {
  const away = Math.abs(now - ms);
  if (away < 1000) return "now";
  return ms < now ? `${spanText(away)} ago` : `in ${spanText(away)}`;
}

const UNITS: readonly (readonly [ms: number, unit: string])[] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1000, "s"],
];

/** A length of time in its largest unit, rounded down: `3m`. */
export function spanText(ms: number): string {
  const [size, unit] = UNITS.find(([size]) => ms >= size) ?? [1000, "s"];
  return `${Math.floor(ms / size)}${unit}`;
}

/** Text in the cell of a table: on one line, and no wider than it looks. */
export function cellText(text: string): string {
  return oneLine(text).replaceAll("\t", " ");
}

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** What agents say, unable to steer a terminal: it may get there through a pipe or a file as well. */
export function harmless(text: string): string {
  return stripVTControlCharacters(text).replace(CONTROL, "\uFFFD");
}

/** The same on one line, so that no text can pass for a line of its own. */
export function oneLine(text: string): string {
  return harmless(text.replaceAll("\r", "\\r").replaceAll("\n", "\\n"));
}

/** A time as people and `sort` read it; `-` for none, and the number itself where it is no date. */
export function time(ms: number | undefined): string {
  if (ms === undefined) return "-";
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
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
