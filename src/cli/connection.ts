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
 * The address: `--url`, `OPENAGENTS_URL`, or what the data directory says.
 * @throws UNREACHABLE when no agentd runs on the directory; UsageError for what is no address
 */
export function agentdUrl(where: Where): string {
  const given = givenUrl(where);
  if (given !== undefined) return given;
  const dir = dataDirectory(where);
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
 * The token: `--token`, `OPENAGENTS_TOKEN`, or the one in the data directory, which is not for the
 * agentd of another machine.
 */
export function agentdToken(where: Where): string | undefined {
  const given = notEmpty("--token", where.token) ?? (process.env["OPENAGENTS_TOKEN"] || undefined);
  if (given !== undefined) return given;
  const url = givenUrl(where);
  if (url !== undefined && isElsewhere(url)) return undefined;
  const path = join(dataDirectory(where), FILES.token);
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
  throw new OpenAgentsError(
    "DENIED",
    `Cannot find the token of ${url}: there is none in "${dataDirectory(where)}": give --data DIR, --token TOKEN or OPENAGENTS_TOKEN`,
  );
}

function givenUrl(where: Where): string | undefined {
  const url = notEmpty("--url", where.url) ?? (process.env["OPENAGENTS_URL"] || undefined);
  if (url === undefined) return undefined;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    const name = where.url === undefined ? "OPENAGENTS_URL" : "--url";
    throw new UsageError(`Cannot use ${name} "${url}": it is no http address`);
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
