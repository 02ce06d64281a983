import type { ErrorCode } from "../core/errors.ts";

/** The HTTP status of each error code: the one place where they are mapped. */
export const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  INVALID: 400,
  DENIED: 403,
  NOT_FOUND: 404,
  EXISTS: 409,
  STALE_CLAIM: 409,
  TERMINATED: 410,
  PRECONDITION: 412,
  MOVED: 421,
  LIMIT: 413,
  TERMINAL: 422,
  STATE: 422,
  BUSY: 423,
  LOCKED: 423,
  INBOX_FULL: 429,
  RATE_LIMITED: 429,
  FAILED: 500,
  CORRUPT: 500,
  VERSION: 500,
  CONFIG: 500,
  REMOTE: 502,
  UNREACHABLE: 502,
  CANCELLED: 503,
  STORE: 503,
  TIMEOUT: 504,
};
