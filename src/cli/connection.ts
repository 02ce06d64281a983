import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { readPlace, TOKEN_FILE } from "../backends/local/place.ts";
import { isLoopback } from "../backends/local/loopback.ts";
import type { Connection } from "../control/client.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { configPath, contextOf, isHttp, readContexts } from "./contexts.ts";
import type { Contexts } from "./contexts.ts";
import { UsageError, notEmpty } from "./usage-error.ts";

/** The data directory when nothing says another. */
export const DEFAULT_DATA = ".openagents";

/** The options of every command that say where agentd is. */
export interface Where {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  readonly data?: string | undefined;
  readonly context?: string | undefined;
}

/** What named a home. */
export type Source =
  | "--url"
  | "--data"
  | "--context"
  | "OPENAGENTS_URL"
  | "OPENAGENTS_CONTEXT"
  | "OPENAGENTS_HOME"
  | "current context"
  | "default";

/** A home, as it was named. */
export interface Target {
  readonly source: Source;
  /** The name of the context, when one named it. */
  readonly context?: string | undefined;
  /** Its address, when it was named by that. */
  readonly url?: string | undefined;
  /** Its data directory; absent for a context that is an address. */
  readonly dir?: string | undefined;
  /**
   * Its token, from where it was named: never one that goes with another address.
   * @throws DENIED for a file that cannot be read
   */
  readonly token: () => string | undefined;
}

/**
 * The home that a command goes to. In this order: `--url`, `--data` or `--context`; `OPENAGENTS_URL`,
 * `OPENAGENTS_CONTEXT` or `OPENAGENTS_HOME`; the current context; `./.openagents`. Whether an agentd runs
 * there makes no difference: what is meant for one home must not reach another because the first is down.
 * @throws UsageError for what cannot be meant; CONFIG, NOT_FOUND for the context
 */
export function findTarget(where: Where): Target {
  const url = notEmpty("--url", where.url);
  const data = notEmpty("--data", where.data);
  const context = notEmpty("--context", where.context);
  const token = notEmpty("--token", where.token);
  if (context !== undefined) {
    if (url === undefined && data === undefined) return ofContext("--context", context, token);
    const other = url === undefined ? "--data" : "--url";
    throw new UsageError(`Cannot use --context and ${other} together: each names a home`);
  }
  const env = environment();
  const dir = resolve(data ?? env.home ?? DEFAULT_DATA);
  if (url !== undefined) {
    const address = httpUrl("--url", url);
    return {
      source: "--url",
      url: address,
      dir,
      token: () =>
        token ??
        (data === undefined ? undefined : tokenFor(address, dir)) ??
        freeToken(address) ??
        tokenFor(address, dir),
    };
  }
  if (data !== undefined) return { source: "--data", dir, token: () => token ?? tokenIn(dir) };
  if (env.url !== undefined) {
    const address = httpUrl("OPENAGENTS_URL", env.url);
    return {
      source: "OPENAGENTS_URL",
      url: address,
      dir,
      token: () => token ?? env.token ?? tokenFor(address, dir),
    };
  }
  if (env.context !== undefined) return ofContext("OPENAGENTS_CONTEXT", env.context, token);
  const own = (): string | undefined => token ?? env.token ?? tokenIn(dir);
  if (env.home !== undefined) return { source: "OPENAGENTS_HOME", dir, token: own };
  const contexts = readContexts();
  const { current } = contexts;
  if (current !== undefined) return ofContext("current context", current, token, contexts);
  return { source: "default", dir, token: own };
}

function environment(): {
  readonly url: string | undefined;
  readonly token: string | undefined;
  readonly context: string | undefined;
  readonly home: string | undefined;
} {
  const { OPENAGENTS_URL, OPENAGENTS_TOKEN, OPENAGENTS_CONTEXT, OPENAGENTS_HOME } = process.env;
  return {
    url: OPENAGENTS_URL || undefined,
    token: OPENAGENTS_TOKEN || undefined,
    context: OPENAGENTS_CONTEXT || undefined,
    home: OPENAGENTS_HOME || undefined,
  };
}

function ofContext(
  source: Source,
  name: string,
  token: string | undefined,
  contexts: Contexts = readContexts(),
): Target {
  const context = contextOf(contexts, name);
  const url = context.url === undefined ? undefined : httpUrl(`context "${name}"`, context.url);
  const dir = context.data === undefined ? undefined : configPath(context.data);
  const stored = (): string | undefined => {
    if (context.token !== undefined) return context.token;
    if (context.tokenFile !== undefined) return secretIn(configPath(context.tokenFile));
    if (dir !== undefined) return url === undefined ? tokenIn(dir) : tokenFor(url, dir);
    return freeToken(url!);
  };
  return { source, context: name, url, dir, token: () => token ?? stored() };
}

/** The token of the environment, unless it says of another address that it is for that. */
function freeToken(url: string): string | undefined {
  const { url: named, token } = environment();
  return named === undefined || named.replace(/\/+$/, "") === url ? token : undefined;
}

/** The token of a data directory, for an address on this machine alone. */
function tokenFor(url: string, dir: string): string | undefined {
  return isElsewhere(url) ? undefined : tokenIn(dir);
}

function tokenIn(dir: string): string | undefined {
  return secretIn(join(dir, TOKEN_FILE), "optional");
}

function secretIn(path: string, optional?: "optional"): string | undefined {
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (optional !== undefined && code === "ENOENT") return undefined;
    throw new OpenAgentsError("DENIED", `Cannot read token: ${message}`);
  }
}

/**
 * The data directory of the home that is meant, for what needs no agentd.
 * @throws UsageError for a context that is an address
 */
export function dataDirectory(where: Where): string {
  const { dir, context } = findTarget(where);
  if (dir !== undefined) return dir;
  throw new UsageError(
    `Cannot find a data directory: the context "${context}" is an address: name a directory with --data DIR`,
  );
}

/** The address of a home. @throws UNREACHABLE when no agentd runs on its directory */
export function targetUrl({ url, dir }: Target): string {
  return url ?? runningAt(dir!);
}

function runningAt(dir: string): string {
  const place = readPlace(dir);
  if (place === undefined || !isAlive(place.pid)) {
    throw new OpenAgentsError(
      "UNREACHABLE",
      `Cannot find agentd: it is not running on "${dir}": start one with "agentd", or say where it is with --data, --url or --context`,
    );
  }
  if (place.url !== undefined) return place.url;
  throw new OpenAgentsError(
    "UNREACHABLE",
    `Cannot reach agentd: it is starting on "${dir}": try again`,
  );
}

/** True when an agentd runs on a data directory. */
export function isRunning(dir: string): boolean {
  const place = readPlace(dir);
  return place !== undefined && isAlive(place.pid);
}

/** @throws UNREACHABLE when no agentd is known of, DENIED when its token is not, and as `findTarget` */
export function findConnection(where: Where): Connection {
  return connectionOf(findTarget(where), where);
}

/** How a home is reached. @throws as `findConnection` */
export function connectionOf(target: Target, where: Where = {}): Connection {
  const url = targetUrl(target);
  const token = target.token();
  if (token !== undefined) return { url, token };
  const { context, dir } = target;
  if (context !== undefined) {
    throw new OpenAgentsError(
      "DENIED",
      `Cannot find the token of ${url}: the context "${context}" has none: give it one with "agentctl context set ${context} --token -", or --token TOKEN`,
    );
  }
  if (target.url !== undefined && isElsewhere(url)) {
    throw new OpenAgentsError(
      "DENIED",
      `Cannot use agentd at ${url}: it is not on this machine, so it does not get the token of a data directory here: give its own with --token TOKEN or OPENAGENTS_TOKEN`,
    );
  }
  const others =
    where.data === undefined ? "--data DIR, --token TOKEN or OPENAGENTS_TOKEN" : "--token TOKEN";
  throw new OpenAgentsError(
    "DENIED",
    `Cannot find the token of ${url}: there is none in "${dir}": give ${others}`,
  );
}

/**
 * Another home than the one that a command is about, by `--to`, `--to-token` and `--to-data`. Nothing that
 * says where the first one is counts for it: its token is not for this one.
 * @throws UsageError, UNREACHABLE or DENIED as `findConnection`
 */
export function findOther({ url, token, data }: Where): Connection {
  notEmpty("--to", url);
  const dir = notEmpty("--to-data", data);
  if (url === undefined && dir === undefined) {
    throw new UsageError("Cannot tell which home is meant: give its address with --to URL");
  }
  const address = url === undefined ? runningAt(resolve(dir!)) : httpUrl("--to", url);
  // Flags come before the environment.
  const found =
    notEmpty("--to-token", token) ??
    (dir === undefined ? process.env["OPENAGENTS_TO_TOKEN"] || undefined : tokenIn(resolve(dir)));
  if (found !== undefined) return { url: address, token: found };
  throw new OpenAgentsError(
    "DENIED",
    dir === undefined
      ? `Cannot find the token of ${address}: give it with --to-token TOKEN, OPENAGENTS_TO_TOKEN or --to-data DIR`
      : `Cannot find the token of ${address}: there is none in "${resolve(dir)}": give it with --to-token TOKEN, or name another directory with --to-data DIR`,
  );
}

/** An address with no slash at its end. @throws UsageError naming `option` */
export function httpUrl(option: string, url: string): string {
  if (!isHttp(url)) {
    throw new UsageError(`Cannot use ${option} "${url}": it is no http address`);
  }
  return url.replace(/\/+$/, "");
}

function isElsewhere(url: string): boolean {
  return !isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ""));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and another user's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
