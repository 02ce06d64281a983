import { OpenAgentsError } from "../../core/errors.ts";

/** The error for a write under a claim that does not hold. */
export function stale(id: string, why: string): OpenAgentsError {
  return new OpenAgentsError("STALE_CLAIM", `Cannot write to agent "${id}": ${why}`);
}

export function notWaiting(id: string, position: number): OpenAgentsError {
  return stale(id, `no mail waits at position ${position}`);
}
