import { isAbsolute, relative, resolve, sep } from "node:path";
import { FileError } from "../core/file-error.ts";
import type { FileService } from "../core/ports/index.ts";
import type { MountKind } from "../vfs/mount-kind.ts";
import { normalPath } from "../vfs/path.ts";
import { subtree } from "../vfs/subtree.ts";
import type { HostDirectoryOptions } from "./host-directory.ts";
import { hostDirectory } from "./host-directory.ts";

export interface HostKindOptions extends HostDirectoryOptions {
  /** The directories of this machine of which something may be mounted; none is allowed by default. */
  readonly roots: readonly string[];
}

/**
 * The kind `host`: a directory that is one of the roots or below one. A relative source is below the first
 * root. From the root on it is walked to without following links, so that nobody who can write in a root
 * makes a mount of something else.
 */
export function hostKind({ roots, ...options }: HostKindOptions): MountKind {
  const opened = new Map<string, FileService>();
  const places = roots.map((root) => resolve(root));
  const filesOf = (root: string): FileService => {
    const files = opened.get(root) ?? hostDirectory(root, options);
    opened.set(root, files);
    return files;
  };
  return (source) => {
    const [first] = places;
    if (first === undefined) {
      throw denied(source, "no directory of this machine is open to agents");
    }
    if (source.split(/[/\\]/).includes("..")) throw denied(source, 'it must not have ".."');
    const place = isAbsolute(source) ? resolve(source) : resolve(first, source);
    const [root] = places
      .filter((root) => isBelow(place, root))
      .sort((a, b) => b.length - a.length);
    if (root === undefined) throw denied(source, "it is in no directory that is open to agents");
    const path = normalPath(`/${relative(root, place).replaceAll(sep, "/")}`);
    return subtree(filesOf(root), path);
  };
}

function isBelow(place: string, root: string): boolean {
  return place === root || place.startsWith(root.endsWith(sep) ? root : root + sep);
}

function denied(source: string, why: string): FileError {
  return new FileError(
    "EACCES",
    `Cannot mount ${JSON.stringify(source)}: ${why}: start the home with --host-dir DIRECTORY`,
  );
}
