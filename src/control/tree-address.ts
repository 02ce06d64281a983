import { FileError } from "../core/file-error.ts";
import { normalPath, partsOf } from "../vfs/path.ts";

/** Which file an address is of. */
export interface TreeAddress {
  /** As `normalPath` has it. */
  readonly path: string;
  /** It ends in a slash: a directory is meant. */
  readonly slash: boolean;
}

/**
 * The path that an address has after so many parts. It is read as it came, and each part decoded on its
 * own, so that what is encoded in a part is never more than that part.
 * @throws EINVAL, ENAMETOOLONG for what is no path
 */
export function treeAddress(url: string, before: number): TreeAddress {
  const [, pathname = ""] = /^[^:]*:\/\/[^/?#]*([^?#]*)/.exec(url) ?? [];
  const parts = pathname.split("/").slice(before + 1);
  const path = normalPath(`/${parts.map(decoded).join("/")}`);
  return { path, slash: path !== "/" && parts.at(-1) === "" };
}

function decoded(part: string): string {
  let text: string;
  try {
    text = decodeURIComponent(part);
  } catch {
    throw new FileError("EINVAL", `Cannot use path with "${part}": it is no percent-encoded UTF-8`);
  }
  if (!text.includes("/")) return text;
  throw new FileError("EINVAL", `Cannot use path with "${part}": a name has no "/"`);
}

/** A normal path as it stands in addresses. */
export function encodePath(path: string): string {
  return `/${partsOf(path).map(encodeURIComponent).join("/")}`;
}
