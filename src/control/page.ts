import { pages } from "../core/pages.ts";

/** Bytes of a page, about, unless one row alone has more. */
const PAGE_BYTES = 4_194_304;

/** A page of rows with numbers, as it is answered. */
export interface NumberedPage<T> {
  readonly items: readonly T[];
  /** What to give as `after` for the next page; given when there may be more. */
  readonly cursor?: string;
}

/** What a listing is read by, and how large its rows are. */
export interface Listing<T> {
  readonly read: (after: number, limit: number) => Promise<readonly T[]>;
  readonly number: (row: T) => number;
  readonly size: (row: T) => number;
}

/**
 * The rows above `after`, `limit` of them at most, and fewer where they are large: what is
 * asked for must not be more than can be held.
 */
export async function numberedPage<T>(
  { after: first, limit: most }: { readonly after: number; readonly limit: number },
  { read, number, size }: Listing<T>,
): Promise<NumberedPage<T>> {
  const items: T[] = [];
  let bytes = 0;
  const rows = pages<T>((last, count) => {
    const from = last === undefined ? first : number(last);
    return read(from, Math.min(count, most - items.length));
  }, size);
  for await (const row of rows) {
    items.push(row);
    bytes += size(row);
    if (items.length < most && bytes < PAGE_BYTES) continue;
    return { items, cursor: String(number(row)) };
  }
  return { items };
}
