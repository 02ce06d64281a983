import { OpenAgentsError } from "../../core/errors.ts";
import type { McpLibrary } from "./parts.ts";

/** The library, which is an optional peer of this package. @throws CONFIG where it is not installed */
export async function mcpLibrary(): Promise<McpLibrary> {
  try {
    return await import("@modelcontextprotocol/client");
  } catch (cause) {
    throw new OpenAgentsError(
      "CONFIG",
      'it needs the package @modelcontextprotocol/client: run "npm install @modelcontextprotocol/client"',
      { cause },
    );
  }
}
