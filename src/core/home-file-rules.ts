import { bytesAbove } from "./byte-length.ts";
import { OpenAgentsError } from "./errors.ts";
import { afterPrefix, comparePaths } from "./path-order.ts";
import type { HomeFilesChange, HomeFilesQuery } from "./ports/home-files.ts";

/** The longest path of a home's file, in characters. */
export const MAX_PATH = 500;
/** The largest value, in bytes of UTF-8. */
export const MAX_VALUE: number = 1024 * 1024;
const MAX_LIMIT = 1000;

// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Which paths a query is about: all above `from`, itself only when `inclusive`, and below `to`. */
export interface PathRange {
  readonly from: string;
  readonly inclusive: boolean;
  readonly to: string | undefined;
}

/** @throws INVALID for a path that no adapter takes */
export function checkPath(path: string): void {
  if (path !== "" && isText(path)) return;
  throw new OpenAgentsError(
    "INVALID",
    `Cannot use path ${JSON.stringify(path)}: it must be 1 to ${MAX_PATH} characters with no control character or lone surrogate`,
  );
}

/** @throws INVALID for a path or a value that no adapter takes */
export function checkChange({ put = [], remove = [], expect = [] }: HomeFilesChange): void {
  for (const path of remove) checkPath(path);
  for (const { path } of expect) checkPath(path);
  for (const { path, value } of put) {
    checkPath(path);
    if (!value.isWellFormed()) throw refused(path, "its text has a lone surrogate");
    const bytes = bytesAbove(value, MAX_VALUE);
    if (bytes !== undefined) throw refused(path, `${bytes} bytes are above ${MAX_VALUE}`);
  }
}

/** @throws INVALID for a limit or a bound that no adapter takes */
export function rangeOf({ prefix, after, before, limit }: HomeFilesQuery): PathRange {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new OpenAgentsError(
      "INVALID",
      `Cannot list files: the limit ${limit} is not a whole number from 1 to ${MAX_LIMIT}`,
    );
  }
  for (const bound of [prefix, after, before]) {
    if (bound === undefined || isText(bound)) continue;
    throw new OpenAgentsError(
      "INVALID",
      `Cannot list files: ${JSON.stringify(bound)} must be at most ${MAX_PATH} characters with no control character or lone surrogate`,
    );
  }
  const end = afterPrefix(prefix);
  const above = after !== undefined && comparePaths(after, prefix) >= 0;
  const within = before !== undefined && (end === undefined || comparePaths(before, end) < 0);
  return {
    from: above ? after : prefix,
    inclusive: !above,
    to: within ? before : end,
  };
}

/** The error of all calls once the files are closed. */
export function closed(): OpenAgentsError {
  return new OpenAgentsError("STORE", "Cannot use the home's files: they are closed");
}

function isText(text: string): boolean {
  return text.length <= MAX_PATH && text.isWellFormed() && !CONTROL.test(text);
}

function refused(path: string, problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot write "${path}": ${problem}`);
}
