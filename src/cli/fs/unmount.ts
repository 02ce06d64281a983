import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { MOUNT_NAME } from "../../backends/local/mount-name.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { ErrorCode } from "../../core/errors.ts";
import { mounted, unmountByForce, unmountIdle } from "../../mounts/fuse/system.ts";

/**
 * Unmounts the home that is mounted on a directory; with `force` whoever uses it, whose calls then fail.
 * Gives its real path.
 * @throws NOT_FOUND where no home is mounted; DENIED for who is not root; BUSY while somebody uses it
 */
export async function unmount(dir: string, force: boolean): Promise<string> {
  const path = await mountPoint(dir);
  const isOurs = async (): Promise<boolean> =>
    (await mounted()).findLast((one) => one.dir === path)?.type === `fuse.${MOUNT_NAME}`;
  const failed = (code: ErrorCode, why: string): OpenAgentsError =>
    new OpenAgentsError(code, `Cannot unmount "${dir}": ${why}`);
  if (!(await isOurs())) throw failed("NOT_FOUND", "no home is mounted there");
  if (process.geteuid?.() !== 0) throw failed("DENIED", "it needs root");
  if (await unmountIdle(path)) return path;
  if (!force) throw failed("BUSY", "somebody uses it: end that first, or add --force");
  await unmountByForce(path);
  if (await isOurs()) throw failed("FAILED", "it stays: end the process that has mounted it");
  return path;
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
