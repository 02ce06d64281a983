import type { AgentFace } from "../../core/ports/index.ts";
import type { FileNode } from "../nodes.ts";
import { linesOf, refused, TEXT_TYPE } from "./content.ts";
import { operatorOf } from "./in-tick.ts";

/** What can be written, with what it does. */
const COMMANDS: Readonly<Record<string, string>> = {
  wake: "bring it into memory, also after it failed or was quarantined",
  tick: "run one tick",
  hibernate: "let go of its memory",
  pause: "begin no tick until it is resumed",
  resume: "take up what has waited",
  cancel: "end the tick that runs",
  terminate: "end it for good",
};

/** `ctl`: commands, one a line, done one after the other; reading it gives them. */
export function ctl(face: AgentFace): FileNode {
  const run = async (data: Uint8Array): Promise<void> => {
    const verbs = linesOf(data, "/ctl");
    const unknown = verbs.find((verb) => !Object.hasOwn(COMMANDS, verb));
    if (unknown !== undefined) {
      const known = Object.keys(COMMANDS).join(", ");
      throw refused("/ctl", `there is no command ${JSON.stringify(unknown)}, there are: ${known}`);
    }
    const operator = operatorOf(face, "/ctl");
    for (const verb of verbs) await operator.control(verb);
  };
  const help = Object.entries(COMMANDS).map(([verb, does]) => `${verb.padEnd(10)} ${does}\n`);
  return {
    read: () => help.join(""),
    write: run,
    append: run,
    commands: true,
    facts: () => ({ type: TEXT_TYPE, limit: 4096 }),
  };
}
