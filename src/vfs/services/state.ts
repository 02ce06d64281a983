import { FileError } from "../../core/file-error.ts";
import type { AgentFace } from "../../core/ports/index.ts";
import type { FileNode } from "../nodes.ts";
import { jsonFile, parsedObject } from "./content.ts";
import { tickOf } from "./in-tick.ts";

/** How many keys a state may have that is written from outside or by `ctx.fs`. */
const KEYS = 10_000;

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
      const keys = Object.keys(next).length;
      if (keys > KEYS) {
        // Each is a file of its own, and a line of the record.
        throw new FileError("EFBIG", `Cannot write "/state": ${keys} keys are more than ${KEYS}`);
      }
      tickOf(face, "/state").setState(next);
    },
  };
}
