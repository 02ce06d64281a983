import { lstat, readdir, unlink } from "node:fs/promises";
import { randomBytes } from "node:crypto";

/** What stands for a file until it is whole; nobody else may use such a name. */
const TEMPORARY = /^\.openagents-[0-9a-f]{32}\.tmp$/;
/** After this time, ms, nobody writes it any more: whoever did so died. */
const LEFT = 600_000;

/** A name that nothing has. */
export function temporaryName(): string {
  return `.openagents-${randomBytes(16).toString("hex")}.tmp`;
}

/** True for the name of a file that is not whole yet. */
export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

/** Removes what was left behind in a directory that seems empty, so that it can be removed. */
export async function sweep(directory: string): Promise<void> {
  const names = await readdir(`${directory}/.`);
  if (!names.every(isTemporary)) return;
  for (const name of names) {
    const place = `${directory}/${name}`;
    if ((await lstat(place)).mtimeMs < Date.now() - LEFT) await unlink(place);
  }
}
