import type { Json } from "../../core/json.ts";
import type { Runtime } from "../../core/runtime.ts";
import { mountFuse } from "../../mounts/fuse.ts";
import type { FuseMount } from "../../mounts/fuse.ts";
import { homeChanges } from "../../vfs/home-changes.ts";
import { homeTree } from "../../vfs/home.ts";
import { MOUNT_NAME } from "./mount-name.ts";

/** What the tree of a home on this machine is mounted with. */
export interface HomeMountOptions {
  readonly runtime: Runtime;
  /** An empty directory; a dead mount there is taken away first. */
  readonly dir: string;
  /** What is said of this home below `/srv`. */
  readonly about: () => Promise<Json>;
  /** Told of what an operator should know. */
  readonly warn: (text: string) => void;
}

/**
 * Mounts the tree of a home, as its operator sees it, with no HTTP in between. It is unmounted with the
 * process, whatever ends that. @throws FileError as `mountFuse`
 */
export async function mountHome({
  runtime,
  dir,
  about,
  warn,
}: HomeMountOptions): Promise<FuseMount> {
  const files = homeTree({
    list: (query) => runtime.list(query),
    resolve: (ref) => runtime.resolve(ref),
    agent: (ref) => runtime.fs(ref),
    changes: homeChanges(runtime),
    srv: async () => ({ home: await about() }),
  });
  return mountFuse({
    files,
    dir,
    name: MOUNT_NAME,
    onProblem: (problem) => warn(`The mount on "${dir}": ${String(problem)}`),
  });
}
