import type { AgentFace } from "../../core/ports/index.ts";
import type { FileNode } from "../nodes.ts";
import { jsonFile, parsedObject } from "./content.ts";
import { tickOf } from "./in-tick.ts";

/**
 * `state`: all of it, as a JSON object; what is written takes its place, and may be as large as two of the
 * largest members that a state can have.
 */
export function state(face: AgentFace): FileNode {
  return {
    ...jsonFile(
      () => face.state(),
      async () => ({ modifiedAt: await face.changedAt(), limit: 2 * face.limits.valueBytes }),
    ),
    async write(data) {
      const next = parsedObject(data, "/state");
      tickOf(face, "/state").setState(next);
    },
  };
}
