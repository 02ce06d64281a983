import { OpenAgentsError } from "../../core/errors.ts";
import { FileError } from "../../core/file-error.ts";
import type { Errno } from "../../core/file-error.ts";
import { isCutOff } from "./http.ts";

/** Characters of what a server says that are told. */
const SAID = 2_000;

/** By the code that the library gives an error of its own. */
const CODES: Readonly<Record<string, Errno>> = {
  REQUEST_TIMEOUT: "ETIMEDOUT",
  CONNECTION_CLOSED: "EIO",
  NOT_CONNECTED: "EIO",
  SEND_FAILED: "EIO",
};

/** Arguments that a server does not take (JSON-RPC). */
const INVALID_PARAMS = -32602;

/** What a server does that its connection is ended for: it says more than what comes of that. */
export class Broken extends Error {}

/** A server has sent more than anybody takes. */
export class TooLarge extends Broken {
  readonly code: string = "TOO_LARGE";

  constructor(most: number) {
    super(`its answer is above ${most} bytes`);
  }
}

/** What went wrong with a server, and what is to be done. */
export interface Failure {
  readonly errno: Errno;
  readonly why: string;
  /** The server has answered: there is nothing wrong with the connection. */
  readonly isAnswer: boolean;
}

/** What an error is of a request that was sent. `clean` takes secrets out of it. */
export function failureOf(error: unknown, clean: (text: string) => string): Failure {
  const { code } = error as { readonly code?: unknown };
  const said = saidBy(error, clean);
  if (error instanceof FileError) return { errno: error.errno, why: said, isAnswer: true };
  if (typeof code === "number" && !isCutOff(error)) {
    return { errno: code === INVALID_PARAMS ? "EINVAL" : "EIO", why: said, isAnswer: true };
  }
  if (error instanceof TooLarge) return { errno: "EFBIG", why: said, isAnswer: true };
  const errno = (typeof code === "string" && CODES[code]) || undefined;
  if (errno === "ETIMEDOUT") {
    return { errno, why: `it took too long, and may have been done: ${said}`, isAnswer: true };
  }
  if (typeof code === "string" && code.startsWith("CLIENT_HTTP")) {
    return { errno: "EIO", why: said, isAnswer: false };
  }
  return {
    errno: errno ?? (error instanceof TypeError ? "EHOSTUNREACH" : "EIO"),
    why: `the connection was lost, and it may have been done: ${said}`,
    isAnswer: false,
  };
}

/** True for what must reach the kernel as it is: that keys are locked, which it waits for. */
export function isTelling(error: unknown): boolean {
  return error instanceof OpenAgentsError && error.code === "LOCKED";
}

/** What an error says, with the reasons that it has, in a line of bounded length. */
export function saidBy(error: unknown, clean: (text: string) => string): string {
  const said: string[] = [];
  for (let at = error; at instanceof Error && said.length < 4; at = at.cause) {
    if (at.message !== "" && !said.some((before) => before.includes(at.message))) {
      said.push(at.message);
    }
  }
  return bounded(clean(said.join(": ") || String(error)));
}

/** The beginning of a text, as an error can have it. */
export function bounded(text: string): string {
  const whole = text.trim().toWellFormed();
  return whole.length <= SAID ? whole : `${whole.slice(0, SAID).toWellFormed()}…`;
}
