import { byteLength } from "../core/byte-length.ts";
import { FileError } from "../core/file-error.ts";

/** The longest name and the longest path, in bytes of UTF-8 (POSIX NAME_MAX, PATH_MAX). */
const LONGEST = { name: 255, path: 4096 } as const;

/** Control characters: no name has a use for them, and terminals and logs do what they say. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * A path in its one form: absolute, with no empty part, no `.` and no slash at its end; the root is `/`.
 * These are all the rules of paths there are. Unicode is left as it is: a name is its bytes.
 * @throws EINVAL for a path that is not absolute, has `..` or a control character, or is no Unicode text;
 * ENAMETOOLONG for a name above 255 bytes or a path above 4096
 */
export function normalPath(path: string): string {
  if (typeof path !== "string") throw refused("EINVAL", String(path), "it must be a text");
  if (!path.startsWith("/")) throw refused("EINVAL", path, 'it must begin with "/"');
  if (path.length <= LONGEST.name && NORMAL.test(path)) return path;
  // Before any look at its parts, of which there may be millions.
  if (path.length > LONGEST.path) throw tooLong(path);
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  for (const part of parts) checkPart(part, path);
  const normal = `/${parts.join("/")}`;
  if (byteLength(normal) > LONGEST.path) throw tooLong(path);
  return normal;
}

/** What needs no other look, as most paths: plain parts of which none begins with a dot. */
const NORMAL = /^\/(?:[\w:@+-][\w.:@+-]*(?:\/[\w:@+-][\w.:@+-]*)*)?$/;

function checkPart(part: string, path: string): void {
  if (part === "..") throw refused("EINVAL", path, 'it must not have ".."');
  if (CONTROL.test(part)) throw refused("EINVAL", path, "it must not have control characters");
  if (!part.isWellFormed()) throw refused("EINVAL", path, "it must be Unicode text");
  if (byteLength(part) > LONGEST.name) {
    throw refused("ENAMETOOLONG", path, `a name has at most ${LONGEST.name} bytes`);
  }
}

/** A name as one part of a path. @throws EINVAL, ENAMETOOLONG for what can be none */
export function checkName(name: string): string {
  if (name === "" || name === "." || name.includes("/")) {
    throw refused("EINVAL", name, 'a name is not empty, not "." and has no "/"');
  }
  checkPart(name, name);
  return name;
}

/** True for a path in its one form. */
export function isPath(text: string): boolean {
  try {
    return normalPath(text) === text;
  } catch {
    return false;
  }
}

/** True for what can be one part of a path. */
export function isName(text: string): boolean {
  try {
    return checkName(text) === text;
  } catch {
    return false;
  }
}

/** The parts of a normal path; none of the root. */
export function partsOf(path: string): readonly string[] {
  return path === "/" ? [] : path.slice(1).split("/");
}

/** The path of something in a directory; both normal, and `rest` may have many parts or be the root. */
export function joinPath(directory: string, rest: string): string {
  const below = rest.startsWith("/") ? rest : `/${rest}`;
  if (below === "/") return directory;
  return directory === "/" ? below : directory + below;
}

/** The directory that a normal path is in; the root is in itself. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** The last part of a normal path; "" for the root. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** True for `directory` itself and all below it; both normal. */
export function isWithin(path: string, directory: string): boolean {
  if (directory === "/" || path === directory) return true;
  return path.startsWith(directory) && path[directory.length] === "/";
}

/** What is left of a path below a directory that it is within, itself a path: `/` for the directory. */
export function pathWithin(path: string, directory: string): string {
  return directory === "/" ? path : path.slice(directory.length) || "/";
}

function tooLong(path: string): FileError {
  return refused("ENAMETOOLONG", path, `a path has at most ${LONGEST.path} bytes`);
}

function refused(errno: "EINVAL" | "ENAMETOOLONG", path: string, why: string): FileError {
  const shown = path.length > 100 ? `${path.slice(0, 100)}…` : path;
  // What JSON leaves as it is and a terminal obeys nevertheless.
  const quoted = JSON.stringify(shown.toWellFormed()).replaceAll(/[\u007f-\u009f]/g, "\u{fffd}");
  return new FileError(errno, `Cannot use path ${quoted}: ${why}`);
}
