import type { Transport } from "@modelcontextprotocol/client";
import type { Json } from "../../core/json.ts";
import type { McpProgram, McpServerDefinitions } from "../../core/mcp-servers.ts";
import type { Clock } from "../../core/ports/index.ts";
import type { MountKind } from "../../vfs/mount-kind.ts";

/** Gives the secrets that a server is let in with, and takes them out of what it says after that. */
export interface McpSecrets {
  /** @throws CONFIG where there is none of this name; LOCKED */
  get(name: string, allowed: readonly string[]): Promise<string>;
  clean(text: string): string;
  cleanJson(value: Json): Json;
}

/** What a program is started with, its secrets in their places. */
export interface McpStart extends Pick<McpProgram, "command" | "args" | "cwd"> {
  readonly env: Readonly<Record<string, string>>;
  /** Bytes of one message that it may send. */
  readonly most: number;
  /** Told what it writes to its standard error, as it comes. */
  readonly onError: (text: string) => void;
}

/** The module of `@modelcontextprotocol/client`, in which servers of tools are spoken to. */
export interface McpLibrary {
  readonly Client: new (...args: never) => object;
  readonly StreamableHTTPClientTransport: new (...args: never) => object;
}

/** What servers of tools are used with. */
export interface McpParts {
  /** @throws CONFIG where it is not installed */
  readonly library: () => Promise<McpLibrary>;
  readonly clock: Clock;
  readonly limits: { readonly valueBytes: number; readonly envelopeBytes: number };
  /** Made for each server. */
  readonly secrets: () => McpSecrets;
  /** Makes the way to a program, which is started with it. Absent: there are no programs here. */
  readonly program?: (start: McpStart) => Transport;
  readonly fetcher: typeof globalThis.fetch;
  /** Servers tell when their tools change, by a connection that stays open. */
  readonly follows: boolean;
  /** The longest that a server which nobody uses is kept, ms, whatever it is defined with. */
  readonly idle?: number;
  /** Told what an operator should know. */
  readonly log: (text: string) => void;
  readonly version: string;
}

/** The servers of tools of a home. */
export interface McpServers {
  /** Mounts of them: their source is the name of a server. */
  readonly kind: MountKind;
  /** Ends all connections, and the programs. */
  close(): Promise<void>;
}

/** Makes the servers of a home, for one that does not have the library by itself. */
export type McpClient = (
  definitions: McpServerDefinitions,
  parts: Omit<McpParts, "library">,
) => McpServers;
