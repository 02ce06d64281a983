import type { Clock, TreeMaker } from "../../core/ports/index.ts";
import type { Runtime } from "../../core/runtime.ts";
import { hostKind } from "../../mounts/host-kind.ts";
import { publicFetch } from "../../mounts/public-fetch.ts";
import { agentTree } from "../../vfs/agent-tree.ts";
import { mountKinds } from "../../vfs/mount-kinds.ts";

/** What agents' trees on this machine are made with. */
export interface AgentTreesOptions {
  /** That has the agents; asked for when it is first needed. */
  readonly runtime: () => Runtime;
  readonly clock: Clock;
  /** Directories of this machine of which mounts may be. */
  readonly hostDirs: readonly string[];
  /** Mounts of the kind `http` may be of addresses in private networks. */
  readonly allowPrivate: boolean;
}

/** Agents' trees, with the mounts that there are on this machine. */
export interface AgentTrees {
  readonly tree: TreeMaker;
  /** Lets go of connections. */
  close(): void;
}

export function agentTrees(options: AgentTreesOptions): AgentTrees {
  const { runtime, clock, hostDirs, allowPrivate } = options;
  const fetcher = publicFetch({ allowPrivate });
  const kinds = mountKinds({
    clock,
    http: { fetcher, allowPrivate },
    async agent(ref, user) {
      const { id } = await runtime().get(ref);
      return { id, files: runtime().fs(id, user) };
    },
    own: { host: hostKind({ roots: hostDirs }) },
  });
  return { tree: agentTree(kinds), close: () => fetcher.close() };
}
