import type { ErrorCode } from "../core/errors.ts";

/** How a program can end. */
export type Exit = "ok" | "failed" | "usage" | "notFound" | "denied" | "unreachable";

/** What the programs exit with. */
export const EXIT: Readonly<Record<Exit, number>> = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  unreachable: 5,
};

/** The exit code of each error code that does not simply count as failed. */
const EXIT_OF: Readonly<Partial<Record<ErrorCode, number>>> = {
  NOT_FOUND: EXIT.notFound,
  DENIED: EXIT.denied,
  UNREACHABLE: EXIT.unreachable,
};

/** The exit code for an error code. */
export function exitCodeOf(code: ErrorCode): number {
  return EXIT_OF[code] ?? EXIT.failed;
}
