import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { FILES, readPlace } from "../backends/local/data-dir.ts";
import { isLoopback } from "../backends/local/loopback.ts";
import type { Connection } from "../control/client.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { UsageError, notEmpty } from "./usage-error.ts";

/** The data directory when nothing says another. */
export const DEFAULT_DATA = ".openagents";

/** The options of every command that say where agentd is. */
export interface Where {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  readonly data?: string | undefined;
}

/** The data directory: `--data`, `OPENAGENTS_HOME`, or `./.openagents`. @throws UsageError */
export function dataDirectory({ data }: Where): string {
  return resolve(notEmpty("--data", data) ?? (process.env["OPENAGENTS_HOME"] || DEFAULT_DATA));
}

/**
 * The address: `--url`, what the directory of `--data` says, `OPENAGENTS_URL`, or what the data directory
 * says that nobody named with a flag.
 * @throws UNREACHABLE when no agentd runs on the directory; UsageError for what is no address
 */
export function agentdUrl(where: Where): string {
  return givenUrl(where) ?? runningAt(dataDirectory(where));
}

function runningAt(dir: string): string {
  const place = readPlace(dir);
  if (place === undefined || !isAlive(place.pid)) {
    throw new OpenAgentsError(
      "UNREACHABLE",
      `Cannot find agentd: it is not running on "${dir}": start one with "agentd", or say where it is with --data or --url`,
    );
  }
  if (place.url !== undefined) return place.url;
  throw new OpenAgentsError(
    "UNREACHABLE",
    `Cannot reach agentd: it is starting on "${dir}": try again`,
  );
}

/**
 * The token: `--token`, the one in the directory of `--data`, `OPENAGENTS_TOKEN`, or the one in the data
 * directory that nobody named with a flag. Those of directories are not for the agentd of another machine.
 */
export function agentdToken(where: Where): string | undefined {
  const given = notEmpty("--token", where.token);
  if (given !== undefined) return given;
  const url = givenUrl(where);
  const elsewhere = url !== undefined && isElsewhere(url);
  const variable = process.env["OPENAGENTS_TOKEN"] || undefined;
  if (variable !== undefined && (elsewhere || where.data === undefined)) return variable;
  return elsewhere ? undefined : tokenIn(dataDirectory(where));
}

function tokenIn(dir: string): string | undefined {
  const path = join(dir, FILES.token);
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new OpenAgentsError("DENIED", `Cannot read token: ${(error as Error).message}`);
  }
}

/** @throws UNREACHABLE when no agentd is known of, DENIED when its token is not */
export function findConnection(where: Where): Connection {
  const url = agentdUrl(where);
  const token = agentdToken(where);
  if (token !== undefined) return { url, token };
  if (givenUrl(where) !== undefined && isElsewhere(url)) {
    throw new OpenAgentsError(
      "DENIED",
      `Cannot use agentd at ${url}: it is not on this machine, so it does not get the token of a data directory here: give its own with --token TOKEN or OPENAGENTS_TOKEN`,
    );
  }
  const others =
    where.data === undefined ? "--data DIR, --token TOKEN or OPENAGENTS_TOKEN" : "--token TOKEN";
  throw new OpenAgentsError(
    "DENIED",
    `Cannot find the token of ${url}: there is none in "${dataDirectory(where)}": give ${others}`,
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

/** The address that was given as one. A flag comes before the environment: `--data` tells it too. */
function givenUrl({ url, data }: Where): string | undefined {
  if (url !== undefined) return httpUrl("--url", notEmpty("--url", url)!);
  const variable = process.env["OPENAGENTS_URL"] || undefined;
  if (variable === undefined || data !== undefined) return undefined;
  return httpUrl("OPENAGENTS_URL", variable);
}

function httpUrl(option: string, url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
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
