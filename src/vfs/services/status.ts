import type { AgentFace } from "../../core/ports/index.ts";
import type { FileNode } from "../nodes.ts";
import { jsonFile } from "./content.ts";

/** `status`: what the agent is at, as JSON. */
export function status(face: AgentFace): FileNode {
  return jsonFile(() => face.report());
}
