import type { RuntimeDefinition } from "../../core/runtime-definition.ts";
import { FileError } from "../../core/file-error.ts";
import type { Clock, SecretSource } from "../../core/ports/index.ts";
import type { KnownSecrets } from "../../models/known-secrets.ts";
import { Secrets } from "../../models/secrets.ts";
import type { McpClient } from "../../mounts/mcp/parts.ts";
import type { MountKind } from "../../vfs/mount-kind.ts";
import type { ProblemLog } from "./problem-log.ts";

/** An object that nobody asks for anything is soon let go of by the platform, ms. */
const IDLE = 10_000;

/**
 * Servers of tools as an agent's object uses them: by HTTP, each object with connections of its own, as no
 * object can use another's. None stays open to be told of changes: it would keep the object in memory.
 */
export function objectServers(parts: {
  readonly definition: RuntimeDefinition;
  /** Those of the home. */
  readonly secrets: SecretSource;
  /** What is taken out of what they say. */
  readonly knownSecrets: KnownSecrets;
  readonly clock: Clock;
  readonly mcp: McpClient | undefined;
  readonly log: ProblemLog;
  readonly version: string;
}): MountKind {
  const { definition, secrets, knownSecrets, clock, mcp, log, version } = parts;
  if (mcp === undefined) {
    return (source) => {
      const why =
        'this Worker has no client for it: give cloudflare() "mcp", made by mcpClient() in @openagents/runtime/mounts/mcp';
      throw new FileError("ENOTSUP", `Cannot mount the MCP server "${source}": ${why}`);
    };
  }
  const servers = mcp(definition.mcp, {
    clock,
    limits: definition.limits,
    secrets: () => new Secrets(secrets, knownSecrets),
    fetcher: (url, init) => fetch(url, init),
    follows: false,
    idle: IDLE,
    log: (text) => log(text),
    version,
  });
  return (source, at) => servers.kind(source, at);
}
