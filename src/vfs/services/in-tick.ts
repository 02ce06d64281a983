import { FileError } from "../../core/file-error.ts";
import type { AgentFace, FaceInTick, FaceOutside } from "../../core/ports/index.ts";

/** What changes the agent's own, which only a tick does. @throws EACCES outside of one */
export function tickOf({ tick, agent }: AgentFace, what: string): FaceInTick {
  if (tick !== undefined) return tick;
  throw new FileError("EACCES", `Cannot write ${what} of "${agent.name}": no tick of it does`);
}

/** What operators do. @throws EACCES where it is the agent itself that asks */
export function operatorOf({ operator, agent }: AgentFace, what: string): FaceOutside {
  if (operator !== undefined) return operator;
  throw new FileError("EACCES", `Cannot use ${what} of "${agent.name}": it is for its operators`);
}
