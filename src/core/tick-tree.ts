import type { AgentRecord } from "./agent.ts";
import { OpenAgentsError } from "./errors.ts";
import { agentFace } from "./face.ts";
import { toJson } from "./json.ts";
import type { Json } from "./json.ts";
import type { Kernel } from "./kernel.ts";
import type { AgentTree } from "./ports/agent-face.ts";
import type { AgentFiles, TickMemory } from "./ports/memory.ts";
import type { Session } from "./session.ts";

/** Whose tree it is, in which tick, and who uses it. */
export interface TickTreeParts {
  readonly session: Session;
  readonly record: AgentRecord;
  readonly files: AgentFiles;
  /** That of the tick, so that what changes it takes turns. */
  readonly memory: TickMemory;
  readonly user: "agent" | "editor";
}

/** An agent's tree of files in a tick. @throws CONFIG where the runtime was made without trees */
export function tickTree(kernel: Kernel, parts: TickTreeParts): AgentTree {
  const { session, record, files, memory, user } = parts;
  if (kernel.tree === undefined) {
    throw new OpenAgentsError("CONFIG", "Cannot use ctx.fs: this runtime has no tree of files");
  }
  const face = agentFace(kernel, {
    record,
    tree: files,
    memory,
    identity: session.identity,
    state: async () =>
      JSON.parse(toJson(session.draft.plain(), "state")) as Readonly<Record<string, Json>>,
    tick: {
      setState: (state) => {
        session.state = { ...state };
      },
      setAlarm: (id, when, payload) => void session.schedule(when, payload, { id }),
      cancelAlarm: (id) => session.cancel(id),
      send: (to, payload) => session.send(to, payload),
      publish: (event) => session.publish(event),
    },
  });
  return kernel.tree(face, user);
}

/** Files that are looked for with each use, so that they can be shut. */
export function openFiles(open: () => AgentFiles): AgentFiles {
  return {
    read: (path) => open().read(path),
    bytes: (path) => open().bytes(path),
    list: (query) => open().list(query),
    sizes: (query) => open().sizes(query),
    write: (path, content) => open().write(path, content),
    remove: (path) => open().remove(path),
    search: (query) => open().search(query),
  };
}
