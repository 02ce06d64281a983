import type { FileService } from "../../core/ports/index.ts";
import type { Connection } from "../../control/client.ts";
import { remoteFiles } from "../../control/remote-files.ts";
import { namespace } from "../../vfs/namespace.ts";
import { findConnection } from "../connection.ts";
import { readContexts } from "../contexts.ts";
import { lastingFiles } from "./lasting-files.ts";

/**
 * What a mount shows of a home: its tree, and below `/srv` the trees of all contexts of the user's
 * configuration, each by its own connection; or of one agent, by its npub, its own alone.
 * @throws CONFIG for a configuration that cannot be used
 */
export function mountedTree(find: () => Connection, agent: string | undefined): FileService {
  const home = lastingFiles(() => remoteFiles(find(), agent));
  if (agent !== undefined) return home;
  const others = Object.keys(readContexts().contexts).map((context) => ({
    path: `/srv/${context}`,
    service: lastingFiles(() => remoteFiles(findConnection({ context }))),
    access: "read-write" as const,
  }));
  if (others.length === 0) return home;
  return namespace([{ path: "/", service: home, access: "read-write" }, ...others]);
}
