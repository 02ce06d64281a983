import type { RuntimeDefinition } from "../../core/definition.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Clock, SecretSource } from "../../core/ports/index.ts";
import { Secrets } from "../../models/secrets.ts";
import { mcpServers } from "../../mounts/mcp/kind.ts";
import type { McpServers } from "../../mounts/mcp/kind.ts";
import type { McpLibrary } from "../../mounts/mcp/parts.ts";
import type { ProblemLog } from "./problem-log.ts";

/** An object that nobody asks for anything is soon let go of by the platform, ms. */
const IDLE = 10_000;

/**
 * The servers of tools as an agent's object uses them: by HTTP, each object with connections of its own, as no
 * object can use another's. None stays open to be told of changes: it would keep the object in memory.
 */
export function objectServers(parts: {
  readonly definition: RuntimeDefinition;
  /** Those of the home. */
  readonly secrets: SecretSource;
  readonly clock: Clock;
  readonly library: McpLibrary | undefined;
  readonly log: ProblemLog;
  readonly version: string;
}): McpServers {
  const { definition, secrets, clock, library, log, version } = parts;
  return mcpServers(definition.mcp, {
    async library() {
      if (library !== undefined) return library;
      throw new OpenAgentsError(
        "CONFIG",
        'it needs the package @modelcontextprotocol/client: import it in the Worker\'s entry, and give it as "mcp" to cloudflare()',
      );
    },
    clock,
    limits: definition.limits,
    secrets: () => new Secrets(secrets),
    fetcher: (url, init) => fetch(url, init),
    follows: false,
    idle: IDLE,
    log: (text) => log(text, undefined),
    version,
  });
}
