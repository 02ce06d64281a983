import type { BigIntStats } from "node:fs";
import { lstat, readlink } from "node:fs/promises";
import { sep } from "node:path";
import type { FileStat } from "../../core/ports/index.ts";
import { nameOf, normalPath, parentOf, partsOf } from "../../vfs/path.ts";

/** What `FileStat` says of an entry at `place`, of which `path` is the normal path below `root`. */
export async function factsOf(
  place: string,
  path: string,
  { root, limit }: { readonly root: string; readonly limit: number | undefined },
): Promise<FileStat> {
  const stats = await lstat(place, { bigint: true });
  const modifiedAt = Number(stats.mtimeMs);
  const name = nameOf(path);
  if (stats.isSymbolicLink()) {
    const target = targetOf(await readlink(place), path, root);
    const shown = target !== undefined && { target };
    return { name, kind: "link", access: "r", modifiedAt, ...shown };
  }
  const most = limit !== undefined && { limit };
  if (stats.isDirectory()) {
    return { name, kind: "directory", access: accessOf(stats), modifiedAt, ...most };
  }
  if (!stats.isFile()) return { name, kind: "file", access: "", modifiedAt };
  return {
    name,
    kind: "file",
    access: accessOf(stats),
    size: Number(stats.size),
    modifiedAt,
    revision: revisionOf(stats),
    nature: "ranged",
    ...most,
  };
}

/** Another one whenever somebody wrote it, as far as the clock of the file system can tell. */
export function revisionOf({ ino, size, ctimeNs }: BigIntStats): string {
  return [ino, ctimeNs, size].map((part) => part.toString(36)).join("-");
}

/** What this process may do, by the mode alone. */
function accessOf({ mode, uid, gid }: BigIntStats): FileStat["access"] {
  const me = process.geteuid?.();
  if (me === 0) return "rw";
  const groups = [process.getegid?.(), ...(process.getgroups?.() ?? [])];
  const others = groups.includes(Number(gid)) ? 3n : 0n;
  const bits = Number((mode >> (me === undefined || me === Number(uid) ? 6n : others)) & 7n);
  return `${(bits & 4) === 0 ? "" : "r"}${(bits & 2) === 0 ? "" : "w"}`;
}

/**
 * Where a link leads, from where it stands and in its shortest form; undefined when that is outside of
 * `root`, or nothing that a path can name.
 */
export function targetOf(target: string, path: string, root: string): string | undefined {
  const text = target.replaceAll(sep, "/");
  const from = partsOf(parentOf(path));
  let to: string[];
  if (text.startsWith("/")) {
    const inside = root === "/" ? text : text.slice(root.length);
    if (root !== "/" && (!text.startsWith(root) || !/^(?:\/|$)/.test(inside))) return undefined;
    to = [];
    if (!follow(to, inside)) return undefined;
  } else {
    to = [...from];
    if (!follow(to, text)) return undefined;
  }
  try {
    normalPath(`/${to.join("/")}`);
  } catch {
    return undefined;
  }
  let same = 0;
  while (same < from.length && same < to.length && from[same] === to[same]) same += 1;
  return [...from.slice(same).fill(".."), ...to.slice(same)].join("/") || ".";
}

/** Goes along a path; false when that leads out at the top. */
function follow(parts: string[], path: string): boolean {
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return false;
  }
  return true;
}
