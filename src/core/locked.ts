import { OpenAgentsError } from "./errors.ts";

/** The error for whatever needs a key while the keys are locked. */
export function lockedError(): OpenAgentsError {
  return new OpenAgentsError(
    "LOCKED",
    'Cannot use a key: the keys are locked: open them with "agentctl unlock"',
  );
}

/** True for an error that says that the keys cannot be used now, which is nobody's fault. */
export function isLocked(error: unknown): boolean {
  return error instanceof OpenAgentsError && error.code === "LOCKED";
}
