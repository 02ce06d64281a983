import type { Json } from "../../core/json.ts";
import { canonicalJson } from "../../core/json.ts";
import type { AgentFace } from "../../core/ports/index.ts";
import type { AgentUpdate } from "../../core/operations.ts";
import type { FileNode } from "../nodes.ts";
import { jsonFile, parsedObject, refused } from "./content.ts";
import { operatorOf } from "./in-tick.ts";

/** Bytes of what is written: room for a name and all the labels that there can be. */
const MOST = 65_536;

/** `config`: how the agent is set up, as JSON; its name and its labels can be changed. */
export function config(face: AgentFace): FileNode {
  return {
    ...jsonFile(
      () => configOf(face),
      () => ({ limit: MOST }),
    ),
    async write(data) {
      const now = configOf(face);
      const next = parsedObject(data, "/config", Object.keys(now));
      for (const [member, value] of Object.entries(next)) {
        if (member === "name" || member === "labels") continue;
        if (canonicalJson(value) === canonicalJson(now[member])) continue;
        throw refused("/config", `"${member}" cannot be changed here: only name and labels can`);
      }
      await operatorOf(face, "/config").update(updateOf(next));
    },
  };
}

function configOf({ agent, definition }: AgentFace): Readonly<Record<string, Json>> {
  const { name, type, labels } = agent;
  const entry = { name, type, labels: [...labels] };
  if (definition === undefined) return entry;
  const { version, timeout, inbox, retry, senders } = definition;
  return {
    ...entry,
    version,
    timeout,
    inbox: { ...inbox },
    retry: { ...retry },
    senders: senders === "anyone" ? senders : [...senders].sort(),
  };
}

/** What of the entry is to be changed; the directory checks it. */
function updateOf(next: Readonly<Record<string, Json>>): AgentUpdate {
  const { name, labels } = next;
  if (name !== undefined && typeof name !== "string") {
    throw refused("/config", '"name" must be text');
  }
  if (labels !== undefined && !(Array.isArray(labels) && labels.every(isText))) {
    throw refused("/config", '"labels" must be a list of texts');
  }
  return { ...(name !== undefined && { name }), ...(labels !== undefined && { labels }) };
}

function isText(value: Json): value is string {
  return typeof value === "string";
}
