import { fitText, padText, textWidth } from "./text-width.ts";

/** Narrowest that a column is made to have a table fit. */
const NARROWEST = 8;
const GAP = "  ";

/** How a table is laid out. */
export interface TableLayout {
  /** Columns of the terminal; absent where lines may have any length. */
  readonly columns?: number | undefined;
  /** Colours a cell that has its width already; by its heading. Default: none. */
  readonly paint?: (heading: string, cell: string) => string;
}

/**
 * The lines of a table: headings, then rows, in columns. On a terminal the widest column is cut with `…`
 * until all fits, and no further than it must; cells are one line each, by whoever gives them.
 */
export function tableLines(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { columns, paint = (_heading, cell) => cell }: TableLayout = {},
): readonly string[] {
  const wanted = headings.map((heading, i) =>
    Math.max(textWidth(heading), ...rows.map((row) => textWidth(row[i] ?? ""))),
  );
  const widths = columns === undefined ? wanted : narrowed(wanted, columns);
  const last = headings.length - 1;
  const line = (cells: readonly string[], color: (heading: string, cell: string) => string) => {
    const cut = widths.map((width, i) => fitText(cells[i] ?? "", width));
    // Nothing stands behind the last cell that says something.
    const end = cut.findLastIndex((cell) => cell !== "");
    return cut
      .slice(0, end + 1)
      .map((cell, i) => {
        const painted = color(headings[i]!, cell);
        if (i === end || i === last) return painted;
        return painted + padText(cell, widths[i]!).slice(cell.length);
      })
      .join(GAP);
  };
  return [line(headings, (_heading, cell) => cell), ...rows.map((row) => line(row, paint))];
}

/** Widths whose sum, with the gaps, is no more than a terminal has, as far as that can be had. */
function narrowed(wanted: readonly number[], columns: number): readonly number[] {
  const widths = [...wanted];
  let over = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
  over -= columns;
  while (over > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    const width = widths[widest]!;
    if (width <= NARROWEST) break;
    // Down to the next one, at once.
    const next = Math.max(NARROWEST, ...widths.filter((other) => other < width));
    const less = Math.min(over, Math.max(1, width - next));
    widths[widest] = width - less;
    over -= less;
  }
  return widths;
}
