import type { ChildFile } from "../../core/children.ts";
import type { Child } from "../../core/context.ts";
import type { AgentFace } from "../../core/ports/index.ts";
import { isNpub } from "../../core/agent.ts";
import { paths } from "../../core/tree.ts";
import type { DirectoryNode, FileNode } from "../nodes.ts";
import { JSON_TYPE, pretty, sizeOf } from "./content.ts";
import { tickOf } from "./in-tick.ts";
import { pageOf } from "./pages.ts";

/**
 * `children`: a file for each agent that this one made and that is not ended, by its npub. Operators remove
 * what stands there of one that ended elsewhere.
 */
export function children(face: AgentFace): DirectoryNode {
  const nodeOf = (child: Child): FileNode => ({
    read: () => pretty(child),
    async remove() {
      tickOf(face, "/children");
      face.tree.remove(paths.child(child.id));
    },
    facts: () => ({ type: JSON_TYPE, modifiedAt: child.at }),
  });
  return {
    list: (query) =>
      pageOf(query, (cursor) => eachChild(face, cursor), {
        entry: (child) => ({
          name: child.id,
          node: nodeOf(child),
          facts: sizeOf(pretty(child), child.at),
        }),
        mark: ({ id }) => id,
      }),
    async at(name) {
      const text = isNpub(name) ? await face.tree.read(paths.child(name)) : undefined;
      return text === undefined ? undefined : nodeOf(childIn(text));
    },
    removable: true,
  };
}

async function* eachChild(
  { tree }: AgentFace,
  cursor: string | undefined,
): AsyncGenerator<Child, void, undefined> {
  const limit = 100;
  for (let after = cursor === undefined ? undefined : paths.child(cursor); ;) {
    const page = await tree.list({ prefix: paths.children, after, limit });
    for (const { value } of page) yield childIn(value);
    if (page.length < limit) return;
    after = page.at(-1)!.path;
  }
}

function childIn(text: string): Child {
  const { by: _by, as: _as, ...child } = JSON.parse(text) as ChildFile;
  return child;
}
