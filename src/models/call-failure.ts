import { TerminalError } from "../core/errors.ts";
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
/** Of a message that is longer so much is looked at: one that is cut may end in half a secret. */
const LOOKED = 100_000;
/** What the errors of connections are called, by Node and by others. */
const CONNECTION =
  /\b(fetch failed|terminated|network|connection|connect|socket|other side closed|ECONN\w+|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|UND_ERR_\w+)\b/i;

/**
 * Reads an error that a model threw or streamed. Those of the AI SDK (`APICallError`) say themselves whether
 * they pass, and carry the headers of the answer; they are known by their shape, so that each copy of the
 * package is. `now` is for a `Retry-After` that is a date; `clean` takes secrets out of what they say.
 */
export function failureOf(
  error: unknown,
  now: number,
  clean: (text: string) => string = (text) => text,
): CallFailure {
  const { statusCode, isRetryable, responseHeaders } = (error ?? {}) as {
    readonly statusCode?: unknown;
    readonly isRetryable?: unknown;
    readonly responseHeaders?: unknown;
  };
  const status = typeof statusCode === "number" ? statusCode : undefined;
  const message = clean(messageOf(error).slice(0, LOOKED)).slice(0, LONGEST).toWellFormed();
  const headers = isObject(responseHeaders) ? responseHeaders : {};
  const passes =
    typeof isRetryable === "boolean"
      ? isRetryable || passesByStatus(status)
      : passesByNature(error, status);
  return { passes, wait: waitOf(headers, now), status, message };
}

/** The error of our own that a package's error is about: it says what follows. */
export function terminalIn(error: unknown): TerminalError | undefined {
  return causesOf(error).find((one) => one instanceof TerminalError);
}

function passesByStatus(status = 0): boolean {
  // An answer of 200 that cannot be read was cut off, or is that of somebody in between.
  if (status >= 200 && status < 300) return true;
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

function passesByNature(error: unknown, status: number | undefined): boolean {
  if (passesByStatus(status) || error instanceof BrokenAnswer) return true;
  return causesOf(error).some((one) =>
    CONNECTION.test(`${messageOf((one as { code?: unknown }).code)} ${messageOf(one)}`),
  );
}

/** An error, what caused it, and so on; nobody looks further than five. */
function causesOf(error: unknown): readonly object[] {
  const causes: object[] = [];
  let one: unknown = error;
  while (isObject(one) && causes.length < 5) {
    causes.push(one);
    one = one["cause"];
  }
  return causes;
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
