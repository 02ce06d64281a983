import { OpenAgentsError } from "../core/errors.ts";
import { FileError } from "../core/file-error.ts";
import { checkRevision } from "../core/if-match.ts";
import type { IfMatch } from "../core/if-match.ts";
import type { FileListQuery, FileRange } from "../core/ports/index.ts";

/** How many entries a page has, unless it is asked for others, and the most that it has. */
const PAGE = { usual: 100, most: 1000 } as const;

/** How many entries are asked for. @throws EINVAL for what is not a number from 1 to 1000 */
export function limitOf({ limit = PAGE.usual }: FileListQuery): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= PAGE.most) return limit;
  throw new FileError("EINVAL", `Cannot list ${limit} entries: a page has 1 to ${PAGE.most}`);
}

/** An offset or a size that is asked for, as it was given. @throws EINVAL for one that is none */
export function countOf(count: number, what: string): number {
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new FileError("EINVAL", `Cannot use the ${what} ${count}: it is a whole number from 0 on`);
}

/** Where in a file of `size` bytes a range begins and where it ends. @throws EINVAL for one that is none */
export function boundsOf(
  { offset = 0, length }: FileRange,
  size: number,
): readonly [from: number, to: number] {
  const from = Math.min(countOf(offset, "offset"), size);
  if (length === undefined) return [from, size];
  return [from, Math.min(from + countOf(length, "length"), size)];
}

/** @throws PRECONDITION for a file that is at none of the wanted revisions, and for one that has none */
export function checkMatch(
  path: string,
  revision: string | undefined,
  ifMatch: IfMatch | undefined,
): void {
  if (revision !== undefined) checkRevision(`"${path}"`, revision, ifMatch);
  else if (ifMatch !== undefined) {
    const message = `Cannot change "${path}": it is at no revision, and one was asked for: look again`;
    throw new OpenAgentsError("PRECONDITION", message);
  }
}
