import type { LogRow, Store, TreeRow } from "./ports/index.ts";

/** Bytes of a page of rows, unless one row alone has more. */
const PAGE_BYTES = 1_048_576;
const MOST = 256;

/**
 * Every row of a listing, page by page. Pages are small at first (`first` rows), and where rows are
 * large, so that little of it is in memory at once.
 */
export async function* pages<T>(
  read: (after: T | undefined, limit: number) => Promise<readonly T[]>,
  size: (row: T) => number,
  first: number = 1,
): AsyncGenerator<T> {
  let after: T | undefined;
  for (let limit = first; ;) {
    const rows = await read(after, limit);
    yield* rows;
    if (rows.length < limit) return;
    after = rows.at(-1);
    limit = nextLimit(rows, size, limit);
  }
}

/** How many rows to read after these, of which `limit` were asked for: the smaller they were, the more. */
export function nextLimit<T>(rows: readonly T[], size: (row: T) => number, limit: number): number {
  const largest = rows.reduce((most, row) => Math.max(most, size(row)), 1);
  return Math.max(1, Math.min(Math.floor(PAGE_BYTES / largest), limit * 2, MOST));
}

/** Characters of a row of a record. */
export function logSize({ record, output = "" }: LogRow): number {
  return record.length + output.length;
}

/** Every file of an agent, by path. */
export function filesOf(store: Store, id: string): AsyncGenerator<TreeRow> {
  return pages<TreeRow>(
    (after, limit) => store.files(id, { prefix: "", after: after?.path, limit }),
    ({ value }) => value.length,
  );
}

/** Every row of an agent's record, from the first. */
export function recordOf(store: Store, id: string): AsyncGenerator<LogRow> {
  return pages<LogRow>((after, limit) => store.log(id, after?.n ?? 0, limit), logSize);
}
