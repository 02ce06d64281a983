import type { AgentFace } from "../../core/ports/index.ts";
import type { FileNode } from "../nodes.ts";
import { jsonFile, parsedObject } from "./content.ts";
import { tickOf } from "./in-tick.ts";

/** `state`: all of it, as a JSON object; what is written takes its place. */
export function state(face: AgentFace): FileNode {
  return {
    ...jsonFile(
      () => face.state(),
      async () => ({ modifiedAt: await face.changedAt() }),
    ),
    async write(data) {
      const next = parsedObject(data, "/state");
      tickOf(face, "/state").setState(next);
    },
  };
}
