import { MCP_KIND } from "../../core/mcp-servers.ts";
import type { McpServerDefinitions } from "../../core/mcp-servers.ts";
import type { Clock, TreeMaker } from "../../core/ports/index.ts";
import type { Runtime } from "../../core/runtime.ts";
import { hostKind } from "../../mounts/host-kind.ts";
import { mcpServers } from "../../mounts/mcp/kind.ts";
import { mcpLibrary } from "../../mounts/mcp/library.ts";
import type { McpParts } from "../../mounts/mcp/parts.ts";
import { ProgramTransport } from "../../mounts/mcp/program.ts";
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
  /** Servers of tools. */
  readonly mcp: McpServerDefinitions;
  readonly mcpParts: Pick<McpParts, "limits" | "secrets" | "log" | "version">;
}

/** Agents' trees, with the mounts that there are on this machine. */
export interface AgentTrees {
  readonly tree: TreeMaker;
  /** Lets go of connections, and ends the programs that are servers of tools. */
  close(): Promise<void>;
}

export function agentTrees(options: AgentTreesOptions): AgentTrees {
  const { runtime, clock, hostDirs, allowPrivate } = options;
  const fetcher = publicFetch({ allowPrivate });
  const servers = mcpServers(options.mcp, {
    ...options.mcpParts,
    clock,
    library: mcpLibrary,
    program: (start) => new ProgramTransport(start),
    // Where they are is for the configuration to say: they are often in a network of one's own.
    fetcher: (url, init) => fetch(url, init),
    follows: true,
  });
  const kinds = mountKinds({
    clock,
    http: { fetcher, allowPrivate },
    async agent(ref, user) {
      const { id } = await runtime().get(ref);
      return { id, files: runtime().fs(id, user) };
    },
    own: { host: hostKind({ roots: hostDirs }), [MCP_KIND]: servers.kind },
  });
  return {
    tree: agentTree(kinds),
    async close() {
      fetcher.close();
      await servers.close();
    },
  };
}
