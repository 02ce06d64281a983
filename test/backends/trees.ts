import type { TreeMaker } from "../../src/core/ports/index.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { systemClock } from "../../src/core/system.ts";
import { agentTree } from "../../src/vfs/agent-tree.ts";
import { mountKinds } from "../../src/vfs/mount-kinds.ts";

/** Agents' trees of a runtime that is made with them. */
export function treesOf(runtime: () => Runtime): TreeMaker {
  return agentTree(
    mountKinds({
      clock: systemClock,
      http: { fetcher: (url, init) => fetch(url, init) },
      async agent(ref, user) {
        const { id } = await runtime().get(ref);
        return { id, files: runtime().fs(id, user) };
      },
    }),
  );
}
