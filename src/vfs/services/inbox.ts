import type { Json } from "../../core/json.ts";
import type { AgentFace } from "../../core/ports/index.ts";
import type { DirectoryNode } from "../nodes.ts";
import { parsed, spoken } from "./content.ts";
import { operatorOf } from "./in-tick.ts";
import { mailbox } from "./mail.ts";

/**
 * `inbox`: what waits, by its position. A new entry of any name is a message: text, or JSON where its
 * name ends in `.json`. It is found under its position, or, once it is acted on, was there by its id.
 */
export function inbox(face: AgentFace): DirectoryNode {
  const deliver = async (payload: Json): Promise<string> => {
    const { id } = await operatorOf(face, "/inbox").deliver({ payload });
    const [row] = await face.mail({ box: "inbox", envelope: id, limit: 1 });
    return row === undefined ? id : String(row.position);
  };
  return {
    ...mailbox(face, "inbox"),
    create: (name, data) =>
      deliver(name.endsWith(".json") ? parsed(data, `/inbox/${name}`) : spoken(data, "mail")),
    post: (data) => deliver(spoken(data, "mail")),
    facts: () => ({ limit: face.limits.envelopeBytes }),
  };
}
