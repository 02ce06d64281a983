import { OpenAgentsError } from "../errors.ts";
import { allFiles } from "../load.ts";
import { isMountEntry, mountLine } from "../mounts.ts";
import type { Store } from "../ports/index.ts";
import { paths } from "../tree.ts";

/**
 * The mounts that were given to the agent itself, each as a line; those of its type are its new home's.
 * @throws CORRUPT for what is stored as one and is none
 */
export async function givenMounts(store: Store, id: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { path, value } of allFiles(store, id, paths.mounts)) {
    const entry: unknown = JSON.parse(value as string);
    if (entry === null) continue;
    if (!isMountEntry(entry) || path !== paths.mount(entry.path)) {
      throw new OpenAgentsError("CORRUPT", `Cannot take over mounts: "${path}" is none`);
    }
    lines.push(mountLine(entry));
  }
  return lines;
}
