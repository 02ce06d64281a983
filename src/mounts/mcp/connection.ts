import type * as Library from "@modelcontextprotocol/client";
import type {
  CallToolResult,
  Client,
  PriorDiscovery,
  Tool,
  Transport,
  jsonSchemaValidator,
} from "@modelcontextprotocol/client";
import type { McpServerDefinition, McpText } from "../../core/mcp-servers.ts";
import { mcpSecrets } from "../../core/mcp-servers.ts";
import { boundedFetch } from "./bounded-fetch.ts";
import { Broken, saidBy, TooLarge } from "./failures.ts";
import { httpTransport } from "./http.ts";
import { LineLog } from "./line-log.ts";
import type { McpParts, McpSecrets } from "./parts.ts";

export type { Tool } from "@modelcontextprotocol/client";

/** A tool to call, and how. */
export interface McpCall {
  readonly tool: Tool;
  readonly input: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal | undefined;
  readonly key?: string | undefined;
}

/** A server that is there to be asked. */
export interface Connection {
  tools(): Promise<readonly Tool[]>;
  call(call: McpCall): Promise<CallToolResult>;
  /** What the server was found to speak, where the next connection can do with that. */
  readonly prior: PriorDiscovery | undefined;
  close(): Promise<void>;
}

export interface ConnectionOptions {
  readonly name: string;
  readonly definition: McpServerDefinition;
  readonly parts: McpParts;
  readonly secrets: McpSecrets;
  /** What it was found to speak before. */
  readonly prior: PriorDiscovery | undefined;
  /** The server has other tools now. */
  readonly onChanged: () => void;
  /** It is over, and nobody has closed it. */
  readonly onLost: () => void;
}

/** How long a server may take until it is there, ms; and until a program is taken for one of before 2026. */
const PATIENCE = { connect: 30_000, probe: 10_000, goodbye: 1_000 } as const;
/** Beside what a result is of, a message has this much around it. */
const AROUND = 65_536;
/** Under which the idempotency key of a call stands in its `_meta`. */
const KEY = "openagents/idempotency-key";

/** What a server says its results are like is not held against it: its patterns could keep this process for ever. */
const UNCHECKED: jsonSchemaValidator = {
  getValidator: () => (data) => ({ valid: true, data: data as never, errorMessage: undefined }),
};

/** Connects to a server. When it rejects, nothing is left of it. */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  try {
    return await open(options, options.prior);
  } catch (error) {
    // There are programs of before 2026 that end when they are asked what they speak.
    const { code } = error as { readonly code?: unknown };
    if (code !== "ERA_NEGOTIATION_FAILED" || "url" in options.definition.at) throw error;
    return open(options, { kind: "legacy" });
  }
}

async function open(
  options: ConnectionOptions,
  prior: PriorDiscovery | undefined,
): Promise<Connection> {
  const { definition, parts, secrets } = options;
  const { Client } = await library(parts);
  let trouble: unknown;
  const onerror = (error: unknown): void => {
    if (!(trouble instanceof Broken)) trouble = error;
  };
  const transport = await transportTo(options, onerror);
  const client = new Client(
    { name: "openagents", version: parts.version },
    {
      jsonSchemaValidator: UNCHECKED,
      versionNegotiation: {
        mode: "auto",
        probe: "url" in definition.at ? {} : { timeoutMs: PATIENCE.probe },
      },
      ...(parts.follows && {
        listChanged: {
          tools: { autoRefresh: false, debounceMs: 0, onChanged: () => options.onChanged() },
        },
      }),
    },
  );
  Object.assign(client, { onerror });
  const timeout = PATIENCE.connect;
  try {
    await client.connect(transport, { timeout, ...(prior !== undefined && { prior }) });
  } catch (error) {
    await Promise.allSettled([client.close(), transport.close()]);
    throw error;
  }
  Object.assign(client, { onclose: () => options.onLost() });
  void client.autoOpenedSubscription?.closed.then((why) => {
    // It can be asked as before, and does not tell any more.
    if (why !== "local") options.onChanged();
  });
  const close = async (): Promise<void> => {
    delete client.onclose;
    await goodbye(transport);
    await client.close();
  };
  return {
    tools: async () => {
      const { tools } = await client.listTools(undefined, {
        timeout: definition.timeout,
        cacheMode: "refresh",
      });
      return tools;
    },
    async call({ tool, input, signal, key }) {
      trouble = undefined;
      const meta = key !== undefined && { _meta: { [KEY]: key } };
      const how = { timeout: definition.timeout, toolDefinition: tool };
      try {
        return await client.callTool(
          { name: tool.name, arguments: { ...input }, ...meta },
          signal === undefined ? how : { ...how, signal },
        );
      } catch (error) {
        if (trouble instanceof TooLarge) throw trouble;
        // What the way there says is more than that it is closed.
        const { code } = error as { readonly code?: unknown };
        if (code !== "CONNECTION_CLOSED" || trouble === undefined) throw error;
        throw Object.assign(new Error(saidBy(trouble, (text) => secrets.clean(text))), { code });
      }
    },
    // To be told of changes anew, the server is asked anew what it speaks.
    prior: parts.follows && client.getProtocolEra() === "modern" ? undefined : priorOf(client),
    close,
  };
}

function priorOf(client: Client): PriorDiscovery | undefined {
  if (client.getProtocolEra() === "legacy") return { kind: "legacy" };
  const discover = client.getDiscoverResult();
  return discover && { kind: "modern", discover };
}

/** Tells a server that keeps sessions that this one is over, if it can be told soon. */
async function goodbye(transport: Transport): Promise<void> {
  const { terminateSession } = transport as { terminateSession?: () => Promise<void> };
  if (terminateSession === undefined) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE.goodbye);
  });
  await Promise.race([terminateSession.call(transport).catch(() => undefined), enough]);
  clearTimeout(timer);
}

async function transportTo(
  options: ConnectionOptions,
  onTooLarge: (error: TooLarge) => void,
): Promise<Transport> {
  const { name, definition, parts, secrets } = options;
  const { at } = definition;
  const allowed = mcpSecrets(new Map([[name, definition]]));
  const filled = async (
    texts: Readonly<Record<string, McpText>>,
  ): Promise<Record<string, string>> => {
    const pairs = Object.entries(texts).map(
      async ([key, text]) =>
        [key, typeof text === "string" ? text : await secrets.get(text.secret, allowed)] as const,
    );
    return Object.fromEntries(await Promise.all(pairs));
  };
  // JSON takes at most so much more for what a result is of, as texts are.
  const most = 2 * parts.limits.valueBytes + AROUND;
  if ("url" in at) {
    return httpTransport(await library(parts), at.url, {
      requestInit: { headers: await filled(at.headers) },
      fetch: boundedFetch(parts.fetcher, { most, follows: parts.follows, onTooLarge }),
    });
  }
  const lines = new LineLog(
    (line) => parts.log(`MCP server "${name}" says: ${secrets.clean(line)}`),
    parts.clock,
  );
  const { command, args, cwd, env } = at;
  return parts.program!({
    command,
    args,
    ...(cwd !== undefined && { cwd }),
    env: await filled(env),
    most,
    onError: (text) => lines.write(text),
  });
}

async function library(parts: McpParts): Promise<typeof Library> {
  return (await parts.library()) as unknown as typeof Library;
}
