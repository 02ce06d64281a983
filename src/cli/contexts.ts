import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, realpathSync } from "node:fs";
import { renameSync, rmSync, writeSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { OpenAgentsError } from "../core/errors.ts";
import { UsageError } from "./usage-error.ts";

/**
 * A home under a name: an address with its token, or with a file that has it; or the data directory of an
 * agentd on this machine, which may have an address beside it.
 */
export interface Context {
  readonly url?: string;
  readonly token?: string;
  /** An absolute path, or one from the directory of the configuration. */
  readonly tokenFile?: string;
  /** As `tokenFile`. */
  readonly data?: string;
}

/** What the user's configuration says. */
export interface Contexts {
  /** The name of the one that commands go to when nothing else is said. */
  readonly current?: string | undefined;
  readonly contexts: Readonly<Record<string, Context>>;
}

const FIELDS: ReadonlySet<string> = new Set(["url", "token", "tokenFile", "data"]);

/** The user's configuration: in `XDG_CONFIG_HOME`, which counts when it is absolute, or `~/.config`. */
export function configFile(): string {
  const { XDG_CONFIG_HOME } = process.env;
  const base = XDG_CONFIG_HOME?.startsWith("/") ? XDG_CONFIG_HOME : join(homedir(), ".config");
  return join(base, "openagents", "config.json");
}

/** @throws CONFIG naming the file, and how to mend it, when it cannot be read or says what cannot be meant */
export function readContexts(): Contexts {
  const path = configFile();
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return { contexts: {} };
    throw new OpenAgentsError(
      "CONFIG",
      `Cannot read "${path}": ${message}: it must be a file that you can read: chmod 600 it, or move it away`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // What is wrong is not quoted: there may be a token in it.
    const [place = ""] = / at position \d+( \(line \d+ column \d+\))?/.exec(String(error)) ?? [];
    throw broken(path, `it is not JSON${place}`);
  }
  return check(path, value);
}

function check(path: string, value: unknown): Contexts {
  if (!isObject(value)) throw broken(path, "it is no JSON object");
  const { current, contexts = {} } = value;
  if (!isObject(contexts)) throw broken(path, '"contexts" is no object');
  for (const [name, context] of Object.entries(contexts)) {
    const problem = isName(name) ? problemOf(context) : "it is no name for a context";
    if (problem !== undefined)
      throw broken(path, `in "contexts", ${JSON.stringify(name)}: ${problem}`);
  }
  if (current !== undefined && typeof current !== "string") {
    throw broken(path, '"current" is no text');
  }
  return { current, contexts: contexts as Record<string, Context> };
}

function problemOf(context: unknown): string | undefined {
  if (!isObject(context)) return "it is no object";
  for (const [field, value] of Object.entries(context)) {
    if (!FIELDS.has(field)) return `unknown field "${field}", known are ${[...FIELDS].join(", ")}`;
    if (typeof value !== "string" || value === "") return `"${field}" is no text`;
  }
  const { url, token, tokenFile, data } = context as Context;
  if (url === undefined && data === undefined) return '"url" or "data" is missing';
  if (url !== undefined && !isHttp(url)) return '"url" is no http address';
  if ([token, tokenFile, data].filter((one) => one !== undefined).length > 1) {
    return 'only one of "token", "tokenFile" and "data" can be there';
  }
  return undefined;
}

function broken(path: string, problem: string): OpenAgentsError {
  return new OpenAgentsError(
    "CONFIG",
    `Cannot use "${path}": ${problem}: mend it, or move it away and make your contexts anew with "agentctl context set"`,
  );
}

/**
 * Writes the user's configuration, for this user alone: it is there as before or as a whole. Where it is
 * a link, what it leads to is written. @throws CONFIG
 */
export function writeContexts(contexts: Contexts): void {
  const path = configFile();
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const target = real(path);
    const part = `${target}.${process.pid}.part`;
    rmSync(part, { force: true });
    try {
      const file = openSync(part, "wx", 0o600);
      try {
        writeSync(file, `${JSON.stringify(contexts, undefined, 2)}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(part, target);
    } finally {
      rmSync(part, { force: true });
    }
  } catch (error) {
    throw new OpenAgentsError("CONFIG", `Cannot write "${path}": ${(error as Error).message}`);
  }
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The context of a name. @throws NOT_FOUND naming those that there are */
export function contextOf({ contexts }: Contexts, name: string): Context {
  const context = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (context !== undefined) return context;
  const names = Object.keys(contexts);
  const there = names.length === 0 ? "there is none yet" : `there are ${names.join(", ")}`;
  throw new OpenAgentsError(
    "NOT_FOUND",
    `Cannot use context "${name}": ${there}: make it with "agentctl context set ${isName(name) ? name : "NAME"} --url URL"`,
  );
}

/** A path out of the configuration. */
export function configPath(path: string): string {
  return resolve(dirname(configFile()), path);
}

/** @throws UsageError for what no context can be called */
export function contextName(name: string): string {
  if (isName(name)) return name;
  throw new UsageError(
    `Cannot name a context ${JSON.stringify(name)}: use 1 to 63 letters, digits, ".", "_" and "-", the first a letter or digit`,
  );
}

function isName(name: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,62}$/i.test(name);
}

/** True for an address that agentd can be asked at. */
export function isHttp(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
