import { mcpServers } from "./kind.ts";
import type { McpClient, McpLibrary } from "./parts.ts";

export type { McpClient, McpLibrary } from "./parts.ts";

/**
 * The client of servers of tools (MCP) for a home that is bundled, as a Worker: made of all of the module
 * `@modelcontextprotocol/client`. A home on a machine needs none, it loads the package by itself.
 */
export function mcpClient(library: McpLibrary): McpClient {
  return (definitions, parts) =>
    mcpServers(definitions, { ...parts, library: async () => library });
}
