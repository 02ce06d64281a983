import type { AgentRecord } from "./agent.ts";
import { MovedError, OpenAgentsError } from "./errors.ts";
import { moveOf } from "./move.ts";

/** The error for an agent that lives elsewhere now. */
export function movedError(record: AgentRecord): OpenAgentsError {
  const { name } = record;
  const home = moveOf(record).moved;
  if (home === undefined) return new OpenAgentsError("MOVED", `"${name}" has moved`);
  return new MovedError(`"${name}" has moved to ${home.url}`, home.url);
}

/** @throws BUSY, MOVED for an agent that is between two homes: nothing can be done with it here */
export function checkHere(record: AgentRecord): void {
  const { name, status } = record;
  if (status === "moved") throw movedError(record);
  if (status !== "leaving" && status !== "arriving") return;
  throw new OpenAgentsError("BUSY", `"${name}" is moving: try again in a moment`);
}
