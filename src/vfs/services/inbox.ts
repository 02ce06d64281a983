import type { Json } from "../../core/json.ts";
import type { AgentFace, WriteOptions } from "../../core/ports/index.ts";
import type { DirectoryNode } from "../nodes.ts";
import { parsed, spoken } from "./content.ts";
import { operatorOf } from "./in-tick.ts";
import { mailbox } from "./mail.ts";

/**
 * `inbox`: what waits, by its position. A new entry of any name is a message: text, or JSON where its
 * name ends in `.json` or its media type says so. It is found under its position, or, once it is acted on, was there by its id.
 */
export function inbox(face: AgentFace): DirectoryNode {
  const deliver = async (payload: Json): Promise<string> => {
    const { id } = await operatorOf(face, "/inbox").deliver({ payload });
    const [row] = await face.mail({ box: "inbox", envelope: id, limit: 1 });
    return row === undefined ? id : String(row.position);
  };
  return {
    ...mailbox(face, "inbox"),
    create: (name, data, options) => deliver(payloadOf(name, data, options)),
    post: (data, options) => deliver(payloadOf("", data, options)),
    facts: () => ({ limit: face.limits.envelopeBytes }),
  };
}

function payloadOf(name: string, data: Uint8Array, { type = "" }: WriteOptions): Json {
  const json = name.endsWith(".json") || /^application\/json\s*(;|$)/i.test(type);
  return json ? parsed(data, `/inbox/${name}`) : spoken(data, "mail");
}
