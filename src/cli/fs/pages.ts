import type { FileService, FileStat, Page } from "../../core/ports/index.ts";

const PAGE = 1000;

/** What is in a directory, page by page, as it comes. */
export async function* pagesOf(
  files: FileService,
  path: string,
): AsyncIterable<readonly FileStat[]> {
  for (let cursor: string | undefined = ""; cursor !== undefined;) {
    const page: Page<FileStat> = await files.list(path, {
      limit: PAGE,
      ...(cursor !== "" && { cursor }),
    });
    yield page.items;
    cursor = page.cursor;
  }
}

/** All that is in a directory. */
export async function entriesOf(files: FileService, path: string): Promise<readonly FileStat[]> {
  const entries: FileStat[] = [];
  for await (const page of pagesOf(files, path)) entries.push(...page);
  return entries;
}
