import type { Duration } from "./duration.ts";
import type { OptionsCheck } from "./options.ts";
import type { MountEntry } from "./ports/files.ts";

/** A text, or the name of the secret that is put there when it is needed. */
export type McpText = string | { readonly secret: string };

/** A server of tools (Model Context Protocol), as a configuration has it: a program, or an address. */
export type McpServerOptions = (McpProgram | McpAddress) & McpCommonOptions;

/** A server that is started on this machine and spoken to by its standard input and output. */
export interface McpProgram {
  /** The program: its path, or a name that is looked for in PATH. It is started without a shell. */
  readonly command: string;
  /** Other users of the machine can see them: secrets belong in `env`. */
  readonly args?: readonly string[];
  /** Its environment: nothing else is in it but PATH and HOME. */
  readonly env?: Readonly<Record<string, McpText>>;
  /** Where it runs. Default: where the home does. */
  readonly cwd?: string;
}

/** A server that is reached by Streamable HTTP. */
export interface McpAddress {
  readonly url: string;
  /** Headers of each request. */
  readonly headers?: Readonly<Record<string, McpText>>;
}

/** What is said of any server. */
export interface McpCommonOptions {
  /** The tools that there are of it for agents, by name. Default: all. */
  readonly allow?: readonly string[];
  /** How long a call may take. Default `"60s"`. */
  readonly timeout?: Duration;
  /** After how long without a call it is let go; it is there again when it is needed. Default `"5m"`. */
  readonly idle?: Duration;
}

/** A server, checked and with its defaults filled in. */
export interface McpServerDefinition {
  readonly at:
    | (Required<Omit<McpProgram, "cwd">> & { readonly cwd: string | undefined })
    | Required<McpAddress>;
  /** Undefined for all. */
  readonly allow: ReadonlySet<string> | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  /** Milliseconds. */
  readonly idle: number;
}

/** The servers of a home, by name. */
export type McpServerDefinitions = ReadonlyMap<string, McpServerDefinition>;

/** The kind of a mount that is such a server. */
export const MCP_KIND = "mcp";

/** The names of tools that can be used: those that the protocol has, and files can have. */
const TOOL = /^(?!\.{1,2}$)[\w.-]{1,128}$/;

/** True for the name of a tool that can be a file beside `tools.json`. */
export function isToolName(name: unknown): name is string {
  return typeof name === "string" && TOOL.test(name) && name !== "tools.json";
}

/** With no "__", by which models' names of tools are told apart. */
function isServerName(name: unknown): name is string {
  return typeof name === "string" && /^(?!.*__)[a-z0-9][a-z0-9_-]{0,31}$/i.test(name);
}

const COMMON = ["allow", "timeout", "idle"] as const satisfies readonly (keyof McpCommonOptions)[];
const PROGRAM = ["command", "args", "env", "cwd"] as const satisfies readonly (keyof McpProgram)[];
const ADDRESS = ["url", "headers"] as const satisfies readonly (keyof McpAddress)[];

/** Checks the `mcp` of a runtime; by name. @throws CONFIG */
export function checkMcpServers(check: OptionsCheck, servers: unknown): McpServerDefinitions {
  if (typeof servers !== "object" || servers === null || Array.isArray(servers)) {
    check.refuse('"mcp" must be an object with one member for each server');
  }
  return new Map(
    Object.entries(servers as Readonly<Record<string, McpServerOptions>>).map(([name, options]) => {
      const where = `mcp.${name}`;
      if (!isServerName(name)) {
        check.refuse(
          `"${where}": a name has 1 to 32 letters, digits, "-" and "_", and no two "_" in a row`,
        );
      }
      return [name, checkServer(check, where, options)];
    }),
  );
}

function checkServer(
  check: OptionsCheck,
  where: string,
  options: McpServerOptions,
): McpServerDefinition {
  const isAddress = typeof options === "object" && options !== null && "url" in options;
  const known = [...(isAddress ? ADDRESS : PROGRAM), ...COMMON];
  const given = check.members(options, known, where);
  const { allow, timeout = "60s", idle = "5m" } = given;
  if (allow !== undefined && !(Array.isArray(allow) && allow.every(isToolName))) {
    check.refuse(`"${where}.allow" must be a list of names of tools`);
  }
  return {
    at: "url" in given ? checkAddress(check, where, given) : checkProgram(check, where, given),
    allow: allow && new Set(allow),
    timeout: check.duration(`${where}.timeout`, timeout, 1),
    idle: check.duration(`${where}.idle`, idle, 1),
  };
}

function checkProgram(
  check: OptionsCheck,
  where: string,
  { command, args = [], env = {}, cwd }: McpProgram,
): McpServerDefinition["at"] {
  if (!isLine(command) || command === "") {
    check.refuse(`"${where}" must have a "command", the program to start, or a "url"`);
  }
  if (!Array.isArray(args) || !args.every(isLine)) {
    check.refuse(`"${where}.args" must be a list of texts`);
  }
  if (cwd !== undefined && !isLine(cwd)) check.refuse(`"${where}.cwd" must be a directory`);
  checkTexts(check, `${where}.env`, env, /^[A-Za-z_]\w{0,127}$/);
  return { command, args, env, cwd };
}

function checkAddress(
  check: OptionsCheck,
  where: string,
  { url, headers = {} }: McpAddress,
): McpServerDefinition["at"] {
  const parsed = typeof url === "string" && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    check.refuse(`"${where}.url" must be an address that begins with https:// or http://`);
  }
  // What stands there would be in logs, and sent on by whoever is between.
  if (parsed.username !== "" || parsed.password !== "") {
    check.refuse(`"${where}.url" must not have a password: give it as a header, by { secret }`);
  }
  checkTexts(check, `${where}.headers`, headers, /^[\w!#$%&'*+.^`|~-]{1,100}$/);
  return { url: parsed.href, headers };
}

function checkTexts(check: OptionsCheck, where: string, texts: unknown, name: RegExp): void {
  if (typeof texts !== "object" || texts === null || Array.isArray(texts)) {
    check.refuse(`"${where}" must be an object of texts`);
  }
  for (const [key, value] of Object.entries(texts)) {
    if (!name.test(key)) check.refuse(`"${where}" must not have the name ${JSON.stringify(key)}`);
    if (typeof value === "string" && isLine(value)) continue;
    const { secret } = check.members(value as { secret: unknown }, ["secret"], `${where}.${key}`);
    // What is wrong is not shown: it may be a secret that stands in the place of its name.
    if (typeof secret !== "string" || !/^[A-Za-z_]\w{0,127}$/.test(secret)) {
      check.refuse(`"${where}.${key}.secret" must be the name of a secret, like "GITHUB_TOKEN"`);
    }
  }
}

function isLine(value: unknown): value is string {
  // oxlint-disable-next-line no-control-regex
  return typeof value === "string" && value.isWellFormed() && !/[\0\r\n]/.test(value);
}

/** The names of all secrets that servers are given. */
export function mcpSecrets(servers: McpServerDefinitions): readonly string[] {
  const names = [...servers.values()].flatMap(({ at }) =>
    Object.values("url" in at ? at.headers : at.env).flatMap((text) =>
      typeof text === "string" ? [] : [text.secret],
    ),
  );
  return [...new Set(names)];
}

/** The mounts that the `mcp` of an agent type stands for: each server below `/tools/`. @throws CONFIG */
export function mcpMounts(check: OptionsCheck, names: unknown): readonly MountEntry[] {
  if (!Array.isArray(names) || !names.every(isServerName)) {
    return check.refuse('"mcp" must be a list of names of servers that defineRuntime() has');
  }
  return names.map((name) => ({
    path: `/tools/${name}`,
    kind: MCP_KIND,
    source: name,
    access: "read-write",
  }));
}

/** Each server that an agent type mounts must be one of the runtime's. @throws CONFIG */
export function checkMcpMounts(
  check: OptionsCheck,
  agents: ReadonlyMap<string, { readonly mounts: readonly MountEntry[] }>,
  servers: McpServerDefinitions,
): void {
  for (const [type, { mounts }] of agents) {
    for (const { path, kind, source } of mounts) {
      if (kind !== MCP_KIND || servers.has(source)) continue;
      const known = [...servers.keys()].join(", ") || "none";
      check.refuse(
        `agent "${type}" mounts the MCP server "${source}" at "${path}", there are: ${known}`,
      );
    }
  }
}
