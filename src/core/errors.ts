/** What can go wrong, as a closed set: programs branch on `code`, people read `message`. */
export type ErrorCode =
  | "INVALID" // the input is wrong; sending it again cannot help
  | "NOT_FOUND"
  | "EXISTS"
  | "DENIED"
  | "TERMINATED" // the agent is gone for good
  | "MOVED" // the agent lives in another home; the message names it
  | "INBOX_FULL"
  | "RATE_LIMITED" // more requests than may be made in this time
  | "LIMIT" // a configured limit was reached; the message names it
  | "BUDGET" // it may cost more than is left to spend
  | "UNSUPPORTED" // this cannot be done here, whoever asks
  | "PRECONDITION" // it is not what the caller took it for: look again, then decide
  | "STALE_CLAIM" // the claim was lost to another holder; nothing was written
  | "TIMEOUT"
  | "CANCELLED"
  | "TERMINAL" // agent code says that a retry cannot help
  | "REMOTE" // the other agent answered a request with an error
  | "MISMATCH" // the journal of a tick is of other code than that which goes on with it
  | "STATE" // state cannot be stored or does not fit its schema
  | "VERSION" // stored data is newer than this code
  | "CORRUPT" // stored data is damaged
  | "STORE" // the store failed: full disk, lost connection
  | "BUSY" // held by another process
  | "LOCKED" // the keys are sealed until somebody gives the passphrase
  | "CONFIG"
  | "UNREACHABLE"
  | "FAILED"; // an error that agent code threw

/** Extra facts that an error may carry. */
export interface ErrorOptions {
  readonly cause?: unknown;
}

/** Base of every error that this package throws on purpose. */
export class OpenAgentsError extends Error {
  override readonly name: string = "OpenAgentsError";
  readonly code: ErrorCode;
  /** The request that a home answered with it, as its log has it; absent for what no home said. */
  declare requestId?: string;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An error after which the tick is not tried again: the envelope goes to the dead letters at once. */
export class TerminalError extends OpenAgentsError {
  override readonly name: string = "TerminalError";

  constructor(message: string, options?: ErrorOptions & { readonly code?: ErrorCode }) {
    super(options?.code ?? "TERMINAL", message, options);
  }
}

/** An error that may pass: the tick is tried again, after `retryAfter` ms when that is given. */
export class RetryableError extends OpenAgentsError {
  override readonly name: string = "RetryableError";
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    options?: ErrorOptions & { readonly code?: ErrorCode; readonly retryAfter?: number },
  ) {
    super(options?.code ?? "FAILED", message, options);
    this.retryAfter = options?.retryAfter;
  }
}

/**
 * A limit was reached through what others sent, or the budget: the tick is not tried again, and the agent is not
 * to blame. Else whoever may send could quarantine it.
 */
export class UnblamedError extends OpenAgentsError {
  override readonly name: string = "UnblamedError";

  constructor(message: string, code: "LIMIT" | "BUDGET" = "LIMIT") {
    super(code, message);
  }
}

/** A command asks for what is not so any more: to try again cannot help, and nobody is to blame. */
export class RefusedError extends OpenAgentsError {
  override readonly name: string = "RefusedError";
}

/**
 * The code asks for something else than the journal of a tick has, which other code has begun: the tick is
 * not tried again, and the agent is not to blame.
 */
export class MismatchError extends OpenAgentsError {
  override readonly name: string = "MismatchError";

  constructor(message: string) {
    super("MISMATCH", message);
  }
}

/** Somebody wants a trigger to be acted on no more: it goes to the dead letters at once, nobody is to blame. */
export class CancelledError extends OpenAgentsError {
  override readonly name: string = "CancelledError";

  constructor() {
    super("CANCELLED", "CANCELLED by an operator");
  }
}

/** A tick was cut off where it was to begin a step, as its agent or the home is paused. It goes on by its journal. */
export class PausedError extends OpenAgentsError {
  constructor() {
    super("CANCELLED", "Cannot begin a step: the agent, or its home, is paused");
  }
}

/** An agent lives elsewhere now. */
export class MovedError extends OpenAgentsError {
  override readonly name: string = "MovedError";
  /** The address of its new home. */
  readonly url: string;

  constructor(message: string, url: string) {
    super("MOVED", message);
    this.url = url;
  }
}

/** Codes with which a request comes back that could not be delivered. */
export const BOUNCE_CODES: ReadonlySet<string> = new Set<ErrorCode>([
  "INBOX_FULL",
  "MOVED",
  "NOT_FOUND",
  "TERMINATED",
  "UNREACHABLE",
]);

/** An error as it is kept in records, dead letters and answers. */
export interface ErrorInfo {
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * The code and message of anything thrown; what is not ours gets the code `FAILED`. The message has
 * no lone surrogates, which the record of a tick could not carry. Never throws.
 */
export function errorInfo(error: unknown): ErrorInfo {
  return {
    code: error instanceof OpenAgentsError ? error.code : "FAILED",
    message: messageOf(error).toWellFormed(),
  };
}

function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "Something was thrown that has no text";
  }
}
