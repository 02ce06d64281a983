import type { AlarmFile } from "./alarms.ts";
import { OpenAgentsError } from "./errors.ts";
import type { AlarmInfo, ListFiles } from "./operations.ts";
import { pages } from "./pages.ts";
import type { Kernel } from "./kernel.ts";
import { memoryOver } from "./memory.ts";
import type { FileText, MemoryHit, MemoryQuery } from "./ports/memory.ts";
import type { Page, Store, TreeRow } from "./ports/index.ts";
import { paths } from "./tree.ts";
import { TreeDraft } from "./tree-draft.ts";

/** Characters of a page of files, unless one file alone has more. */
const PAGE = 1_048_576;

/** A page of the files that an agent remembers by, as of its last commit. @throws INVALID for others */
export async function memoryFiles(
  store: Store,
  id: string,
  { prefix = paths.memory, after, limit = 100 }: ListFiles,
): Promise<Page<FileText>> {
  if (!prefix.startsWith(paths.memory)) {
    throw new OpenAgentsError(
      "INVALID",
      `Cannot list files ${JSON.stringify(prefix)}: only those below "${paths.memory}" are shown`,
    );
  }
  const most = Math.min(Math.max(limit, 1), 1000);
  const rows = pages<TreeRow>(
    (last, few) => store.files(id, { prefix, after: last?.path ?? after, limit: few }),
    ({ value }) => value.length,
  );
  const items: FileText[] = [];
  let size = 0;
  for await (const { path, value } of rows) {
    const text = typeof value === "string" ? value : new TextDecoder().decode(value);
    if (items.length === most || (items.length > 0 && size + text.length > PAGE)) {
      await store.sync();
      return { items, cursor: items.at(-1)?.path };
    }
    items.push({ path, value: text });
    size += text.length;
  }
  await store.sync();
  return { items };
}

/** What an agent remembers that has some words, as of its last commit. @throws INVALID as `Memory.search` */
export async function memoryHits(
  kernel: Kernel,
  id: string,
  { words, ...query }: MemoryQuery & { readonly words: string },
): Promise<readonly MemoryHit[]> {
  const files = new TreeDraft(kernel.store, { id, limit: kernel.limits.valueBytes });
  const hits = await memoryOver(kernel, files).search(words, query);
  await kernel.store.sync();
  return hits;
}

/** The alarms that an agent has set, by id, after an id; as of its last commit. */
export async function alarmsOf(
  store: Store,
  id: string,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<readonly AlarmInfo[]> {
  const rows = await store.files(id, {
    prefix: paths.alarms,
    limit: Math.min(Math.max(limit, 1), 1000),
    ...(after !== "" && { after: paths.alarm(after) }),
  });
  await store.sync();
  return rows.map(({ value }) => {
    const { id: alarm, at, repeat, payload } = JSON.parse(value as string) as AlarmFile;
    return { id: alarm, at, payload, ...repeat };
  });
}
