import type { AddressInfo } from "node:net";
import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { createMcpHandler } from "@modelcontextprotocol/server";
import { defineAgent, defineRuntime, systemClock } from "../../../src/index.ts";
import type { Clock, FileService, McpServerOptions } from "../../../src/index.ts";
import { Secrets } from "../../../src/models/secrets.ts";
import { mcpServers } from "../../../src/mounts/mcp/kind.ts";
import { mcpLibrary } from "../../../src/mounts/mcp/library.ts";
import { ProgramTransport } from "../../../src/mounts/mcp/program.ts";
import { agentRecord } from "../../vfs/agent-record.ts";
import { testServer } from "./tools.ts";

export const PROGRAM = new URL("./stdio-server.ts", import.meta.url).pathname;
export const OLD_PROGRAM = new URL("./old-server.ts", import.meta.url).pathname;
export const EVIL_PROGRAM = new URL("./evil-server.ts", import.meta.url).pathname;
export const SECRET = "s3cret/token+of-tests";

/** One server, as it is mounted. */
export interface Mounted extends AsyncDisposable {
  readonly files: FileService;
  /** What was logged. */
  readonly logged: string[];
  read(path: string): Promise<string>;
  names(): Promise<readonly string[]>;
  call(
    tool: string,
    input?: unknown,
    options?: { signal?: AbortSignal; key?: string },
  ): Promise<string>;
  close(): Promise<void>;
}

export function mounted(
  server: McpServerOptions,
  options: {
    readonly clock?: Clock;
    readonly valueBytes?: number;
    /** Gives the secret `TOKEN`. */
    readonly secret?: () => string | undefined;
  } = {},
): Mounted {
  const { clock = systemClock, valueBytes = 1_000_000, secret = () => SECRET } = options;
  const { mcp } = defineRuntime({ agents: [defineAgent({ name: "a" })], mcp: { s: server } });
  const logged: string[] = [];
  const servers = mcpServers(mcp, {
    clock,
    limits: { valueBytes, envelopeBytes: 1_048_576 },
    secrets: () => new Secrets((name) => (name === "TOKEN" ? secret() : undefined)),
    library: mcpLibrary,
    program: (start) => new ProgramTransport(start),
    fetcher: fetch,
    follows: true,
    log: (text) => logged.push(text),
    version: "1",
  });
  const files = servers.kind("s", { agent: agentRecord("a"), path: "/tools/s" });
  return {
    files,
    logged,
    read: async (path) => textOf(await files.read(path)),
    names: async () => (await files.list("/")).items.map(({ name }) => name),
    async call(tool, input = {}, how = {}) {
      const data = new TextEncoder().encode(JSON.stringify(input));
      return textOf(await files.exchange!(`/${tool}`, data, how));
    },
    close: () => servers.close(),
    [Symbol.asyncDispose]: () => servers.close(),
  };
}

export function program(options: Partial<McpServerOptions> = {}): McpServerOptions {
  return { command: process.execPath, args: [PROGRAM], ...options };
}

/** A server over HTTP. */
export interface HttpTools extends AsyncDisposable {
  readonly url: string;
  /** Of each request: its method, and what lets it in. */
  readonly seen: string[];
  /** What it was asked for, where a header says it. */
  readonly methods: (string | null)[];
  readonly keys: string[];
  /** Calls whose caller has left. */
  readonly left: string[];
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** `old`: it speaks what there was before 2026. `answer`: what it answers in the place of a server of tools. */
export async function httpTools(
  options: { readonly old?: boolean; readonly answer?: () => Response } = {},
): Promise<HttpTools> {
  const seen: string[] = [];
  const methods: (string | null)[] = [];
  const [keys, left]: [string[], string[]] = [[], []];
  let server: Server | undefined;
  let port = 0;
  const crash = (): void => server?.closeAllConnections();
  const handler = createMcpHandler(() => testServer({ env: { TOKEN: SECRET }, crash, keys, left }));
  const answer = async (request: Request): Promise<Response> => {
    seen.push(`${request.method} ${request.headers.get("authorization")}`);
    methods.push(request.headers.get("mcp-method"));
    if (options.answer !== undefined) return options.answer();
    if (options.old === true && request.method === "POST") {
      const { id, method } = (await request.clone().json()) as { id: unknown; method: string };
      if (method === "server/discover") {
        const error = { code: -32601, message: "Method not found" };
        return Response.json({ jsonrpc: "2.0", id, error }, { status: 400 });
      }
    }
    return handler.fetch(request);
  };
  const start = async (): Promise<void> => {
    server = serve({ fetch: answer, port, hostname: "127.0.0.1" }) as Server;
    await new Promise((resolve) => server!.once("listening", resolve));
    ({ port } = server.address() as AddressInfo);
  };
  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => server!.close(resolve));
    server!.closeAllConnections();
    await closed;
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    seen,
    methods,
    keys,
    left,
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Resolves once it is so. */
export async function until(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; !(await is()); i += 1) {
    if (i === 1000) throw new Error(`It never came to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
