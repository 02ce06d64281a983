import { isUtf8 } from "node:buffer";
import { sep } from "node:path";
import { checkName } from "../../vfs/path.ts";
import { isTemporary } from "./temporary.ts";

/** Why no file here can have this name, which is a part of a normal path; undefined when it can. */
export function refusedName(name: string): string | undefined {
  if (isTemporary(name)) return "such names stand for files that are being written";
  // Elsewhere than on POSIX systems a name can be a path of its own.
  if (sep !== "/" && /[\\:]/.test(name)) return 'a name has no "\\" and no ":" here';
  return undefined;
}

/** The name of an entry as others see it; undefined for one that no path can name. */
export function shownName(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return undefined;
  const name = bytes.toString("utf8");
  if (isTemporary(name)) return undefined;
  try {
    return checkName(name);
  } catch {
    return undefined;
  }
}
