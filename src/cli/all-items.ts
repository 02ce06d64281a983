import type { Client } from "../control/client.ts";

/**
 * All items of a list of the API, page by page; `path` may have a query. The cursor of a page is the
 * parameter `by` of the next.
 */
export async function allItems<T>(
  client: Client,
  path: string,
  by: "cursor" | "after" = "cursor",
): Promise<readonly T[]> {
  const items: T[] = [];
  const first = `${path}${path.includes("?") ? "&" : "?"}limit=1000`;
  let cursor: string | undefined;
  do {
    const next = cursor === undefined ? "" : `&${by}=${encodeURIComponent(cursor)}`;
    const page = await client.page<T>(`${first}${next}`);
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return items;
}
