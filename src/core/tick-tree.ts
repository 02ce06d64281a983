import type { AgentRecord } from "./agent.ts";
import { OpenAgentsError } from "./errors.ts";
import { agentFace } from "./face.ts";
import { toJson } from "./json.ts";
import type { Json } from "./json.ts";
import type { Kernel } from "./kernel.ts";
import type { AgentTree } from "./ports/agent-face.ts";
import type { AgentFiles, TickMemory } from "./ports/memory.ts";
import type { Session } from "./session.ts";
import { paths } from "./tree.ts";
import { TreeDraft } from "./tree-draft.ts";

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
  const { session, record, memory, user } = parts;
  if (kernel.tree === undefined) {
    throw new OpenAgentsError("CONFIG", "Cannot use ctx.fs: this runtime has no tree of files");
  }
  const face = agentFace(kernel, {
    record,
    tree: withAlarms(kernel, parts),
    memory,
    identity: () => session.identity,
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
      log: (text, data) => session.note("info", text, data),
    },
  });
  return kernel.tree(face, user);
}

/** The files, with the alarms as the commit of the tick is to store them. */
function withAlarms({ store }: Kernel, { session, record, files }: TickTreeParts): AgentFiles {
  const of = (path: string): AgentFiles => {
    if (!path.startsWith(paths.alarms)) return files;
    const draft = new TreeDraft(store, { id: record.id, limit: Number.MAX_SAFE_INTEGER });
    for (const [id, alarm] of session.alarmsToBe()) {
      if (alarm === undefined) draft.remove(paths.alarm(id));
      else draft.write(paths.alarm(id), JSON.stringify(alarm));
    }
    return draft;
  };
  return {
    read: (path) => of(path).read(path),
    bytes: (path) => of(path).bytes(path),
    list: (query) => of(query.prefix).list(query),
    sizes: (query) => of(query.prefix).sizes(query),
    write: (path, content) => files.write(path, content),
    remove: (path) => files.remove(path),
    search: (query) => files.search(query),
  };
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
