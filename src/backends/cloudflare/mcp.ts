import type { RuntimeDefinition } from "../../core/definition.ts";
import { FileError } from "../../core/file-error.ts";
import type { Clock } from "../../core/ports/index.ts";
import { Secrets } from "../../models/secrets.ts";
import type { McpClient } from "../../mounts/mcp/parts.ts";
import type { MountKind } from "../../vfs/mount-kind.ts";
import type { Env } from "./platform.ts";
import type { ProblemLog } from "./problem-log.ts";

/** An object that nobody asks for anything is soon let go of by the platform, ms. */
const IDLE = 10_000;

/**
 * Servers of tools as an agent's object uses them: by HTTP, each object with connections of its own, as no
 * object can use another's. None stays open to be told of changes: it would keep the object in memory.
 */
export function objectServers(parts: {
  readonly definition: RuntimeDefinition;
  readonly env: Env;
  readonly clock: Clock;
  readonly mcp: McpClient | undefined;
  readonly log: ProblemLog;
  readonly version: string;
}): MountKind {
  const { definition, env, clock, mcp, log, version } = parts;
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
    secrets: () => new Secrets((name) => secretIn(env, name)),
    fetcher: (url, init) => fetch(url, init),
    follows: false,
    idle: IDLE,
    log: (text) => log(text),
    version,
  });
  return (source, at) => servers.kind(source, at);
}

/** A secret of the Worker, by the name of its binding of text. */
export function secretIn(env: Env, name: string): string | undefined {
  const value: unknown = (env as unknown as Readonly<Record<string, unknown>>)[name];
  return typeof value === "string" ? value : undefined;
}
