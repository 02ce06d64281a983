import type { CallToolResult, PriorDiscovery } from "@modelcontextprotocol/client";
import { byteLength } from "../../core/byte-length.ts";
import { FileError } from "../../core/file-error.ts";
import type { Json } from "../../core/json.ts";
import { isToolName } from "../../core/mcp-servers.ts";
import type { McpServerDefinition } from "../../core/mcp-servers.ts";
import type { ExchangeOptions } from "../../core/ports/files.ts";
import { failed, missing } from "../../vfs/failed.ts";
import { connect } from "./connection.ts";
import type { Connection, Tool } from "./connection.ts";
import { bounded, failureOf, isTelling, saidBy } from "./failures.ts";
import type { McpParts, McpSecrets } from "./parts.ts";
import { Patience } from "./patience.ts";

/** What is told of a tool. */
export interface McpTool {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: Json;
  readonly outputSchema?: Json;
  readonly annotations?: Json;
}

/** What the server has, as it was told last. */
interface Listed {
  readonly tools: ReadonlyMap<string, Tool>;
  readonly at: number;
}

/** For how long what a server has is taken for known where it does not tell of changes, ms. */
const FRESH = 60_000;
/** How long a server that fails again and again is left alone: the first time, and at most, ms. */
const REST = { first: 1_000, most: 60_000 } as const;
/** How long it may take a server to say what it has, ms: at first it may have to be started. */
const LISTING = { first: 10_000, later: 3_000 } as const;

/**
 * A server of tools. It is connected to when it is first used, for all who use it, and let go when nobody
 * has for a while. What is lost is connected again by the next use; what fails again and again, after a rest.
 */
export class McpServer {
  readonly name: string;
  readonly #definition: McpServerDefinition;
  readonly #parts: McpParts;
  readonly #secrets: McpSecrets;
  #connection: Promise<Connection> | undefined;
  #prior: PriorDiscovery | undefined;
  #listed: Promise<Listed> | undefined;
  readonly #leaving = new Set<Promise<unknown>>();
  readonly #patience: Patience<readonly McpTool[]>;
  #uses = 0;
  #stopIdle: () => void = () => undefined;
  /** Since the last answer. */
  #failures = 0;
  #restUntil = -Infinity;
  #trouble = "";
  #isClosed = false;

  constructor(name: string, definition: McpServerDefinition, parts: McpParts) {
    this.name = name;
    this.#definition = definition;
    this.#parts = parts;
    this.#secrets = parts.secrets();
    this.#patience = new Patience({
      clock: parts.clock,
      most: LISTING,
      late: (ms) =>
        failed("ETIMEDOUT", "list", "/", `the MCP server "${name}" has not answered in ${ms} ms`),
      onOld: (why) => {
        const said = saidBy(why, (text) => this.#secrets.clean(text));
        parts.log(`MCP server "${name}": agents are offered the tools that it had before: ${said}`);
      },
    });
  }

  /** The tools that agents may have, or had, where the server does not say it in some seconds. */
  tools(): Promise<readonly McpTool[]> {
    return this.#patience.get(async () => {
      const { tools } = await this.#use({ verb: "list", path: "/" }, (of) => this.#list(of));
      return [...tools.values()].map((tool) => this.#shown(tool));
    });
  }

  /** One that agents may have; undefined for none. It is asked for again before it is said to be none. */
  async tool(name: string): Promise<McpTool | undefined> {
    if (!this.#isAllowed(name)) return undefined;
    const tool = await this.#use({ verb: "look at", path: `/${name}` }, (of) =>
      this.#find(of, name),
    );
    return tool && this.#shown(tool);
  }

  /**
   * Has a tool do something, and gives what it says: JSON where it has structure.
   * @throws ENOENT for a tool that is not there for agents; EINVAL for input that it does not take; EREMOTEIO
   *   where the tool itself says that it failed; EFBIG; ETIMEDOUT; EHOSTUNREACH; EIO where the connection was lost
   */
  async call(
    name: string,
    input: Readonly<Record<string, unknown>>,
    { signal, key }: ExchangeOptions = {},
  ): Promise<string> {
    const path = `/${name}`;
    if (!this.#isAllowed(name)) throw missing(path);
    const result = await this.#use({ verb: "call", path, signal }, async (connection) => {
      const tool = await this.#find(connection, name);
      if (tool === undefined) throw missing(path);
      signal?.throwIfAborted();
      return connection.call({ tool, input, signal, key });
    });
    const text = this.#secrets.clean(textOf(result)).toWellFormed();
    if (result.isError === true) {
      throw failed("EREMOTEIO", "call", path, bounded(text) || "the tool says that it failed");
    }
    const size = byteLength(text);
    const { valueBytes } = this.#parts.limits;
    if (size <= valueBytes) return text;
    const why = `its result has ${size} bytes, which is above limits.valueBytes (${valueBytes})`;
    throw failed("EFBIG", "call", path, why);
  }

  /** Lets go of it for good. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#letGo();
    await Promise.all(this.#leaving);
  }

  #isAllowed(name: string): boolean {
    const { allow } = this.#definition;
    return isToolName(name) && (allow === undefined || allow.has(name));
  }

  #shown({ name, title, description, inputSchema, outputSchema, annotations }: Tool): McpTool {
    const told = { name, title, description, inputSchema, outputSchema, annotations };
    const plain = JSON.parse(JSON.stringify(told)) as Json;
    return this.#secrets.cleanJson(plain) as unknown as McpTool;
  }

  async #find(connection: Connection, name: string): Promise<Tool | undefined> {
    const known = this.#listed;
    const found = (await this.#list(connection)).tools.get(name);
    if (found !== undefined || known !== this.#listed) return found;
    this.#listed = undefined;
    return (await this.#list(connection)).tools.get(name);
  }

  async #list(connection: Connection): Promise<Listed> {
    const { clock } = this.#parts;
    const there = await this.#listed?.catch(() => undefined);
    if (there !== undefined && clock.now() - there.at < FRESH) return there;
    const listing = (async (): Promise<Listed> => {
      const all = await connection.tools();
      const tools = all.filter(({ name }) => this.#isAllowed(name));
      return { tools: new Map(tools.map((tool) => [tool.name, tool])), at: clock.now() };
    })();
    this.#listed = listing;
    return listing;
  }

  /** @throws FileError that names `path`, or what the kernel waits for */
  async #use<T>(
    asking: {
      readonly verb: string;
      readonly path: string;
      readonly signal?: AbortSignal | undefined;
    },
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const { verb, path, signal } = asking;
    const of = `the MCP server "${this.name}"`;
    this.#stopIdle();
    this.#uses += 1;
    try {
      const connecting = this.#connected();
      const connection = await connecting.catch((error: unknown) => {
        if (isTelling(error) || error instanceof FileError) throw error;
        const why = `${of} cannot be reached: ${this.#trouble}`;
        throw failed("EHOSTUNREACH", verb, path, why);
      });
      try {
        const value = await work(connection);
        this.#failures = 0;
        return value;
      } catch (error) {
        if (signal?.aborted === true) throw failed("EINTR", verb, path, "whoever asked has left");
        const { errno, why, isAnswer } = failureOf(error, (text) => this.#secrets.clean(text));
        if (isAnswer) this.#failures = 0;
        else if (this.#connection === connecting) this.#lost(why);
        if (error instanceof FileError) throw error;
        throw failed(errno, verb, path, `${of}: ${why}`);
      }
    } finally {
      this.#uses -= 1;
      this.#rest();
    }
  }

  /** @throws FileError where it is not to be tried now */
  #connected(): Promise<Connection> {
    if (this.#connection !== undefined) return this.#connection;
    const of = `Cannot use the MCP server "${this.name}"`;
    if (this.#isClosed) {
      return Promise.reject(new FileError("EHOSTUNREACH", `${of}: the home is stopping`));
    }
    const wait = this.#restUntil - this.#parts.clock.now();
    if (wait > 0) {
      const why = `${this.#trouble} (it is tried again in ${Math.ceil(wait / 1000)} s)`;
      return Promise.reject(new FileError("EHOSTUNREACH", `${of}: ${why}`));
    }
    const begun = this.#parts.clock.now();
    const connecting = this.#connect(() => {
      if (this.#connection === connecting) this.#lost("it ended the connection");
    });
    this.#connection = connecting;
    connecting.then(
      ({ prior }) => {
        this.#prior = prior;
      },
      (error: unknown) => {
        if (this.#connection !== connecting) return;
        if (isTelling(error)) this.#connection = undefined;
        else {
          const waited = this.#parts.clock.now() - begun;
          this.#lost(
            saidBy(error, (text) => this.#secrets.clean(text)),
            waited,
          );
        }
      },
    );
    return connecting;
  }

  async #connect(onLost: () => void): Promise<Connection> {
    return connect({
      name: this.name,
      definition: this.#definition,
      parts: this.#parts,
      secrets: this.#secrets,
      prior: this.#prior,
      onChanged: () => {
        this.#listed = undefined;
      },
      onLost,
    }).catch((error: unknown) => {
      this.#trouble = saidBy(error, (text) => this.#secrets.clean(text));
      throw error;
    });
  }

  /**
   * The next use connects again: at once after the first failure, later after more of them, and not before as much time
   * has passed as was waited in vain.
   */
  #lost(why: string, waited = 0): void {
    this.#trouble = why;
    // The next one there may be another.
    this.#prior = undefined;
    this.#failures += 1;
    const again = this.#failures - 2;
    const rest = again < 0 ? 0 : Math.min(REST.first * 2 ** Math.min(again, 16), REST.most);
    const longer = waited < REST.first ? 0 : waited;
    this.#restUntil = this.#parts.clock.now() + Math.max(rest, longer);
    if (!this.#isClosed) this.#parts.log(`MCP server "${this.name}" is lost: ${why}`);
    this.#letGo();
  }

  #letGo(): void {
    this.#stopIdle();
    const connection = this.#connection;
    this.#connection = undefined;
    this.#listed = undefined;
    if (connection === undefined) return;
    const leaving = connection
      .then((open) => open.close())
      .catch(() => undefined)
      .finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  #rest(): void {
    this.#stopIdle();
    if (this.#uses > 0 || this.#connection === undefined) return;
    const ms = Math.min(this.#definition.idle, this.#parts.idle ?? Infinity);
    this.#stopIdle = this.#parts.clock.after(ms, () => this.#letGo());
  }
}

/** What a tool says, as text: what is of structure, and what is no text, as JSON. */
function textOf({ structuredContent, content }: CallToolResult): string {
  if (structuredContent !== undefined) return JSON.stringify(structuredContent);
  const texts = content.map((block) => (block.type === "text" ? block.text : undefined));
  if (texts.every((text) => text !== undefined)) return texts.join("\n");
  return JSON.stringify(content);
}
