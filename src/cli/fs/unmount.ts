import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { MOUNT_NAME } from "../../backends/local/mount-name.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { mounted, unmountByForce, unmountIdle } from "../../mounts/fuse/system.ts";

/**
 * Unmounts the home that is mounted on a directory; with `force` whoever uses it, whose calls then fail.
 * Gives its real path.
 * @throws NOT_FOUND where no home is mounted; BUSY while somebody uses it
 */
export async function unmount(dir: string, force: boolean): Promise<string> {
  const path = await mountPoint(dir);
  const found = (await mounted()).findLast((one) => one.dir === path);
  if (found?.type !== `fuse.${MOUNT_NAME}`) {
    throw new OpenAgentsError("NOT_FOUND", `Cannot unmount "${dir}": no home is mounted there`);
  }
  if (await unmountIdle(path)) return path;
  if (force) {
    await unmountByForce(path);
    return path;
  }
  const why = "somebody uses it: end that first, or add --force";
  throw new OpenAgentsError("BUSY", `Cannot unmount "${dir}": ${why}`);
}

/** A directory's real path. Itself it is not looked at: it may be a mount that does not answer. */
export async function mountPoint(dir: string): Promise<string> {
  const path = resolve(dir);
  try {
    return join(await realpath(dirname(path)), basename(path));
  } catch {
    return path;
  }
}
