import type { AgentFace } from "../../core/ports/index.ts";
import type { Goal, GoalChange } from "../../core/ports/memory.ts";
import { failed } from "../failed.ts";
import type { DirectoryNode, FileNode } from "../nodes.ts";
import { bytesOf, textOf } from "../nodes.ts";
import { JSON_TYPE, parsedObject, pretty, refused, sizeOf } from "./content.ts";
import { tickOf } from "./in-tick.ts";
import { pageOf } from "./pages.ts";

/** Bytes of a goal: the longest title, note and result, and room for the rest. */
const MOST = 131_072;

/** What a goal is written as: those that are set, and those that are only read. */
const SET = ["title", "status", "priority", "progress", "parent", "note", "result"] as const;
const READ = ["id", "createdAt", "updatedAt"] as const;

/** `goals`: a file for each, by its id. What is written is the whole goal, as JSON, or its title as text. */
export function goals(face: AgentFace): DirectoryNode {
  const { memory } = face;
  const write = async (id: string, data: Uint8Array): Promise<string> => {
    const goal = goalIn(data, id);
    tickOf(face, "/goals");
    if (id !== "" && (await memory.goals.get(id)) !== undefined) {
      const none = { parent: null, note: null, result: null } as const;
      const unset = { status: "open", priority: 0, progress: 0, ...none } as const;
      await memory.goals.update(id, { ...unset, ...goal });
      return id;
    }
    return (await memory.goals.add({ ...goal, ...(id !== "" && { id }) })).id;
  };
  // What is moved is written where it goes: so do editors save.
  const rename = async (from: string, to: string): Promise<void> => {
    const goal = await memory.goals.get(from);
    if (goal === undefined) throw failed("ENOENT", "move", from, "there is no such goal");
    if (from === to) return;
    await write(to, bytesOf(pretty(goal)));
    for (const { id, parent } of await memory.goals.list({ limit: 1000 })) {
      if (parent === from) await memory.goals.update(id, { parent: to });
    }
    await memory.goals.remove(from);
  };
  const nodeOf = (goal: Goal): FileNode => ({
    read: () => pretty(goal),
    write: async (data) => void (await write(goal.id, data)),
    async remove() {
      tickOf(face, "/goals");
      await memory.goals.remove(goal.id);
    },
    facts: () => ({ type: JSON_TYPE, modifiedAt: goal.updatedAt, limit: MOST }),
  });
  return {
    list: (query) =>
      pageOf(query, (cursor) => eachGoal(face, cursor), {
        entry: (goal) => ({
          name: goal.id,
          node: nodeOf(goal),
          facts: { ...sizeOf(pretty(goal), goal.updatedAt), limit: MOST },
        }),
        mark: ({ id }) => id,
      }),
    async at(name) {
      const goal = await memory.goals.get(name);
      return goal && nodeOf(goal);
    },
    create: write,
    post: (data) => write("", data),
    rename,
    facts: () => ({ limit: MOST }),
  };
}

async function* eachGoal(
  { memory }: AgentFace,
  cursor: string | undefined,
): AsyncGenerator<Goal, void, undefined> {
  const limit = 100;
  for (let after = cursor; ;) {
    const page = await memory.goals.list({ limit, ...(after !== undefined && { after }) });
    yield* page;
    if (page.length < limit) return;
    after = page.at(-1)!.id;
  }
}

/** The goal that is written: its id is the name of its file, whatever it says. Its fields are checked by who keeps it. */
function goalIn(data: Uint8Array, id: string): GoalChange & { readonly title: string } {
  const what = `goal "${id}"`;
  const text = textOf(data, what).trim();
  if (!text.startsWith("{")) {
    if (text === "") throw refused(what, "it must have a title");
    return { title: text };
  }
  const given = parsedObject(data, what, [...SET, ...READ]);
  if (given["title"] === undefined) throw refused(what, 'it must have a "title"');
  const fields = SET.filter((field) => given[field] !== undefined);
  return Object.fromEntries(fields.map((field) => [field, given[field]])) as unknown as Goal;
}
