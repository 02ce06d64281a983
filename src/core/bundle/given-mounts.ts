import { OpenAgentsError } from "../errors.ts";
import { allFiles } from "../load.ts";
import { isMountEntry, isMountPath, mountLine } from "../mounts.ts";
import type { Store, Value } from "../ports/index.ts";
import { paths } from "../tree.ts";

/**
 * The mounts that were given to the agent itself, each as a line; those of its type are its new home's.
 * @throws CORRUPT for what is stored as one and is none
 */
export async function givenMounts(store: Store, id: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { path, value } of allFiles(store, id, paths.mounts)) {
    const entry = parsed(value);
    // One of its type that was taken away from it.
    if (entry === null && isPlaced(path)) continue;
    if (!isMountEntry(entry) || path !== paths.mount(entry.path)) {
      throw new OpenAgentsError("CORRUPT", `Cannot take over mounts: "${path}" is none`);
    }
    lines.push(mountLine(entry));
  }
  return lines;
}

/**
 * Checks that what was stored from a bundle has the mounts that its manifest names, and no others.
 * @throws CORRUPT
 */
export async function checkGiven(
  store: Store,
  id: string,
  { mounts }: { readonly mounts: readonly string[] },
): Promise<void> {
  const told = new Set(mounts);
  const given = await givenMounts(store, id);
  if (given.length >= told.size && given.every((line) => told.has(line))) return;
  const why = "its mounts are not those that its manifest names";
  throw new OpenAgentsError("CORRUPT", `Cannot import: ${why}`);
}

function parsed(value: Value): unknown {
  try {
    return typeof value === "string" ? JSON.parse(value) : undefined;
  } catch {
    return undefined;
  }
}

function isPlaced(file: string): boolean {
  try {
    const path = decodeURIComponent(file.slice(paths.mounts.length));
    return isMountPath(path) && file === paths.mount(path);
  } catch {
    return false;
  }
}
