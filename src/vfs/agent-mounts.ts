import type { AgentFace, MountEntry } from "../core/ports/index.ts";
import { paths } from "../core/tree.ts";

/** Mounts that are changed, by path; null for one that is taken away. */
export type MountChanges = ReadonlyMap<string, MountEntry | null>;

/** The mounts of an agent, by path: those of its definition, with what was changed since. */
export async function mountsOf(
  { definition, tree }: AgentFace,
  pending: readonly MountChanges[] = [],
): Promise<ReadonlyMap<string, MountEntry>> {
  const mounts = new Map((definition?.mounts ?? []).map((entry) => [entry.path, entry]));
  const change = (path: string, entry: MountEntry | null): void => {
    if (entry === null) mounts.delete(path);
    else mounts.set(path, entry);
  };
  const limit = 256;
  for (let after: string | undefined; ;) {
    const page = await tree.list({ prefix: paths.mounts, after, limit });
    for (const { path, value } of page) {
      change(
        decodeURIComponent(path.slice(paths.mounts.length)),
        JSON.parse(value) as MountEntry | null,
      );
    }
    if (page.length < limit) break;
    after = page.at(-1)!.path;
  }
  for (const changes of pending) for (const [path, entry] of changes) change(path, entry);
  return new Map([...mounts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Stores changes of an agent's mounts with its files. What was spent goes with a mount that is taken away. */
export async function keepMounts(
  { definition, tree }: AgentFace,
  changes: MountChanges,
): Promise<void> {
  const own = new Set(definition?.mounts.map(({ path }) => path));
  for (const [path, entry] of changes) {
    if (entry === null && (await tree.read(paths.budget(path))) !== undefined) {
      tree.remove(paths.budget(path));
    }
    // What the definition has must be said to be gone.
    if (entry === null && !own.has(path)) tree.remove(paths.mount(path));
    else tree.write(paths.mount(path), JSON.stringify(entry));
  }
}
