import { FileError } from "../../core/file-error.ts";
import type { McpServerDefinitions } from "../../core/mcp-servers.ts";
import type { FileService } from "../../core/ports/index.ts";
import { failed } from "../../vfs/failed.ts";
import { nodeService, textOf } from "../../vfs/nodes.ts";
import type { FileNode, NodeEntry } from "../../vfs/nodes.ts";
import type { McpParts, McpServers } from "./parts.ts";
import { McpServer } from "./server.ts";
import type { McpTool } from "./server.ts";

/**
 * The kind `mcp`: one of the servers that the configuration names. What its directory has is `tools.json`, which
 * tells of all tools, and a file for each tool: it is read for what is told of it, and asked (`exchange`)
 * with its input as JSON to have it called.
 */
export function mcpServers(definitions: McpServerDefinitions, parts: McpParts): McpServers {
  const servers = new Map(
    [...definitions].map(([name, definition]) => [name, new McpServer(name, definition, parts)]),
  );
  return {
    kind(source) {
      const server = servers.get(source);
      if (server !== undefined) {
        if (parts.program === undefined && "command" in definitions.get(source)!.at) {
          const why = "it is a program, and none can be started here: give it a url";
          throw new FileError("ENOTSUP", `Cannot mount the MCP server "${source}": ${why}`);
        }
        return mcpFiles(server, parts.limits.envelopeBytes);
      }
      const known = [...servers.keys()].join(", ") || "none";
      throw new FileError(
        "EACCES",
        `Cannot mount ${JSON.stringify(source)}: the configuration has no MCP server of this name, there are: ${known}`,
      );
    },
    async close() {
      await Promise.all([...servers.values()].map((server) => server.close()));
    },
  };
}

const TYPE = "application/json";
const ALL = "tools.json";

/** The files of a server. */
function mcpFiles(server: McpServer, limit: number): FileService {
  const all: FileNode = {
    read: async () => pretty(await server.tools()),
    facts: () => ({ type: TYPE }),
  };
  const one = (tool: McpTool): FileNode => ({
    read: () => pretty(tool),
    exchange: (data, options) => server.call(tool.name, inputOf(data, `/${tool.name}`), options),
    facts: () => ({ type: TYPE, limit }),
  });
  return nodeService({
    async list({ cursor = "0", limit: count = 100 }) {
      const tools = (await server.tools()).toSorted((a, b) => (a.name < b.name ? -1 : 1));
      const entries: readonly NodeEntry[] = [
        { name: ALL, node: all },
        ...tools.map((tool) => ({ name: tool.name, node: one(tool) })),
      ];
      const [from, end] = [Number(cursor), Number(cursor) + count];
      const more = end < entries.length && { cursor: String(end) };
      return { items: entries.slice(from, end), ...more };
    },
    async at(name) {
      if (name === ALL) return all;
      const tool = await server.tool(name);
      return tool && one(tool);
    },
  });
}

/** @throws EINVAL for what is no object of JSON */
function inputOf(data: Uint8Array, path: string): Readonly<Record<string, unknown>> {
  const text = textOf(data, "the input of a tool").trim();
  let value: unknown;
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch (error) {
    throw failed("EINVAL", "call", path, `its input is no JSON: ${(error as Error).message}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw failed("EINVAL", "call", path, "its input must be an object of JSON, { … }");
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
