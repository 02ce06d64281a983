import { MCP_KIND } from "../../core/mcp-servers.ts";
import type { Clock, TreeMaker } from "../../core/ports/index.ts";
import { remoteFiles } from "../../control/remote-files.ts";
import { agentTree } from "../../vfs/agent-tree.ts";
import type { MountKind } from "../../vfs/mount-kind.ts";
import { mountKinds } from "../../vfs/mount-kinds.ts";
import { idOf } from "./carrier.ts";
import type { Directory } from "./directory.ts";
import { passTo } from "./gateway.ts";
import type { ObjectNamespace } from "./platform.ts";

/**
 * Agents' trees in a Worker: another agent's files are asked of its object. There is no `host` here, and
 * what a name leads to is for the platform to look at, which has no private network.
 */
export function objectTrees(parts: {
  readonly agents: ObjectNamespace;
  readonly directory: Directory;
  readonly clock: Clock;
  /** Servers of tools. */
  readonly mcp: MountKind;
}): TreeMaker {
  const { agents, directory, clock, mcp } = parts;
  const pass = passTo({ agents, directory });
  return agentTree(
    mountKinds({
      clock,
      http: { fetcher: (url, init) => fetch(url, init) },
      async agent(ref, user) {
        const id = await idOf(directory, ref);
        const by = { principal: { id: "agent", scope: user } };
        const fetcher = (url: string, init: RequestInit): Promise<Response> =>
          pass(id, new Request(url, init), { ...by, requestId: crypto.randomUUID() });
        return { id, files: remoteFiles({ url: "http://object", token: "none", fetcher }, id) };
      },
      own: { [MCP_KIND]: mcp },
    }),
  );
}
