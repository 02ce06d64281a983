import { FileError } from "../../core/file-error.ts";
import type { FileListQuery, Page } from "../../core/ports/index.ts";
import { limitOf } from "../asked.ts";
import type { NodeEntry } from "../nodes.ts";

/**
 * A page of a listing out of rows that come in order; `rows` begins after the cursor, which is what `mark`
 * gives of the last row that was shown. No more rows are taken than are shown.
 */
export async function pageOf<T>(
  query: FileListQuery,
  rows: (cursor: string | undefined) => AsyncIterable<T>,
  show: { readonly entry: (row: T) => NodeEntry; readonly mark: (row: T) => string },
): Promise<Page<NodeEntry>> {
  const limit = limitOf(query);
  const items: NodeEntry[] = [];
  for await (const row of rows(query.cursor)) {
    items.push(show.entry(row));
    if (items.length === limit) return { items, cursor: show.mark(row) };
  }
  return { items };
}

/** The number that a cursor is; 0 for the first page. @throws EINVAL for another one */
export function numberAfter(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const after = countIn(cursor);
  if (after !== undefined) return after;
  throw new FileError("EINVAL", `Cannot list: ${JSON.stringify(cursor)} is no cursor of this`);
}

/** A whole number from 1 on, as a name; undefined for another name. */
export function countIn(name: string): number | undefined {
  const count = /^[1-9]\d{0,15}$/.test(name) ? Number(name) : undefined;
  return Number.isSafeInteger(count) ? count : undefined;
}
