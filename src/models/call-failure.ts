import { messageOf } from "./message-of.ts";

/** Why a call of a model failed, and whether to try it again. */
export interface CallFailure {
  /** The provider may answer the next time: it was busy, broken, or not reached. */
  readonly passes: boolean;
  /** Ms that the provider asks to wait. */
  readonly wait: number | undefined;
  /** Of HTTP, where there was an answer. */
  readonly status: number | undefined;
  /** At most 500 characters. */
  readonly message: string;
}

/** The stream ended, or the provider said so, before the answer was whole. */
export class BrokenAnswer extends Error {
  override readonly name: string = "BrokenAnswer";
}

const LONGEST = 500;
/** What the errors of connections are called, by Node and by others. */
const CONNECTION =
  /\b(fetch failed|terminated|network|connection|connect|socket|other side closed|ECONN\w+|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|UND_ERR_\w+)\b/i;

/**
 * Reads an error that a model threw or streamed. Those of the AI SDK (`APICallError`) say themselves whether
 * they pass, and carry the headers of the answer; they are known by their shape, so that each copy of the
 * package is. `now` is for a `Retry-After` that is a date.
 */
export function failureOf(error: unknown, now: number): CallFailure {
  const { statusCode, isRetryable, responseHeaders } = (error ?? {}) as {
    readonly statusCode?: unknown;
    readonly isRetryable?: unknown;
    readonly responseHeaders?: unknown;
  };
  const status = typeof statusCode === "number" ? statusCode : undefined;
  const message = messageOf(error).slice(0, LONGEST).toWellFormed();
  const headers = isObject(responseHeaders) ? responseHeaders : {};
  const passes =
    typeof isRetryable === "boolean"
      ? isRetryable || passesByStatus(status)
      : passesByNature(error, status);
  return { passes, wait: waitOf(headers, now), status, message };
}

function passesByStatus(status: number | undefined): boolean {
  return status === 408 || status === 409 || status === 429 || (status ?? 0) >= 500;
}

function passesByNature(error: unknown, status: number | undefined): boolean {
  if (passesByStatus(status) || error instanceof BrokenAnswer) return true;
  for (
    let one: unknown = error, depth = 0;
    isObject(one) && depth < 5;
    one = one["cause"], depth += 1
  ) {
    if (CONNECTION.test(`${messageOf(one["code"])} ${messageOf(one)}`)) return true;
  }
  return false;
}

/** Nothing is waited for longer than a day, whatever a provider says: it would be for ever. */
const LONGEST_WAIT = 86_400_000;

/** `retry-after-ms`, or `Retry-After` (RFC 9110) in seconds or as a date. */
function waitOf(headers: Readonly<Record<string, unknown>>, now: number): number | undefined {
  const header = (name: string): string | undefined => {
    const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
    return typeof found === "string" && found.trim() !== "" ? found.trim() : undefined;
  };
  const ms = numberOf(header("retry-after-ms"));
  if (ms !== undefined) return Math.min(Math.ceil(ms), LONGEST_WAIT);
  const text = header("retry-after");
  if (text === undefined) return undefined;
  const seconds = numberOf(text);
  if (seconds !== undefined) return Math.min(Math.ceil(seconds * 1000), LONGEST_WAIT);
  // A date of HTTP begins with the name of a day; what else engines take for dates is none.
  const date = /^[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.min(Math.max(0, date - now), LONGEST_WAIT);
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
