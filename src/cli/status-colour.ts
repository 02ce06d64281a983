import { styleText } from "node:util";

type Colour = "green" | "yellow" | "red" | "dim" | "cyan";

/** What words mean: well, waits, wrong, gone, told. */
const COLOURS: Readonly<Record<string, Colour>> = {
  active: "green",
  live: "green",
  done: "green",
  ok: "green",
  dormant: "dim",
  dropped: "dim",
  terminated: "dim",
  moved: "dim",
  debug: "dim",
  creating: "cyan",
  leaving: "cyan",
  arriving: "cyan",
  reply: "cyan",
  event: "cyan",
  parked: "yellow",
  paused: "yellow",
  retry: "yellow",
  warn: "yellow",
  expired: "yellow",
  quarantined: "red",
  failed: "red",
  fail: "red",
  error: "red",
};

/** The columns of tables that such words are in. */
const HEADINGS: ReadonlySet<string> = new Set(["STATUS", "OUTCOME", "RESULT"]);

/** A word in its colour, where the stream takes colours: a terminal, `NO_COLOR`, `FORCE_COLOR`. */
export function colourWord(word: string): string {
  const colour = Object.hasOwn(COLOURS, word) ? COLOURS[word] : undefined;
  return colour === undefined ? word : styleText(colour, word, { stream: process.stdout });
}

/** A cell of a table in its colour. */
export function colourCell(heading: string, cell: string): string {
  return HEADINGS.has(heading) ? colourWord(cell) : cell;
}
